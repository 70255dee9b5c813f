"""Tensors in the bytes of a .safetensors file, without copying them, and its metadata."""

import json
from typing import Any

import numpy as np

TENSOR_DTYPES = {"F32": "<f4", "F16": "<f2", "U8": "u1"}


def read_header(data: bytes | np.ndarray) -> tuple[dict[str, Any], int]:
    """Return the header of a file, and where its tensors start.

    Args:
        data: the contents; uint8 where they are an array, as of a file that is mapped into memory.
    """
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    header: dict[str, Any] = json.loads(bytes(data[8:start]))
    return header, start


def view_tensor(data: bytes | np.ndarray, name: str) -> np.ndarray:
    """Return a tensor of a file as a view of its contents; see `read_header`."""
    header, start = read_header(data)
    tensor = header[name]
    first, last = tensor["data_offsets"]
    contents = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    return contents[start + first : start + last].view(TENSOR_DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
