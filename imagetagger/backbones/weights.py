"""Files of weights: the conventions of each layout, and how to read and save them."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from imagetagger.backbones.inverted_residual import Activation, Padding
from imagetagger.backbones.model import Backbone, Normalisation, from_params
from imagetagger.backbones.torch_pickle import load_state_dict
from imagetagger.backbones.weight_layouts import Units, forward_order, read_keras, read_keras_top, read_torch
from imagetagger.system.atomic_files import atomic_write

log = logging.getLogger(__name__)


class Layout(NamedTuple):
    """The conventions that published weights were trained with."""

    normalisation: Normalisation
    padding: Padding
    activation: Activation


class Head(NamedTuple):
    """The classifier trained with a network: logits are weights @ embedding + bias.

    Attributes:
        weights: float32 (K, D).
        bias: float32 (K,).
    """

    weights: np.ndarray
    bias: np.ndarray


HEAD_NAMES = ("_fc", "classifier.1")
"""The classifier in EfficientNet-Lite0's state dict, and in torchvision's."""

KERAS = Layout(Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), "same", "relu6")
TORCHVISION = Layout(Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "symmetric", "relu6")
# The authors' efficientnet/lite preprocessing is (x - 127) / 128.
EFFICIENTNET = Layout(Normalisation((127 / 255,) * 3, (128 / 255,) * 3), "same", "relu6")


def read_weights(weights: Path) -> tuple[Units, Layout]:
    """Read a weights file of any known layout, recognised by its ending and its names.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: an unknown layout, or a damaged file.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"got weights={weights}, where no file is: expected a path, `imagenet` or `random`")
    if weights.suffix not in READERS:
        raise ValueError(f"got weights={weights}, expected .h5 (Keras), .safetensors or .pth (EfficientNet-Lite0)")
    try:
        return READERS[weights.suffix](weights)
    except (OSError, KeyError, SafetensorError) as error:
        raise ValueError(f"got weights={weights}, which is damaged or of another kind: {error}") from error


def _read_safetensors(path: Path) -> tuple[Units, Layout]:
    with safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
    tensors = load_file(path)
    if metadata.get("layout", "").startswith("imagetagger"):
        stored = json.loads(metadata["conventions"])
        layout = Layout(Normalisation(*map(tuple, stored["normalisation"])), stored["padding"], stored["activation"])
        return own_units(tensors), layout
    if not any(name.startswith("features.") for name in tensors):
        raise ValueError(f"got weights={path}, with names like {next(iter(tensors), None)}: expected torchvision's")
    layout = TORCHVISION._replace(activation=metadata.get("activation", "relu6"))
    return read_torch(forward_order(tensors), epsilon=1e-5), layout


def own_units(tensors: Mapping[str, np.ndarray]) -> Units:
    """Return the convolutions of a file in our own layout, in forward order."""
    return [(tensors[f"{i}.kernel"], tensors[f"{i}.bias"]) for i in range(len(tensors) // 2)]


def read_head(weights: Path) -> Head | None:
    """Return the classifier trained with a network; None if the file has none."""
    if weights.suffix == ".h5":
        head = read_keras_top(weights)
        return Head(*head) if head else None
    tensors = load_state_dict(weights) if weights.suffix == ".pth" else load_file(weights)
    for name in HEAD_NAMES:
        if f"{name}.weight" in tensors:
            matrix, bias = (np.asarray(tensors[f"{name}.{kind}"], np.float32) for kind in ("weight", "bias"))
            return Head(matrix, bias)
    return None


READERS: dict[str, Callable[[Path], tuple[Units, Layout]]] = {
    ".h5": lambda path: (read_keras(path), KERAS),
    ".pth": lambda path: (read_torch(load_state_dict(path), epsilon=1e-3), EFFICIENTNET),
    ".safetensors": _read_safetensors,
}


def encode_weights(backbone: Backbone, provenance: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Return a backbone's weights as a `.safetensors` file in our own layout, with their conventions.

    Args:
        backbone: network and weights.
        provenance: further metadata, for people and programs.
    """
    tensors: dict[str, np.ndarray] = {}
    for i, (kernel, bias) in enumerate(from_params(backbone.params, backbone.net)):
        tensors |= {f"{i}.kernel": np.ascontiguousarray(kernel), f"{i}.bias": np.ascontiguousarray(bias)}
    conventions = {
        "normalisation": backbone.normalisation,
        "padding": backbone.net.padding,
        "activation": backbone.net.activation,
    }
    return save(tensors, {**provenance, "layout": "imagetagger/1", "conventions": json.dumps(conventions)})


def save_weights(backbone: Backbone, path: Path) -> None:
    """Write a backbone's weights; see `encode_weights`."""
    with atomic_write(path) as partial:
        partial.write_bytes(encode_weights(backbone))
