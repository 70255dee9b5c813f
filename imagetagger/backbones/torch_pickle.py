"""Read a state dict from PyTorch's legacy (pre-zip) file without PyTorch, and without trusting the pickle.

The file is a sequence of pickles (magic number, protocol, byte order, the object, the storages' keys), then
each storage's element count and raw bytes: torch/serialization.py, `_legacy_save`.
"""

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle._Unpickler):
    """Loads the few names that a state dict needs and refuses all others, hence any code.

    It is Python's unpickler: C's allocates gigabytes for a damaged file that claims as many objects.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"refused to load {module}.{name}: expected a plain state dict of tensors")

    def persistent_load(self, pid: Any) -> _Storage:
        _, storage_type, key, *_ = pid
        return _Storage(key, DTYPES[storage_type])


def load_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a legacy PyTorch state dict by name.

    Raises:
        ValueError: the file has another format, or contains anything but tensors.
    """
    file = io.BytesIO(path.read_bytes())
    try:
        if _unpickle(file) != MAGIC:
            raise pickle.UnpicklingError("its magic number differs")
        _unpickle(file), _unpickle(file)
        tensors = _unpickle(file)
        dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        storages = {key: _read_storage(file, dtypes[key]) for key in _unpickle(file)}
        return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except Exception as error:  # a malformed pickle raises almost anything
        raise ValueError(f"{path} is not a legacy PyTorch state dict: {error}") from error


def _unpickle(file: IO[bytes]) -> Any:
    return _TensorUnpickler(file).load()


def _read_storage(file: IO[bytes], dtype: np.dtype[Any]) -> np.ndarray:
    size = int.from_bytes(file.read(8), "little", signed=True) * dtype.itemsize
    data = file.read(max(size, 0))
    if len(data) != size:
        raise ValueError(f"a storage of {size} bytes, of which the file has {len(data)}")
    return np.frombuffer(data, dtype)


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    strides = [stride * storage.itemsize for stride in tensor.strides]
    end = tensor.offset + 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    outside = end > storage.size or tensor.offset < 0 or min(strides, default=0) < 0
    if outside or math.prod(tensor.shape) > storage.size:
        raise ValueError(f"a tensor of shape {tensor.shape} reaches outside its storage of {storage.size} elements")
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
