"""From JAX functions to one .tflite file with named signatures.

jax2tf -> tf.function -> SavedModel -> TFLite converter. TensorFlow is imported inside the function: it takes seconds,
and a run with a cached model does not need it.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from imagetagger.options import Variant
from imagetagger.system.stderr import silence_stderr

JaxSignature = tuple[Callable[..., Mapping[str, jax.Array]], Mapping[str, jax.ShapeDtypeStruct]]
"""A function of keyword arrays that returns named arrays, and the shapes and dtypes of its arguments."""


def to_tflite(
    signatures: Mapping[str, JaxSignature],
    variant: Variant = "float32",
    samples: Iterable[Mapping[str, np.ndarray]] = (),
) -> bytes:
    """Convert JAX functions to a TFLite model.

    Args:
        signatures: by name: a function of keyword arrays that returns a dict (whose keys name the outputs), and
            the shapes and dtypes of its arguments.
        variant: the arithmetic. `int8` takes one signature of one float argument, which becomes a uint8 input
            whose quantisation maps 0..255 onto the range of the samples.
        samples: arguments of that signature; `int8` learns the range of every activation from them.

    Returns:
        The contents of a .tflite file.
    """
    with silence_stderr():
        import tensorflow as tf
        from jax.experimental import jax2tf

    tf.config.set_visible_devices([], "GPU")  # leaves the memory to JAX
    module: Any = tf.Module()
    functions = {}
    for name, (function, arguments) in signatures.items():
        specs = [tf.TensorSpec(spec.shape, np.dtype(spec.dtype), name=key) for key, spec in arguments.items()]
        converted = jax2tf.convert(_positional(function, list(arguments)), with_gradient=False)
        functions[name] = tf.function(converted, input_signature=specs, autograph=False)
        setattr(module, name, functions[name])
    with tempfile.TemporaryDirectory() as folder, silence_stderr(), warnings.catch_warnings():
        # TensorFlow's own calibrator uses the interpreter that TensorFlow deprecates.
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated", UserWarning)
        tf.saved_model.save(module, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":
            (name,) = signatures
            converter.representative_dataset = lambda: ((name, sample) for sample in samples)
            converter.inference_input_type = tf.uint8
        model: bytes = converter.convert()
        return model


def _positional(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    return lambda *values: function(**dict(zip(names, values, strict=True)))
