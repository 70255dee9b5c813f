"""The schema of an experiment: one frozen dataclass a stage, made from Hydra's config once, in run.py.

What each setting means stands as a comment in configs/; defaults live there too, so that one place holds them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_origin, get_type_hints

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from imagetagger.bundle.manifest import VARIANTS
from imagetagger.metrics import FIGURES
from imagetagger.tagset import RULES


@dataclass(frozen=True)
class Data:
    """Where pictures come from and how they are divided (configs/data/)."""

    name: str = MISSING
    path: str | None = MISSING
    tfds_name: str | None = MISSING
    train_split: str = MISSING
    validation_split: str | None = MISSING
    synthetic_per_class: int = MISSING
    validation_fraction: float = MISSING
    calibration_fraction: float = MISSING
    fraction: float | None = MISSING
    per_class: int | None = MISSING
    max_bad_fraction: float = MISSING
    pixel_limit: int = MISSING


@dataclass(frozen=True)
class Backbone:
    """The network that embeds (configs/backbone/)."""

    name: str = MISSING
    weights: str = MISSING
    fallback: str | None = MISSING
    width: float = MISSING
    resolution: int = MISSING
    padding: str | None = MISSING
    activation: str | None = MISSING


@dataclass(frozen=True)
class Embed:
    """How embeddings are computed (section `embed`)."""

    runtime: str = MISSING
    dtype: str = MISSING
    batch_size: int = MISSING
    workers: int | None = MISSING
    shard_size: int = MISSING
    measure_raw_rate: bool = MISSING


@dataclass(frozen=True)
class Classifier:
    """What happens to embeddings, and the Gaussians on them (configs/classifier/)."""

    transform: str = MISSING
    dimensions: int | None = MISSING
    shrinkage: float = MISSING
    spread: float = MISSING
    unit_length: bool = MISSING
    kappa: float = MISSING
    smoothing: float = MISSING
    isotropy: float = MISSING
    mean_floor: float | None = MISSING
    class_prior: str = MISSING


@dataclass(frozen=True)
class Calibrate:
    """From scores to probabilities and tag sets (section `calibrate`)."""

    knots: int = MISSING
    rule: str = MISSING
    coverage: float = MISSING
    top_k: int = MISSING
    adapt_rate: float = MISSING
    unknown_rate: float = MISSING


@dataclass(frozen=True)
class Evaluate:
    """How sure the figures are, and what the report shows (section `evaluate`)."""

    split: str = MISSING
    bootstrap: int = MISSING
    examples: int = MISSING


@dataclass(frozen=True)
class Export:
    """Which models are measured, which one ships, and what they must hold (configs/export/)."""

    variants: list[str] = MISSING
    ship: str | None = MISSING
    calibration_pictures: int = MISSING
    min_cosine: float = MISSING
    max_top1_loss: float = MISSING
    gate_pictures: int = MISSING
    onnx: bool = MISSING
    block: int = MISSING


@dataclass(frozen=True)
class Experiment:
    """One run."""

    experiment: str = MISSING
    seed: int = MISSING
    cache: str | None = MISSING
    rerun: bool = MISSING
    objective: str = MISSING
    data: Data = field(default_factory=Data)
    backbone: Backbone = field(default_factory=Backbone)
    embed: Embed = field(default_factory=Embed)
    classifier: Classifier = field(default_factory=Classifier)
    calibrate: Calibrate = field(default_factory=Calibrate)
    evaluate: Evaluate = field(default_factory=Evaluate)
    export: Export = field(default_factory=Export)


CHOICES: dict[str, tuple[str | None, ...]] = {
    "objective": FIGURES,
    "data.name": ("synthetic", "tiny_imagenet", "folder", "tfds"),
    "backbone.name": ("mobilenet_v2", "efficientnet_lite0"),
    "backbone.fallback": ("mobilenet_v2", "efficientnet_lite0", None),
    "backbone.padding": ("same", "symmetric", None),
    "backbone.activation": ("relu6", "relu", None),
    "embed.runtime": ("auto", "jax", "litert"),
    "embed.dtype": ("float32", "bfloat16"),
    "classifier.transform": ("none", "standardised", "whitened"),
    "classifier.class_prior": ("uniform", "counts"),
    "calibrate.rule": RULES,
    "evaluate.split": ("validation", "tuning"),
    "export.variants": VARIANTS,
    "export.ship": (*VARIANTS, None),
}
"""Settings that name one of a few things, or a list of them."""

RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "data.synthetic_per_class": (2, 100_000),
    "data.validation_fraction": (0, 0.9),
    "data.calibration_fraction": (0, 0.9),
    "data.fraction": (1e-9, 1),
    "data.per_class": (1, float("inf")),
    "data.max_bad_fraction": (0, 1),
    "data.pixel_limit": (1, 178_956_970),  # beyond, Pillow refuses by itself
    "backbone.width": (0.05, 8),
    "backbone.resolution": (32, 4096),
    "embed.batch_size": (1, 65_536),
    "embed.workers": (1, 1024),
    "embed.shard_size": (1, 1_000_000),
    "classifier.kappa": (0, float("inf")),
    "classifier.smoothing": (1e-12, 1),  # a feature that never varies needs some
    "classifier.dimensions": (1, 65_536),
    "classifier.shrinkage": (0, 1),
    "classifier.spread": (0, 1e6),
    "classifier.isotropy": (0, float("inf")),
    "classifier.mean_floor": (0, 1e6),
    "calibrate.knots": (0, 1000),
    "calibrate.coverage": (1e-9, 1),
    "calibrate.top_k": (1, 1_000_000),
    "calibrate.adapt_rate": (0, 1),
    "calibrate.unknown_rate": (0, 1),
    "evaluate.bootstrap": (0, 100_000),
    "evaluate.examples": (0, 200),
    "export.calibration_pictures": (1, 100_000),
    "export.min_cosine": (-1, 1),
    "export.max_top1_loss": (0, 100),
    "export.gate_pictures": (0, 1_000_000_000),
    "export.block": (1, 4096),
}
"""Lowest and highest value of each number."""


class ConfigError(ValueError):
    """A setting that is unknown, missing, of the wrong type or out of range."""


def from_hydra(config: DictConfig) -> Experiment:
    """Turn a composed config into the dataclasses, checking every key, type, choice and range.

    Raises:
        ConfigError: says what was got, what was expected and the valid choices.
    """
    schema = OmegaConf.structured(Experiment)
    stages = [f.name for f in fields(Experiment) if is_dataclass(f.type)]
    for stage in stages:
        OmegaConf.set_readonly(schema[stage], False)  # frozen dataclasses make it so, also for the merge
    OmegaConf.set_readonly(schema, False)
    try:
        given: Any = OmegaConf.to_container(config, resolve=True)
        hints = [hint for key in _leaves(given) if (hint := explain_key(key))]
        flat = [stage for stage in stages if not isinstance(given.get(stage, {}), dict)]
        hints += [f"{stage}: got {given[stage]}, expected keys below it, as in {stage}.KEY=..." for stage in flat]
        if hints:
            raise ConfigError("\n".join(hints))
        merged = OmegaConf.merge(schema, config)
        if missing := sorted(OmegaConf.missing_keys(merged)):
            raise ConfigError("\n".join(f"{key} is required: add {key}=... to the command" for key in missing))
        settings = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = error.full_key or "config"
        raise ConfigError(f"{key}: {str(error.msg or error).splitlines()[0]} (expected {_expected(key)})") from error
    assert isinstance(settings, Experiment)
    problems = [problem for key in (*CHOICES, *RANGES) if (problem := _problem(key, _get(settings, key)))]
    data = settings.data
    if data.fraction is not None and data.per_class is not None:
        problems.append(
            f"got data.fraction={data.fraction} and data.per_class={data.per_class}: set one of them to null"
        )
    if (ship := settings.export.ship) in VARIANTS and ship not in settings.export.variants:
        measured = ", ".join(settings.export.variants) or "none"
        problems.append(f"export.ship: got {ship}, expected one of export.variants ({measured}), or null")
    if settings.evaluate.split == "tuning" and ship:
        problems.append(f"export.ship: got {ship}, expected null with evaluate.split=tuning: it looks at no validation")
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def explain_key(key: str) -> str | None:
    """Return what is wrong with a dotted key, valid choices included; None where it is a setting."""
    node: Any = Experiment
    prefix = ""
    for part in key.split("."):
        names = [f.name for f in fields(node)] if is_dataclass(node) else []
        if part not in names:
            close = get_close_matches(part, names, 1)
            guess = f" Did you mean {prefix}{close[0]}?" if close else ""
            valid = f"valid keys here: {', '.join(names)}" if names else f"{prefix.rstrip('.')} has no keys"
            return f"{key}: unknown setting; {valid}.{guess}"
        node, prefix = get_type_hints(node)[part], f"{prefix}{part}."
    return None


def explain_overrides(overrides: Iterable[str]) -> list[str]:
    """Return what is wrong with the keys of Hydra overrides such as `data.path=x`; Hydra names no valid ones.

    >>> explain_overrides(["+experiment=quickstart", "seed=1", "data=folder"])
    []
    """
    keys = [o.split("=", 1)[0].lstrip("+~") for o in overrides if "=" in o and not o.startswith("-")]
    own = [key for key in keys if key != "hydra" and not key.startswith("hydra.") and "/" not in key and "@" not in key]
    return [hint for key in own if (hint := explain_key(key))]


def _leaves(node: dict[str, Any], prefix: str = "") -> list[str]:
    nested = ((f"{prefix}{key}", value) for key, value in node.items())
    return [key for path, value in nested for key in (_leaves(value, f"{path}.") if _nests(value) else [path])]


def _nests(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _get(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = getattr(settings, part)
    return settings


def _expected(key: str) -> str:
    node: Any = Experiment
    for part in key.split("."):
        node = get_type_hints(node).get(part, Any)
    if key in CHOICES:
        choices = ", ".join("null" if choice is None else choice for choice in CHOICES[key])
        return f"some of {choices}, as in [{CHOICES[key][0]}]" if get_origin(node) is list else f"one of {choices}"
    kind = getattr(node, "__name__", str(node)) if isinstance(node, type) else str(node).replace("None", "null")
    low, high = RANGES.get(key, (None, None))
    return kind if low is None else f"{kind} in {low:.10g} .. {high:.10g}"


def _problem(key: str, value: Any) -> str | None:
    if isinstance(value, list):
        return next((problem for item in value if (problem := _problem(key, item))), None)
    if value is None or (key in CHOICES and value in CHOICES[key]):
        return None
    if key in RANGES and RANGES[key][0] <= value <= RANGES[key][1]:
        return None
    return f"{key}: got {value}, expected {_expected(key)}"
