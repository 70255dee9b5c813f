"""Embeddings and accuracy of a network that is being trained."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.training.activations import ActivationRows, gather_rows
from imagetagger.training.devices import placement_of
from imagetagger.training.objective import LinearHead, cross_entropy, linear_logits, soft_targets

EVALUATION_BATCH = 256


def embed_rows(embed: Callable[..., Any], params: dict[str, Any], rows: ActivationRows, view: int = 0) -> np.ndarray:
    """Return the embeddings of one view of each picture, float32 (N, D); `embed` is best compiled."""
    parts, placement = [], placement_of(params)
    size = EVALUATION_BATCH if placement is None else -(-EVALUATION_BATCH // placement.devices) * placement.devices
    for start in range(0, len(rows.pictures), size):
        chosen = np.arange(start, min(start + size, len(rows.pictures)))
        padded = np.pad(chosen, (0, size - len(chosen)), mode="edge")
        batch = jax.device_put(gather_rows(rows, padded, np.full(size, view)), placement and placement.by_batch)
        parts.append(np.asarray(embed(params, batch))[: len(chosen)])
    return np.concatenate(parts)


def evaluate_linear(head: LinearHead, embeddings: jax.Array, labels: np.ndarray, tags: int) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the top-1 accuracy of a linear classifier."""
    targets = soft_targets(jnp.asarray(labels), tags, 0.0)
    logits = linear_logits(head, embeddings)
    is_correct = jnp.take_along_axis(targets, logits.argmax(1)[:, None], 1)[:, 0] > 0
    return float(cross_entropy(logits, targets).mean()), float(is_correct.mean())
