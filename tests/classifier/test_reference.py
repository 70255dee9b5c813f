import hashlib

import jax.numpy as jnp
import numpy as np
import pytest
from msgspec.structs import replace

from imagetagger.backbones.registry import PRETRAINED
from imagetagger.classifier.fit import to_coordinates
from imagetagger.classifier.reference import (
    REFERENCES,
    UNKNOWN_CLASS_WEIGHT,
    WITHIN_SHRINKAGE,
    ReferenceEntry,
    decode_reference,
    encode_reference,
    fit_reference,
    read_reference,
    read_references,
)
from imagetagger.classifier.scatter import scatter_from_batch, within_covariance
from tests.helpers.gaussian_world import DIMENSIONS, FEATURES, drawn, world_reference, world_scatter
from tests.helpers.precision import rounding

FLOAT16 = float(np.finfo(np.float16).eps)
LARGEST_BYTES = 1_700_000
HEAD = np.random.default_rng(5).normal(size=(30, FEATURES)) * np.geomspace(3, 0.01, FEATURES)


def covariances(head=None):
    """Covariance within classes, the same shrunk, and that between classes, by the formulas of the docstring."""
    scatter = world_scatter()
    pictures, classes = float(scatter.count.sum()), len(scatter.count)
    within = np.asarray(within_covariance(scatter), np.float64) * pictures / (pictures - classes)
    mean_variance = np.trace(within) / FEATURES
    shrunk = (1 - WITHIN_SHRINKAGE) * within + WITHIN_SHRINKAGE * mean_variance * np.eye(FEATURES)
    sampling = within * np.mean(1 / np.asarray(scatter.count, np.float64))
    between = np.cov(np.asarray(scatter.mean, np.float64).T) - sampling
    if head is not None:
        of_head = within @ (head - head.mean(0)).T @ (head - head.mean(0)) @ within
        of_head *= np.trace(np.linalg.solve(shrunk, between)) / np.trace(np.linalg.solve(shrunk, of_head))
        between = (between + of_head) / 2
    return shrunk, between + UNKNOWN_CLASS_WEIGHT / mean_variance * within @ within


def assert_product(weights, matrix, expected):
    """That G^T M G is as expected, up to entries of G in float16."""
    magnitude = np.abs(weights).T @ np.abs(matrix) @ np.abs(weights)
    tolerance = FLOAT16 * magnitude + rounding(FEATURES, magnitude.max())
    assert (np.abs(weights.T @ matrix @ weights - expected) <= tolerance).all()


@pytest.mark.parametrize("head", [None, HEAD], ids=["no head", "head"])
def test_coordinates_whiten_within_classes_and_are_uncorrelated_between_them(head):
    reference = fit_reference(world_scatter(), head, DIMENSIONS)
    weights = reference.weights.astype(np.float64)
    within, between = covariances(head)
    assert_product(weights, within, np.eye(DIMENSIONS))
    assert_product(weights, between, np.diag(reference.between))
    assert reference.weights.shape == (FEATURES, DIMENSIONS)
    assert (np.diff(reference.between) <= 0).all()
    np.testing.assert_array_equal(reference.weights, reference.weights.astype(np.float16))


def test_the_kept_coordinates_are_those_in_which_classes_differ_most():
    everything, few = (fit_reference(world_scatter(), None, dimensions) for dimensions in (FEATURES, 10))
    np.testing.assert_array_equal(few.between, everything.between[:10])
    np.testing.assert_array_equal(few.weights, everything.weights[:, :10])


def test_a_head_counts_for_what_its_classes_differ_in():
    direction = np.linalg.qr(np.random.default_rng(3).normal(size=(FEATURES, 2)))[0].T
    heads = [np.outer(np.linspace(-1, 1, 7), one) for one in direction]  # logits that differ in one direction only
    references = [fit_reference(world_scatter(), head, DIMENSIONS) for head in heads]
    within, _ = covariances()
    for one, reference in zip(direction, references, strict=True):
        first = reference.weights[:, 0] @ within @ one
        assert first**2 > 0.5 * one @ within @ one  # the first coordinate is nearly that direction
        assert reference.between[0] > fit_reference(world_scatter(), None, 1).between[0]


