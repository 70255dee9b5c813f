"""A .tflite file with the signature `embed`, ready to run: all that a worker of a cluster needs, without JAX."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from imagetagger.preprocess import BadImageError
from imagetagger.system.stderr import silence_stderr


def start_runner(model: bytes) -> Any:
    """Return LiteRT's runner of the signature, single-threaded, after a first call."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner("embed")
    with silence_stderr():  # the first call creates the delegate, which it logs
        runner(image=np.zeros(runner.get_input_details()["image"]["shape"], np.uint8))
    return runner


def embed_views(runner: Any, image: np.ndarray) -> np.ndarray:
    """Return the embedding of a picture, uint8 (S, S, 3), or those of its views, uint8 (V, S, S, 3)."""
    if image.ndim == 4:
        return np.concatenate([runner(image=view[None])["embedding"] for view in image])
    embedding: np.ndarray = runner(image=image[None])["embedding"][0]
    return embedding.copy()


def start_batch_embedder(
    model: bytes,
) -> Callable[[Sequence[np.ndarray | BadImageError]], list[np.ndarray | BadImageError]]:
    """Return a function that embeds a batch of pictures and leaves errors in their places."""
    runner = start_runner(model)
    return lambda batch: [one if isinstance(one, BadImageError) else embed_views(runner, one) for one in batch]
