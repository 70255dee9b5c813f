"""From JAX functions to one .tflite file with named signatures.

jax2tf -> tf.function -> SavedModel -> TFLite converter. TensorFlow is imported inside the function: it takes
seconds, and a run whose model is cached never needs it.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

Signature = tuple[Callable[..., Mapping[str, jax.Array]], Mapping[str, jax.ShapeDtypeStruct]]


def to_tflite(signatures: Mapping[str, Signature]) -> bytes:
    """Convert JAX functions to a TFLite model of float kernels.

    Args:
        signatures: by name: a function of keyword arrays that returns a dict (whose keys name the outputs), and
            the shapes and dtypes of its arguments.

    Returns:
        The contents of a .tflite file.
    """
    with quiet():
        import tensorflow as tf
        from jax.experimental import jax2tf

    tf.config.set_visible_devices([], "GPU")  # JAX wants the memory that TensorFlow would take
    module: Any = tf.Module()
    functions = {}
    for name, (function, arguments) in signatures.items():
        specs = [tf.TensorSpec(spec.shape, np.dtype(spec.dtype), name=key) for key, spec in arguments.items()]
        converted = jax2tf.convert(_positional(function, list(arguments)), with_gradient=False)
        functions[name] = tf.function(converted, input_signature=specs, autograph=False)
        setattr(module, name, functions[name])
    with tempfile.TemporaryDirectory() as folder, quiet():
        tf.saved_model.save(module, folder, signatures=functions)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def _positional(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    return lambda *values: function(**dict(zip(names, values, strict=True)))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send the chatter of TensorFlow's and LiteRT's C++ code, which no log level reaches, to nowhere."""
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
