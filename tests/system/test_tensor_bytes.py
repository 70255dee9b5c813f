import numpy as np
import pytest
from safetensors.numpy import save

from imagetagger.system.tensor_bytes import read_header, view_tensor

TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.arange(4, dtype=np.float16),
    "c": np.arange(5, dtype=np.uint8),
}
DATA = save(TENSORS, {"space": "x"})


@pytest.mark.parametrize("data", [DATA, np.frombuffer(DATA, np.uint8)])
def test_tensors_are_views_of_the_contents(data):
    for name, tensor in TENSORS.items():
        view = view_tensor(data, name)
        assert (view.dtype, view.shape) == (tensor.dtype, tensor.shape)
        assert np.array_equal(view, tensor)
        assert np.shares_memory(view, np.frombuffer(DATA, np.uint8))


def test_the_header_has_the_metadata():
    header, start = read_header(DATA)
    assert header["__metadata__"] == {"space": "x"}
    assert len(DATA) == start + sum(tensor.nbytes for tensor in TENSORS.values())
