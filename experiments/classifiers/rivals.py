"""Classifiers that cannot learn on a phone, to compare with: RanPAC and a linear probe."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.common.embeddings import EmbeddedPictures
from imagetagger.classifier.fit import BATCH_ROWS

PROJECTIONS = 3000
RIDGES = 10.0 ** np.arange(0, 10)
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 20, 1024, 1e-3, 1e-2
SCALE = 1000
"""Multiplies scores: temperatures are at least 1, and these scores would need one of about 0.1."""


class Classifier(NamedTuple):
    """A fitted classifier: a function from embeddings (N, D) to scores (N, C), and its bytes per tag."""

    score: Callable[[np.ndarray], np.ndarray]
    bytes_per_tag: int


def ranpac(embedded: EmbeddedPictures) -> Classifier:
    """Fit random projections, a ReLU and ridge regression. Source: McDonnell et al. 2023, arXiv 2307.02251.

    The ridge is chosen as in the paper, on a fifth of the training pictures.
    """
    x, y, tags = embedded.x, embedded.y, embedded.tags
    projection = np.random.default_rng(0).normal(size=(x.shape[1], PROJECTIONS)).astype(np.float32)
    hidden = jax.jit(lambda x: jax.nn.relu(x @ projection))
    rows = np.flatnonzero(~embedded.is_holdout)
    parts = rows[np.arange(len(rows)) % 5 != 0], rows[np.arange(len(rows)) % 5 == 0]
    sums = []
    for part in parts:
        gram, cross = np.zeros((PROJECTIONS, PROJECTIONS)), np.zeros((PROJECTIONS, tags))
        for batch in np.array_split(part, 1 + len(part) // BATCH_ROWS):
            h, labels_onehot = hidden(x[batch]), jax.nn.one_hot(y[batch], tags)
            gram += np.asarray(h.T @ h)
            cross += np.asarray(h.T @ labels_onehot)
        sums.append((gram, cross))

    def solve(gram: np.ndarray, cross: np.ndarray, ridge: float) -> jax.Array:
        return jnp.asarray(np.linalg.solve(gram + ridge * np.eye(PROJECTIONS), cross), jnp.float32)

    h, labels = hidden(x[parts[1]]), y[parts[1]]
    errors = [float(jnp.mean((h @ solve(*sums[0], ridge)).argmax(1) != labels)) for ridge in RIDGES]
    weights = solve(sums[0][0] + sums[1][0], sums[0][1] + sums[1][1], RIDGES[int(np.argmin(errors))])
    return Classifier(lambda x: np.asarray(SCALE * (hidden(x) @ weights)), 4 * PROJECTIONS)


def linear_probe(embedded: EmbeddedPictures) -> Classifier:
    """Fit multinomial logistic regression on standardised embeddings, by AdamW."""
    rows, tags = np.flatnonzero(~embedded.is_holdout), embedded.tags
    mean, deviation = embedded.x[rows].mean(0), embedded.x[rows].std(0) + 1e-6
    x, y = (embedded.x[rows] - mean) / deviation, embedded.y[rows]
    batch_size = min(BATCH, len(x))
    schedule = optax.cosine_decay_schedule(LEARNING_RATE, EPOCHS * (len(x) // batch_size))
    optimiser = optax.adamw(schedule, weight_decay=WEIGHT_DECAY)
    params: Any = {"w": jnp.zeros((x.shape[1], tags)), "b": jnp.zeros(tags)}
    state = optimiser.init(params)

    @jax.jit
    def step(params: Any, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any]:
        def loss(params: Any) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(x @ params["w"] + params["b"], y).mean()

        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            batch = order[start : start + batch_size]
            params, state = step(params, state, x[batch], y[batch])
    weights = {key: np.asarray(value) for key, value in params.items()}

    def score(x: np.ndarray) -> np.ndarray:
        logits: np.ndarray = (x - mean) / deviation @ weights["w"] + weights["b"]
        return SCALE * logits

    return Classifier(score, 4 * (x.shape[1] + 1))
