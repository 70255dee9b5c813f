import numpy as np
import pytest

from imagetagger.backbones.model import from_params
from imagetagger.export.independent import check_networks, relative_error
from imagetagger.export.parity import ExportError
from imagetagger.options import VARIANTS
from tests.helpers.small import SIZE, backbone, converted

pytestmark = pytest.mark.slow


def check(models, min_cosine=0.98):
    check_networks(backbone(), models, SIZE, min_cosine=min_cosine)


def damaged(model: bytes) -> bytes:
    """The float32 model with one flipped bit: a weight of the last convolution becomes a large number."""
    kernel, _ = from_params(backbone().params, backbone().net)[-1]
    start = model.index(np.ascontiguousarray(kernel[0, 0].T).tobytes())  # TFLite's order: outputs first
    flipped = bytearray(model)
    flipped[start + 3] ^= 0x40
    return bytes(flipped)


def test_every_variant_computes_what_jax_does():
    check({variant: converted(variant) for variant in VARIANTS}, min_cosine=0.9)


def test_a_damaged_float32_model_cannot_be_its_own_reference():  # R04-damaged-cache
    with pytest.raises(ExportError, match=r"the float32 network does not .* imagetagger cache clear models"):
        check({"float32": damaged(converted("float32"))})


def test_a_model_of_other_weights_is_refused():
    with pytest.raises(ExportError, match=r"the float32 network does not compute .*imagetagger cache clear"):
        check({"float32": converted("float32", "torchvision")})


def test_the_relative_error_is_that_of_the_worst_pair():
    y = np.array([[3.0, 4.0], [0.0, 10.0]], np.float32)
    assert relative_error(y, y) == 0
    assert relative_error(y + np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), y) == pytest.approx(0.2)
    assert np.isnan(relative_error(y * np.nan, y))
