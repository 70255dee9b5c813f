"""What a bundle computes beside the network: the transform behind it, and `score` and `merge` on rows of statistics.

Converted from the functions that fitted and evaluated the classifier, always in float32. Nothing is stored inside the
model, so tags can be added without exporting anything.
"""

import jax
import numpy as np

from imagetagger.bundle.manifest import Variant
from imagetagger.export.tflite import Signature, to_tflite
from imagetagger.gaussian import Statistics, merge
from imagetagger.naive_bayes import ClassPrior, Prior, row_log_joint
from imagetagger.transform import Transform, apply

LARGEST_HALF = float(np.finfo(np.float16).max)


def score_signature(prior: Prior, class_prior: ClassPrior, block: int) -> Signature:
    """Return score(embedding (1, D), count (B,), mean (B, D), m2 (B, D)) -> log_joint (B,)."""
    features = len(prior.pooled)

    def score(embedding: jax.Array, count: jax.Array, mean: jax.Array, m2: jax.Array) -> dict[str, jax.Array]:
        return {"log_joint": row_log_joint(prior, embedding, Statistics(count, mean, m2), class_prior)}

    return score, {"embedding": _float(1, features), **_rows(block, features)}


def merge_signature(features: int) -> Signature:
    """Return merge(row, other_row) -> row, a row being count (1,), mean (1, D), m2 (1, D).

    A picture learned is the row (1, embedding, 0), one forgotten (-1, embedding, 0).
    """

    def merged(**inputs: jax.Array) -> dict[str, jax.Array]:
        row, other = (Statistics(*(inputs[prefix + name] for name in Statistics._fields)) for prefix in ("", "other_"))
        return merge(row, other)._asdict()

    row = _rows(1, features)
    return merged, {**row, **{f"other_{name}": spec for name, spec in row.items()}}


def convert_transform(transform: Transform, variant: Variant = "float16") -> bytes:
    """Return a .tflite file of one signature: transform(embedding (1, D)) -> embedding (1, d).

    Its matrix has float16 values, so that of the two variants that make sense the smaller one loses nothing. Without a
    matrix it is tiny, and float32, as where scale or offset are none that float16 has.
    """
    offset = transform.offset / transform.scale  # exact, by a power of 2, and without a unit: of a size for float16
    in_half = 2.0**-14 <= transform.scale <= 2.0**14 and np.abs(offset).max() <= LARGEST_HALF
    fits = transform.weights.ndim == 2 and in_half
    # float16 rounds its constants too: two keep the digits.
    high = offset.astype(np.float16).astype(np.float32) if fits else offset
    low = transform._replace(offset=offset - high, scale=np.ones((), np.float32))

    def transformed(embedding: jax.Array) -> dict[str, jax.Array]:
        return {"embedding": apply(low, embedding * (1 / transform.scale) - high)}

    signature: Signature = transformed, {"embedding": _float(1, len(offset))}
    return to_tflite({"transform": signature}, variant if fits else "float32")


def convert_classifier(prior: Prior, class_prior: ClassPrior, block: int) -> dict[str, bytes]:
    """Return .tflite files of one signature each: `score` and `merge`."""
    signatures = {"score": score_signature(prior, class_prior, block), "merge": merge_signature(len(prior.pooled))}
    return {name: to_tflite({name: signature}) for name, signature in signatures.items()}


def _rows(count: int, features: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {"count": _float(count), "mean": _float(count, features), "m2": _float(count, features)}


def _float(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)
