"""The schema of an experiment: one frozen dataclass per section, made from Hydra's config by parse.py.

What each setting means is a comment in configs/, beside its default. The limits of a setting are in its field here.
"""

from dataclasses import dataclass, field
from typing import Any, get_args

from omegaconf import MISSING

from imagetagger.options import (
    BASELINES,
    METRIC_NAMES,
    PREDICTION_SETS,
    TRACKERS,
    VARIANTS,
    ClassPrior,
    EmbedEngine,
    GroupBy,
    TransformKind,
)
from imagetagger.preprocess import MAX_PIXEL_LIMIT

INFINITE = float("inf")


def _one_of(*choices: str | None) -> Any:
    """Return a required setting that names one of a few things, or a list of some of them."""
    return field(default=MISSING, metadata={"choices": choices})


def _between(low: float, high: float) -> Any:
    """Return a required number with its lowest and highest value."""
    return field(default=MISSING, metadata={"range": (low, high)})


def _path() -> Any:
    """Return a required setting that names a file or folder, taken literally from the command line."""
    return field(default=MISSING, metadata={"is_path": True})


@dataclass(frozen=True)
class DataConfig:
    """Where pictures come from and how they are split (configs/data/)."""

    name: str = _one_of("synthetic", "tiny_imagenet", "folder", "tfds", "imagenet_photographs")
    path: str | None = _path()
    test: str | None = _path()
    group_by: str = _one_of(*get_args(GroupBy))
    tfds_name: str | None = MISSING
    train_split: str = MISSING
    validation_split: str | None = MISSING
    synthetic_per_class: int = _between(2, 100_000)
    validation_fraction: float = _between(0, 0.9)
    holdout_fraction: float = _between(0, 0.9)
    fraction: float | None = _between(1e-9, 1)
    per_class: int | None = _between(1, INFINITE)
    max_bad_fraction: float = _between(0, 1)
    pixel_limit: int = _between(1, MAX_PIXEL_LIMIT)


@dataclass(frozen=True)
class BackboneConfig:
    """The network that embeds (configs/backbone/)."""

    name: str = _one_of("mobilenet_v2", "efficientnet_lite0")
    weights: str = _path()  # or the name of published ones
    fallback: str | None = _one_of("mobilenet_v2", "efficientnet_lite0", None)
    width: float = _between(0.05, 8)
    resolution: int = _between(32, 4096)
    padding: str | None = _one_of("same", "symmetric", None)
    activation: str | None = _one_of("relu6", "relu", None)


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is fine-tuned (section `training`)."""

    blocks: str | None = MISSING  # a number of blocks, "all", or null
    gate: str = _one_of("auto", "always")
    epochs: int = _between(1, 10_000)
    batch_size: int = _between(1, 65_536)
    accumulate: int = _between(1, 10_000)
    optimizer: str = _one_of("adamw", "sgd")
    learning_rate: float = _between(0, 100)
    head_rate: float = _between(0, 1e6)
    layer_decay: float = _between(0, 1)
    warmup_epochs: float = _between(0, 10_000)
    weight_decay: float = _between(0, 1e6)
    clip_norm: float | None = _between(1e-9, INFINITE)
    ema_decay: float = _between(0, 0.999999)
    label_smoothing: float = _between(0, 0.999)
    dropout: float = _between(0, 0.99)
    mixup: float = _between(0, 100)
    cutmix: float = _between(0, 100)
    crops: int = _between(0, 100)
    gaussian_weight: float = _between(0, 1)
    teacher: str | None = _one_of("mobilenet_v2", "efficientnet_lite0", None)
    distillation_weight: float = _between(0, 1)
    patience: int | None = _between(1, 10_000)
    prune: bool = MISSING
    dtype: str = _one_of("float32", "bfloat16")


@dataclass(frozen=True)
class EmbedConfig:
    """How embeddings are computed (section `embed`)."""

    runtime: str = _one_of("auto", "jax", "litert")
    engine: str = _one_of(*get_args(EmbedEngine))
    dtype: str = _one_of("float32", "bfloat16")
    batch_size: int = _between(1, 65_536)
    workers: int | None = _between(1, 1024)
    shard_size: int = _between(1, 1_000_000)
    measure_raw_rate: bool = MISSING


@dataclass(frozen=True)
class ClassifierConfig:
    """What happens to embeddings, and the Gaussians on them (configs/classifier/)."""

    transform: str = _one_of(*get_args(TransformKind))
    dimensions: int | None = _between(1, 65_536)
    shrinkage: float | None = _between(0, 1)
    within_class_weight: float = _between(0, 1e6)
    unit_length: bool = MISSING
    variance_prior_strength: float = _between(0, INFINITE)
    var_smoothing: float = _between(1e-12, 1)  # a feature that never varies needs some
    isotropic_prior_strength: float = _between(0, INFINITE)
    mean_variance_floor: float | None = _between(0, 1e6)
    class_prior: str = _one_of(*get_args(ClassPrior))
    reference: str = _one_of("auto", "none")
    source: str = _one_of("pictures", "head")


@dataclass(frozen=True)
class CalibrateConfig:
    """From scores to probabilities and prediction sets (section `calibrate`)."""

    calibration_bins: int = _between(0, 1000)
    prediction_set: str = _one_of(*PREDICTION_SETS)
    coverage: float = _between(1e-9, 1)
    confidence: float | None = _between(0.5, 0.999)
    folds: int = _between(2, 1000)
    top_k: int = _between(1, 1_000_000)
    aci_step_size: float = _between(0, 1)
    novelty_fpr: float = _between(0, 1)


@dataclass(frozen=True)
class EvaluateConfig:
    """How certain the metrics are, and what the report shows (section `evaluate`)."""

    split: str = _one_of("validation", "tuning", "out_of_fold")
    bootstrap_resamples: int = _between(0, 100_000)
    baselines: list[str] = _one_of(*BASELINES)
    examples: int = _between(0, 200)


@dataclass(frozen=True)
class ExportConfig:
    """Which variants are evaluated, which one is bundled, and how far it may be from float32 (configs/export/)."""

    variants: list[str] = _one_of(*VARIANTS)
    bundle_variant: str | None = _one_of(*VARIANTS, None)
    calibration_pictures: int = _between(1, 100_000)
    calibration_source: str = _one_of("pictures", "drawings")
    reference_pictures: int = _between(1, 1_000_000_000)
    min_cosine: float = _between(-1, 1)
    max_top1_loss: float = _between(0, 100)
    strict_parity_pictures: int = _between(0, 1_000_000_000)
    onnx: bool = MISSING
    reference_statistics: bool = MISSING
    block: int = _between(1, 4096)


@dataclass(frozen=True)
class Experiment:
    """One run."""

    experiment: str = MISSING
    seed: int = _between(0, 2**32 - 1)
    cache: str | None = _path()
    cache_limit: float | None = _between(0, INFINITE)
    force: bool = MISSING
    optimized_metric: str = _one_of(*METRIC_NAMES)
    track: str | None = _one_of(*TRACKERS, None)
    track_to: str | None = _path()
    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
