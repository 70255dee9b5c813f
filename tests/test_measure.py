import numpy as np
import pytest

from imagetagger import gaussian, measure
from imagetagger.measure import BadDataError


def test_scores_of_batches_are_those_of_the_whole(monkeypatch):
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    fitted = gaussian.finalize(gaussian.fit([(x, (np.arange(50, dtype=np.int32) % 3)[:, None])], 3, 4))
    whole = measure.score(fitted, x)
    monkeypatch.setattr(measure, "BATCH", 16)
    np.testing.assert_allclose(measure.score(fitted, x), whole, rtol=1e-5)
    assert measure.score(fitted, x[:0]).shape == (0, 3)


def test_pictures_that_all_look_alike_are_refused():
    x, labels = np.ones((6, 2), np.float32), np.array([[0], [1]] * 3, np.int32)
    fitted = gaussian.finalize(gaussian.fit([(x, labels)], 2, 2))
    with pytest.raises(BadDataError, match="look alike"):
        measure.score(fitted, x)


def test_a_fit_takes_no_picture_that_is_held_out(monkeypatch):
    x = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    labels, held = (np.arange(20, dtype=np.int32) % 2)[:, None], np.arange(20) % 5 == 0
    monkeypatch.setattr(measure, "BATCH", 7)
    got, expected = measure.fit(x, labels, held, 2), gaussian.fit([(x[~held], labels[~held])], 2, 3)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_temperature_that_nothing_asked_to_rise_is_told(caplog):
    x = (np.arange(20) % 2 * 100.0)[:, None].astype(np.float32) + np.random.default_rng(0).normal(size=(20, 2)).astype(
        np.float32
    )
    labels = (np.arange(20, dtype=np.int32) % 2)[:, None]
    fitted = gaussian.finalize(gaussian.fit([(x, labels)], 2, 2))
    assert measure.calibrate(fitted, x[:4], labels[:4]) < 1.01
    assert "all 4 calibration pictures were told right" in caplog.text
