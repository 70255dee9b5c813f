"""A bundle's classifier in JAX, and pictures as a bundle's user brings them."""

from pathlib import Path

import jax
import numpy as np

from imagetagger.bundle.reader import Bundle
from imagetagger.classifier.naive_bayes import Gaussian, finalize, fit_prior
from imagetagger.classifier.statistics import Statistics
from imagetagger.data.tiny_imagenet import Archive, ListedExample, open_archive, read_examples
from imagetagger.preprocess import preprocess


def refit(bundle: Bundle) -> Gaussian:
    """The classifier of a bundle's statistics, by the settings that the bundle was made with.

    Raises:
        ValueError: its prior is not fitted on its statistics alone, but given reference statistics.
    """
    if bundle.manifest.provenance["reference"] is not None:
        raise ValueError(
            "got a bundle with the prior of classifier.reference=auto, which its statistics do not determine, expected "
            "one of classifier.reference=none"
        )
    config = bundle.manifest.provenance["config"]["classifier"]
    statistics = Statistics(*map(jax.device_put, bundle.rows))
    prior = fit_prior(
        statistics,
        _or_infinite(config["variance_prior_strength"]),
        config["var_smoothing"],
        config["mean_variance_floor"],
        _or_infinite(config["isotropic_prior_strength"]),
    )
    return jax.block_until_ready(finalize(statistics, prior, config["class_prior"]))


def _or_infinite(value: float | None) -> float:
    return np.inf if value is None else value  # JSON has no infinity


def validation_pictures(source: Path) -> tuple[Archive, list[ListedExample]]:
    """The validation pictures of Tiny ImageNet, and the archive to read them from."""
    archive = open_archive(source)
    return archive, read_examples(archive, "validation")


def crop(archive: Archive, picture: ListedExample, size: int) -> np.ndarray:
    """Decode and crop a picture: uint8 (size, size, 3)."""
    return preprocess(archive.read(picture.file), size)
