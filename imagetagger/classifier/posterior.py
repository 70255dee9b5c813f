"""The classifier of a data set given a reference: posterior estimates where a few pictures alone would mislead.

In reference coordinates (reference.py) the reference's within-class covariance is I and its between-class covariance
diag(b). The data set contributes scales, which all of its numbers together determine well, and with many pictures also
shapes:

- within: W = (strength a I + S) / (strength + n - C), the posterior mean under an inverse Wishart whose shape is the
  reference's and whose scale a is the data set's: a = trace(S) / ((n - C) d), S the scatter of n pictures around the
  means of their C tags. Coordinates are whitened symmetrically, by W^-1/2, so that they remain those of the reference.
- between: r b, where r is the posterior mean of a scale under an inverse gamma worth MEAN_SCALE_TAGS tags.
- centre: the mean of the tags' means and of the reference, worth CENTRE_TAGS tags.

Nothing else depends on the pictures. A transform that follows few pictures closely makes pictures that it has seen
look nearer to their tag than new ones, and a tag that is taught later then draws the new ones.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.naive_bayes import Prior
from imagetagger.classifier.reference import Reference
from imagetagger.classifier.scatter import Scatter
from imagetagger.classifier.whitening import Transform

STRENGTHS = (20_000.0, 5_000.0, 1_250.0)
"""Weights of the reference's within-class covariance, in pictures, among which a data set chooses; strongest first."""

CENTRE_TAGS = 5.0
"""Weight of the reference's centre, in tags."""

MEAN_SCALE_TAGS = 2.0
"""Weight of the reference's between-class scale, in tags."""


class Spectrum(NamedTuple):
    """The within-class scatter of a data set in reference coordinates, ready for any strength.

    Attributes:
        scatter: count (C,), mean (C, d) and within (d, d).
        scale: a, the within-class variance as a share of the reference's.
        eigenvalues: (d,) of S / a.
        vectors: (d, d), its eigenvectors as columns.
    """

    scatter: Scatter
    scale: float
    eigenvalues: np.ndarray
    vectors: np.ndarray


def decompose_scatter(scatter: Scatter) -> Spectrum:
    """Return the spectrum of a scatter in reference coordinates; the scale is 1 if no tag has two pictures."""
    scatter = Scatter(*(np.asarray(field, np.float64) for field in scatter))  # type: ignore[arg-type]
    features, degrees = scatter.mean.shape[1], _degrees_of_freedom(scatter)
    # Worth two pictures of the reference, so that one pair of equal pictures does not make it 0.
    scale = float((np.trace(scatter.within) + 2 * features) / ((degrees + 2) * features))
    eigenvalues, vectors = np.linalg.eigh(np.asarray(scatter.within) / scale)
    return Spectrum(scatter, scale, np.maximum(eigenvalues, 0), vectors)


def fit_posterior(
    spectrum: Spectrum, reference: Reference, strength: float, variance_prior_strength: float
) -> tuple[Transform, Prior]:
    """Return the transform of reference coordinates, and the prior of the Gaussians; see the module's docstring.

    Transformed coordinates have unit length: with within-class variance 1 in each of d directions before, a new picture
    has a squared length of d + |mean of its tag|^2 on average, by which variances are divided.

    Args:
        spectrum: of the training pictures.
        reference: of the backbone.
        strength: weight of the reference's within-class covariance, in pictures.
        variance_prior_strength: kappa; see naive_bayes.Prior.
    """
    scatter = spectrum.scatter
    seen = np.asarray(scatter.count) > 0
    count, means = np.asarray(scatter.count)[seen], np.asarray(scatter.mean)[seen]
    tags, features = means.shape
    share = centre_share(tags)
    degrees = _degrees_of_freedom(scatter)
    variances = spectrum.scale * (strength + spectrum.eigenvalues) / (strength + degrees)
    whitening = (spectrum.vectors / np.sqrt(variances)) @ spectrum.vectors.T
    offset = means.mean(0) * share
    deviations = (means - means.mean(0)) @ whitening
    sampling = features * np.mean(1 / count)
    ratio = max(np.square(deviations).sum() / max(tags - 1, 1) - sampling, 0) / reference.between.sum()
    ratio = (MEAN_SCALE_TAGS + (tags - 1) * ratio) / max(MEAN_SCALE_TAGS + tags - 3, 1)
    from_centre = (means - offset) @ whitening
    excess = np.maximum(np.square(from_centre).sum(1) - features / count, 0).mean()
    squared_length = features + excess
    centre = share * from_centre.mean(0) / np.sqrt(squared_length)
    pooled = np.full(features, 1 / squared_length)
    mean_variance = np.maximum(ratio * reference.between, 1e-6) / squared_length
    values = (variance_prior_strength, pooled, 1e-9 / squared_length, centre, mean_variance)
    prior = Prior(*(jnp.asarray(value, jnp.float32) for value in values))
    return Transform(offset.astype(np.float32), np.float32(1), whitening.astype(np.float32), True), prior  # type: ignore[arg-type]


def centre_share(tags: int) -> float:
    """Weight of the data set's own centre beside the reference's, in 0 .. 1."""
    return tags / (tags + CENTRE_TAGS)


def _degrees_of_freedom(scatter: Scatter) -> float:
    count = np.asarray(scatter.count)
    return max(float(count.sum() - (count > 0).sum()), 0.0)
