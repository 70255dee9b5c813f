"""A training in words, for the console, reports and model cards. Imports no JAX."""

import math
from collections.abc import Mapping
from typing import Any

OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD with Nesterov momentum"}
NETWORKS = {"mobilenet_v2": "MobileNetV2", "efficientnet_lite0": "EfficientNet-Lite0"}


def describe_blocks(blocks: Any) -> str:
    """Name the trained part of a network by the setting `training.blocks`.

    >>> describe_blocks("3"), describe_blocks("1"), describe_blocks("all")
    ('the last 3 blocks', 'the last block', 'all blocks')
    """
    if blocks is None:
        return "no block"
    return {"all": "all blocks", "1": "the last block"}.get(str(blocks), f"the last {blocks} blocks")


def describe_recipe(recipe: Mapping[str, Any]) -> str:
    """Name the main settings of a training, without those that are off or missing.

    >>> describe_recipe({"optimizer": "adamw", "learning_rate": 0.001, "epochs": 8, "batch_size": 64, "dropout": 0.0})
    'AdamW, learning rate 0.001, at most 8 epochs, batches of 64'
    """

    def number(key: str) -> float:
        value = recipe.get(key)
        return value if isinstance(value, int | float) and math.isfinite(value) else 0

    def phrase(key: str, before: str, after: str = "") -> str:
        return f"{before}{number(key):g}{after}" if number(key) else ""

    def name(key: str, names: Mapping[str, str]) -> str:
        value = recipe.get(key)
        return "" if value is None else names.get(str(value), str(value))

    batch, teacher, dtype = (
        number("batch_size") * max(number("accumulate"), 1),
        name("teacher", NETWORKS),
        name("dtype", {}),
    )
    phrases = [
        name("optimizer", OPTIMIZERS),
        phrase("learning_rate", "learning rate "),
        phrase("epochs", "at most ", " epochs") if number("epochs") != 1 else "one epoch",
        f"batches of {batch:g}" if batch else "",
        phrase("warmup_epochs", "", " epochs of warm-up"),
        phrase("weight_decay", "weight decay "),
        phrase("layer_decay", "rates by depth ") if number("layer_decay") != 1 else "",
        phrase("clip_norm", "gradients clipped to "),
        phrase("ema_decay", "weights averaged with "),
        phrase("label_smoothing", "label smoothing "),
        phrase("dropout", "dropout "),
        phrase("mixup", "mixup "),
        phrase("cutmix", "cutmix "),
        phrase("crops", "", " random crops per picture"),
        phrase("gaussian_weight", "", " of the loss through the Gaussian classifier"),
        phrase("distillation_weight", "", f" of the loss distilled from {teacher}") if teacher else "",
        f"computed in {dtype}" if dtype not in ("", "float32") else "",
    ]
    return ", ".join(filter(None, phrases))


def describe_duration(seconds: float) -> str:
    """Name a duration in its natural unit.

    >>> describe_duration(0.4), describe_duration(75), describe_duration(2460), describe_duration(9000)
    ('0.4 seconds', '75 seconds', '41 minutes', '2.5 hours')
    """
    if not seconds >= 10:
        return f"{seconds:.2g} seconds"
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
