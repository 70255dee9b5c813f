"""Readers of published weight layouts.

Every reader returns `Units`: the convolutions in the order of `unit_names`, kernels in Flax's layout (height, width,
in, out; depthwise: height, width, 1, channels), batch norm folded in.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Units = list[tuple[np.ndarray, np.ndarray]]
"""Kernels and biases in forward order."""

KERAS_EPSILON = 1e-3


def fold_batch_norm(
    kernel: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fold inference-time batch norm into the convolution before it, in float64.

    gamma (conv(x) - mean) / sqrt(variance + epsilon) + beta  =  conv'(x) + bias  with
    kernel' = kernel * scale,  bias = beta - mean * scale,  scale = gamma / sqrt(variance + epsilon).

    Args:
        kernel: (..., channels) output channels last.
        gamma: (channels,) scale.
        beta: (channels,) offset.
        mean: (channels,) moving mean.
        variance: (channels,) moving variance.
        epsilon: the batch norm's.
    """
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return (kernel * scale).astype(np.float32), (beta - mean * scale).astype(np.float32)


def read_keras(path: Path) -> Units:
    """Read keras.applications' MobileNetV2 from Keras 3 `.weights.h5` or the older `.h5`; its top is left out.

    Raises:
        ValueError: the file contains another network's weights, or a complete model.
    """
    full, depthwise, norms = [], [], []
    with h5py.File(path) as file:
        for name, values in _keras3_layers(file["layers"]) if "layers" in file else _keras2_layers(file):
            if len(values) == 4:
                norms.append(values)
            elif len(values) == 1 and "depthwise" in name:
                depthwise.append(values[0].transpose(0, 1, 3, 2))
            elif len(values) == 1:
                full.append(values[0])
    if not depthwise or len(full) != 2 * len(depthwise) + 1 or len(norms) != len(full) + len(depthwise):
        content = f"{len(full)} convolutions, {len(depthwise)} depthwise and {len(norms)} batch norms"
        raise ValueError(
            f"got {path} with {content}, expected a file of save_weights of keras.applications' MobileNetV2"
        )
    # The first block does not expand; all others are (expand, depthwise, project).
    kernels = [full[0], depthwise[0], full[1]]
    for index in range(1, len(depthwise)):
        kernels += [full[2 * index], depthwise[index], full[2 * index + 1]]
    kernels.append(full[-1])
    return [
        fold_batch_norm(kernel, gamma, beta, mean, variance, KERAS_EPSILON)
        for kernel, (gamma, beta, mean, variance) in zip(kernels, norms, strict=True)
    ]


def read_keras_top(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weights (K, D) and bias (K,) of the only dense layer in a Keras file; None without one."""
    with h5py.File(path) as file:
        layers = _keras3_layers(file["layers"]) if "layers" in file else _keras2_layers(file)
    dense = [values for _, values in layers if len(values) == 2 and values[0].ndim == 2]
    return (dense[0][0].T.astype(np.float32), dense[0][1].astype(np.float32)) if len(dense) == 1 else None


def _keras3_layers(layers: Any) -> list[tuple[str, list[np.ndarray]]]:
    """Return the layers of a Keras 3 file; its automatic names number each kind in forward order."""

    def number(name: str) -> int:
        match = re.search(r"_(\d+)$", name)
        return int(match[1]) if match else 0

    result = []
    for name in sorted(layers, key=number):
        variables = layers[name].get("vars", {})
        result.append((name, [np.asarray(variables[key]) for key in sorted(variables, key=int)]))
    return result


def _keras2_layers(file: Any) -> list[tuple[str, list[np.ndarray]]]:
    """Return the layers of a Keras 2 file, in the order of its `layer_names`."""
    names = [name.decode() if isinstance(name, bytes) else name for name in file.attrs.get("layer_names", [])]
    return [(name, [np.asarray(file[name][weight]) for weight in file[name].attrs["weight_names"]]) for name in names]


def read_torch(tensors: Mapping[str, np.ndarray], epsilon: float) -> Units:
    """Read a PyTorch state dict whose modules are in forward order, each convolution followed by its batch norm.

    The batch norm of a convolution with a bias counts as folded already; the classifier's matrix is left out.

    Args:
        tensors: state dict, kernels OIHW.
        epsilon: the batch norms'.
    """
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        prefix, _, kind = name.rpartition(".")
        modules.setdefault(prefix, {})[kind] = tensor
    units: Units = []
    kernel = None
    for module in modules.values():
        if module["weight"].ndim == 4:
            kernel = module["weight"].transpose(2, 3, 1, 0)
            if "bias" in module:
                units.append((kernel, module["bias"]))
        elif "running_mean" in module and kernel is not None:
            gamma, beta, mean, variance = (module[key] for key in ("weight", "bias", "running_mean", "running_var"))
            units.append(fold_batch_norm(kernel, gamma, beta, mean, variance, epsilon))
    return units


def forward_order(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sort torchvision's names by their numbers: features.2.conv.0.0 before features.10.conv.0.0."""
    return dict(sorted(tensors.items(), key=lambda item: [int(number) for number in re.findall(r"\d+", item[0])]))