def test_classes_without_pictures_change_nothing():
    x, labels = drawn(150, 40, world=1000)
    more = fit_reference(scatter_from_batch(jnp.asarray(x), jnp.asarray(labels), 155), None, DIMENSIONS)
    assert np.abs(more.mean - world_reference().mean).max() <= rounding(len(x), np.abs(x).max())
    np.testing.assert_allclose(more.between, world_reference().between, rtol=1e-3)


def test_coordinates_are_the_same_in_batches(monkeypatch):
    from imagetagger.classifier import fit

    x, _ = drawn(4, 9)
    reference = world_reference()
    expected = (x - reference.mean).astype(np.float64) @ reference.weights
    magnitude = np.abs(x - reference.mean).max() * np.abs(reference.weights).sum(0).max()
    monkeypatch.setattr(fit, "BATCH_ROWS", 8)
    np.testing.assert_allclose(to_coordinates(x, reference), expected, atol=rounding(2 * FEATURES, magnitude))
    assert to_coordinates(x[:0], reference).shape == (0, DIMENSIONS)


def test_a_file_gives_the_reference_back():
    probe = np.arange(3 * FEATURES, dtype=np.float32).reshape(3, FEATURES)
    reference = world_reference()._replace(log_temperature=(2.5, 0.5), probe=probe)
    data = encode_reference(reference)
    again = decode_reference(data)
    for name, value in reference._replace(sha256=hashlib.sha256(data).hexdigest())._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert again.weights.dtype == again.probe.dtype == again.mean.dtype == np.float32


@pytest.fixture
def stored(tmp_path):
    """A reference in a folder, and its entry."""
    data = encode_reference(world_reference())
    (tmp_path / "made.safetensors").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    texts = dict.fromkeys(("architecture", "padding", "activation", "weights_sha256", "data"), "made")
    return tmp_path, ReferenceEntry(
        file="made.safetensors",
        sha256=digest,
        width=1,
        resolution=32,
        classes=150,
        pictures=6000,
        has_head=False,
        **texts,
    )


def test_a_reference_is_read_as_its_entry_names_it(stored):
    folder, entry = stored
    np.testing.assert_array_equal(read_reference(entry, folder).weights, world_reference().weights)


def test_a_damaged_or_missing_reference_is_refused_by_name(stored):
    folder, entry = stored
    path = folder / entry.file
    for change in (lambda data: data[:-1], lambda data: data + b" ", lambda data: b""):
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(ValueError, match=r"made\.safetensors is missing or damaged: .* reinstall imagetagger"):
            read_reference(entry, folder)
    with pytest.raises(ValueError, match=r"other is missing or damaged"):
        read_reference(replace(entry, file="other"), folder)


def test_a_folder_without_an_index_has_no_references(tmp_path):
    assert read_references(tmp_path) == ()


ENTRIES = read_references()


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.file for entry in ENTRIES])
def test_every_installed_reference_is_whole_small_and_of_a_known_network(entry):
    assert (REFERENCES / entry.file).stat().st_size <= LARGEST_BYTES
    reference = read_reference(entry)
    features, dimensions = reference.weights.shape
    assert reference.mean.shape == (features,)
    assert reference.between.shape == (dimensions,)
    assert reference.probe.shape[1] == features
    assert len(reference.probe) > 0
    assert (np.diff(reference.between) <= 0).all()
    assert (reference.between > 0).all()
    assert np.isfinite(reference.weights).all()
    assert reference.log_temperature[1] > 0
    assert entry.architecture in PRETRAINED


def test_the_default_network_has_a_reference():
    assert ("efficientnet_lite0", 224) in {(entry.architecture, entry.resolution) for entry in ENTRIES}
    assert {path.name for path in REFERENCES.iterdir()} == {"index.json", *(entry.file for entry in ENTRIES)}
