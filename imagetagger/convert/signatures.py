"""The classifier's signatures in a bundle: the transform behind the network, and `score` and `merge` of rows.

They are converted from the functions that fitted and evaluated the classifier, always in float32. The model stores no
rows, so tags can be added without a new export.
"""

import jax
import numpy as np

from imagetagger.classifier.naive_bayes import Prior, row_log_joint
from imagetagger.classifier.statistics import Statistics, merge_statistics
from imagetagger.classifier.whitening import Transform, apply_transform
from imagetagger.convert.tflite import JaxSignature, to_tflite
from imagetagger.options import ClassPrior, Variant

MAX_FLOAT16 = float(np.finfo(np.float16).max)


def score_signature(prior: Prior, class_prior: ClassPrior, block: int) -> JaxSignature:
    """Return score(embedding (1, D), count (B,), mean (B, D), m2 (B, D)) -> log_joint (B,)."""
    features = len(prior.pooled)

    def score(embedding: jax.Array, count: jax.Array, mean: jax.Array, m2: jax.Array) -> dict[str, jax.Array]:
        return {"log_joint": row_log_joint(prior, embedding, Statistics(count, mean, m2), class_prior)}

    return score, {"embedding": _float(1, features), **_rows(block, features)}


def merge_signature(features: int) -> JaxSignature:
    """Return merge(row, other_row) -> row; a row is count (1,), mean (1, D), m2 (1, D).

    A picture to learn is the row (1, embedding, 0), a picture to forget (-1, embedding, 0).
    """

    def merged(**inputs: jax.Array) -> dict[str, jax.Array]:
        row, other = (Statistics(*(inputs[prefix + name] for name in Statistics._fields)) for prefix in ("", "other_"))
        return merge_statistics(row, other)._asdict()

    row = _rows(1, features)
    return merged, {**row, **{f"other_{name}": spec for name, spec in row.items()}}


def convert_transform(transform: Transform, variant: Variant = "float16") -> bytes:
    """Return a .tflite file of one signature: transform(embedding (1, D)) -> embedding (1, d).

    `variant` is float16 or float32; a matrix has float16 values, so float16 loses nothing. Without a matrix the file is
    tiny and float32, as it is if scale or offset exceed the range of float16.
    """
    offset = transform.offset / transform.scale  # exact, as scale is a power of 2; without a unit
    in_half = 2.0**-14 <= transform.scale <= 2.0**14 and np.abs(offset).max() <= MAX_FLOAT16
    fits = transform.weights.ndim == 2 and in_half
    # float16 rounds constants too: the sum of two keeps the digits.
    high = offset.astype(np.float16).astype(np.float32) if fits else offset
    low = transform._replace(offset=offset - high, scale=np.ones((), np.float32))

    def transformed(embedding: jax.Array) -> dict[str, jax.Array]:
        return {"embedding": apply_transform(low, embedding * (1 / transform.scale) - high)}

    signature: JaxSignature = transformed, {"embedding": _float(1, len(offset))}
    return to_tflite({"transform": signature}, variant if fits else "float32")


def convert_classifier(prior: Prior, class_prior: ClassPrior, block: int) -> dict[str, bytes]:
    """Return .tflite files of one signature each: `score` and `merge`."""
    signatures = {"score": score_signature(prior, class_prior, block), "merge": merge_signature(len(prior.pooled))}
    return {name: to_tflite({name: signature}) for name, signature in signatures.items()}


def _rows(count: int, features: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {"count": _float(count), "mean": _float(count, features), "m2": _float(count, features)}


def _float(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)
