import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.torch_pickle import MAGIC, load_state_dict
from imagetagger.system.atomic_files import file_sha256


class Storage(NamedTuple):
    key: str
    values: np.ndarray
    declared: int | None = None


class Call:
    """An object that is pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """The names that PyTorch's own files refer to."""

    def rebuild(*_): ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    utils._rebuild_tensor_v2 = rebuild
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


def tensor(storage: Storage, shape, strides, offset=0) -> Call:
    rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
    return Call(rebuild, storage, offset, shape, strides, False, OrderedDict())


def row(*values: float) -> Call:
    return tensor(Storage("row", np.array(values, "<f4")), (len(values),), (1,))


class TorchPickler(pickle.Pickler):
    def persistent_id(self, item):
        if not isinstance(item, Storage):
            return None
        kinds = {"f4": "FloatStorage", "i8": "LongStorage", "f2": "HalfStorage"}
        kind = getattr(sys.modules["torch"], kinds[item.values.dtype.str[1:]])
        return "storage", kind, item.key, "cpu", item.values.size, None


def write(path: Path, state, *storages: Storage, magic=MAGIC, keys=None) -> Path:
    with path.open("wb") as file:
        for item in (magic, 1001, {"little_endian": True}):
            pickle.dump(item, file, 2)
        TorchPickler(file, 2).dump(state)
        pickle.dump([storage.key for storage in storages] if keys is None else keys, file, 2)
        for storage in storages:
            count = storage.values.size if storage.declared is None else storage.declared
            file.write(struct.pack("<q", count) + storage.values.tobytes())
    return path


NUMBERS = np.arange(24, dtype="<f4")


def test_tensors_are_read_by_shape_offset_and_strides(tmp_path):
    floats, integers = Storage("0", NUMBERS), Storage("1", np.array([7], "<i8"))
    state = OrderedDict(
        plain=tensor(floats, (2, 3, 4), (12, 4, 1)),
        transposed=tensor(floats, (4, 6), (1, 4)),
        late=tensor(floats, (2, 2), (2, 1), 20),
        count=tensor(integers, (), ()),
        empty=tensor(floats, (0, 3), (3, 1)),
    )
    got = load_state_dict(write(tmp_path / "x.pth", state, floats, integers))
    assert list(got) == list(state)
    np.testing.assert_array_equal(got["plain"], NUMBERS.reshape(2, 3, 4))
    np.testing.assert_array_equal(got["transposed"], NUMBERS.reshape(6, 4).T)
    np.testing.assert_array_equal(got["late"], [[20, 21], [22, 23]])
    assert (got["count"], got["count"].dtype) == (7, np.int64)
    assert got["empty"].shape == (0, 3)
    assert all(array.flags.writeable for array in got.values())


def attacks(marker: Path) -> dict[str, Call]:
    return {
        "os.system": Call(os.system, f"touch {marker}"),
        "eval": Call(eval, f"open({str(marker)!r}, 'w')"),
        "exec": Call(exec, f"open({str(marker)!r}, 'w')"),
        "open": Call(open, str(marker), "w"),
        "Path.touch": Call(Path.touch, marker),
        "getattr": Call(getattr, "", "join"),
        "class": Call(dict),
    }


@pytest.mark.parametrize(
    "place", ["whole file", "state dict", "a value", "a tensor's shape", "a storage's key", "keys"]
)
@pytest.mark.parametrize("name", attacks(Path()))
def test_code_in_a_pickle_is_refused_and_never_run(name, place, tmp_path):
    marker = tmp_path / "executed"
    attack, storage = attacks(marker)[name], Storage("row", NUMBERS)
    good, path = OrderedDict(a=row(1, 2)), tmp_path / "x.pth"
    if place == "whole file":
        write(path, good, magic=attack)
    elif place == "state dict":
        write(path, attack)
    elif place == "a value":
        write(path, OrderedDict(a=row(1, 2), b=OrderedDict(c=[attack])), storage)
    elif place == "a tensor's shape":
        write(path, OrderedDict(a=tensor(storage, attack, (1,))), storage)
    elif place == "a storage's key":
        write(path, OrderedDict(a=tensor(Storage(attack, NUMBERS), (1,), (1,))), storage)
    else:
        write(path, good, keys=[attack])
    with pytest.raises(ValueError, match=r"x\.pth is not a legacy PyTorch state dict: refused to load"):
        load_state_dict(path)
    assert not marker.exists()


