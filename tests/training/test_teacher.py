import numpy as np

from imagetagger.training.teacher import teach_probabilities
from tests.helpers.composed import settings

WHITENED = settings("classifier=whitened").classifier


def test_a_teacher_is_as_sure_as_it_is_right():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    x = (rng.normal(size=(4, 12))[labels] + rng.normal(size=(400, 12))).astype(np.float32)
    probabilities = teach_probabilities(x, labels[:, None].astype(np.int32), np.arange(400), 4, WHITENED)
    assert (probabilities.shape, probabilities.dtype) == ((400, 4), np.float16)
    np.testing.assert_allclose(probabilities.sum(1, dtype=np.float64), 1, atol=4e-3)
    accuracy = (probabilities.argmax(1) == labels).mean()
    assert accuracy > 0.6
    assert abs(probabilities.max(1).mean(dtype=np.float64) - accuracy) < 0.1
