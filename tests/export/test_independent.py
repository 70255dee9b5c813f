import numpy as np
import pytest

from imagetagger.backbones.model import from_params
from imagetagger.convert.quantize import MODELS
from imagetagger.export.independent import check_networks, relative_error
from imagetagger.export.parity import ExportError
from imagetagger.options import VARIANTS
from imagetagger.system.checked_files import write_checked
from tests.helpers.small import SIZE, backbone, converted

pytestmark = pytest.mark.slow


def check(models, cache, min_cosine=0.98):
    check_networks(backbone(), models, SIZE, min_cosine=min_cosine, cache=cache)


def damaged(model: bytes) -> bytes:
    """The float32 model with one flipped bit: a weight of the last convolution becomes a large number."""
    kernel, _ = from_params(backbone().params, backbone().net)[-1]
    start = model.index(np.ascontiguousarray(kernel[0, 0].T).tobytes())  # TFLite's order: outputs first
    flipped = bytearray(model)
    flipped[start + 3] ^= 0x40
    return bytes(flipped)


def test_every_variant_computes_what_jax_does(tmp_path):
    check({variant: converted(variant) for variant in VARIANTS}, tmp_path, min_cosine=0.9)


def test_a_damaged_float32_model_cannot_be_its_own_reference(tmp_path):  # R04-damaged-cache
    model = damaged(converted("float32"))
    file = write_checked(tmp_path / MODELS, "key-jax1-tensorflow2", ".tflite", model)  # damaged before its checksum
    with pytest.raises(ExportError, match="the float32 network in") as raised:
        check({"float32": model}, tmp_path)
    assert f"Delete {file}, and run again" in str(raised.value)


def test_a_model_of_other_weights_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"the float32 network does not compute .*imagetagger cache clear"):
        check({"float32": converted("float32", "torchvision")}, tmp_path)


def test_the_relative_error_is_that_of_the_worst_pair():
    y = np.array([[3.0, 4.0], [0.0, 10.0]], np.float32)
    assert relative_error(y, y) == 0
    assert relative_error(y + np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), y) == pytest.approx(0.2)
    assert np.isnan(relative_error(y * np.nan, y))