def test_such_code_runs_where_the_unpickler_trusts_it(tmp_path):
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps(attacks(marker)["os.system"], 2))
    assert marker.exists()


def good_file(path: Path) -> Path:
    storage = Storage("row", NUMBERS)
    return write(path, OrderedDict(a=tensor(storage, (24,), (1,))), storage)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = good_file(tmp_path / "x.pth")
    data = path.read_bytes()
    assert load_state_dict(path)["a"].size == 24
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="is not a legacy PyTorch state dict"):
            load_state_dict(path)


def test_damaged_bytes_give_tensors_or_a_value_error(tmp_path):
    path = good_file(tmp_path / "x.pth")
    data, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for position in range(len(data) - NUMBERS.nbytes):
        damaged = bytearray(data)
        damaged[position] ^= rng.integers(1, 256)
        path.write_bytes(damaged)
        try:
            load_state_dict(path)
        except ValueError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("magic", [MAGIC + 1, "a string", None])
def test_another_magic_number_is_refused(magic, tmp_path):
    with pytest.raises(ValueError, match="magic number"):
        load_state_dict(write(tmp_path / "x.pth", OrderedDict(), magic=magic))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(100), b"<!DOCTYPE html>", bytes(1000)])
def test_another_kind_of_file_is_refused(content, tmp_path):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match="is not a legacy PyTorch state dict"):
        load_state_dict(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((25,), (1,), 0), ((24,), (1,), 1), ((2, 2), (24, 1), 0), ((1,), (1,), -1), ((3,), (-1,), 5), ((-1,), (1,), 0),
        ((25,), (0,), 0), ((2**40,), (0,), 0), ((2**31, 2**31), (0, 0), 0), ((2,), (2**62,), 0), ((4,), (1, 1), 0),
        ((2.0,), (1,), 0),
        ("ab", (1, 1), 0), ((1,), (1,), None),
    ],
)  # fmt: skip
def test_a_tensor_outside_its_storage_is_refused(shape, strides, offset, tmp_path):
    storage = Storage("row", NUMBERS)
    with pytest.raises(ValueError, match="is not a legacy PyTorch state dict"):
        load_state_dict(write(tmp_path / "x.pth", OrderedDict(a=tensor(storage, shape, strides, offset)), storage))


@pytest.mark.parametrize("declared", [-1, -(2**62), 25, 2**40, 2**62, 2**63 - 1])
def test_an_absurd_size_of_a_storage_is_refused(declared, tmp_path):
    storage = Storage("row", NUMBERS, declared)
    with pytest.raises(ValueError, match="is not a legacy PyTorch state dict"):
        load_state_dict(write(tmp_path / "x.pth", OrderedDict(a=tensor(storage, (24,), (1,))), storage))


@pytest.mark.parametrize("content", ["list", "number in it", "text in it", "nothing", "missing", "half"])
def test_anything_but_a_state_dict_of_tensors_is_refused(content, tmp_path):
    half = Storage("row", NUMBERS.astype("<f2"))
    state = {
        "list": [1, 2],
        "number in it": OrderedDict(a=1),
        "text in it": OrderedDict(a="row"),
        "nothing": None,
        "missing": OrderedDict(a=row(1, 2)),
        "half": OrderedDict(a=tensor(half, (24,), (1,))),
    }[content]
    with pytest.raises(ValueError, match="is not a legacy PyTorch state dict"):
        load_state_dict(write(tmp_path / "x.pth", state))


def test_a_missing_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_state_dict(tmp_path / "x.pth")


@pytest.mark.slow
def test_the_published_file_of_efficientnet_lite0_is_read_completely(tmp_path):
    backbone = load_backbone("efficientnet_lite0", width=1.0, resolution=224, weights="imagenet", cache=tmp_path)
    path = Path(backbone.weights)
    assert file_sha256(path).startswith("57934424")
    assert backbone.weights_sha256 == file_sha256(path)
    tensors = load_state_dict(path)
    assert len(tensors) == 296
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in tensors.values())
    assert all((array >= 0).all() for name, array in tensors.items() if name.endswith("running_var"))
