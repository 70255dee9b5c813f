"""Options that several packages share by name."""

from typing import Literal, get_args

Variant = Literal["float32", "float16", "dynamic_range", "int8"]
"""float32; float16 weights; int8 weights with float activations; int8 weights (per channel) and activations."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)

PredictionSet = Literal["lac", "aps", "cumulative", "top_k"]
"""How tags are chosen for a prediction set; see imagetagger/prediction/prediction_sets.py."""

PREDICTION_SETS: tuple[PredictionSet, ...] = get_args(PredictionSet)

TransformKind = Literal["none", "standardised", "whitened"]
"""What happens to an embedding between network and Gaussians; see imagetagger/classifier/whitening.py."""

ClassPrior = Literal["uniform", "counts"]
"""Whether tags are equally likely beforehand, or as likely as they have pictures."""

GroupBy = Literal["auto", "none", "folder", "time", "name", "similarity"]
"""What decides which pictures belong to one group, such as a burst; see imagetagger/data/groups.py."""

EmbedEngine = Literal["local", "ray"]
"""Where pictures are embedded: on this machine, or on a Ray cluster; see imagetagger/system/ray_tasks.py."""

Baseline = Literal["logistic_regression", "linear_svm", "nearest_centroid"]
"""A well-known classifier that a run's own is compared with; see imagetagger/evaluation/baselines.py."""

BASELINES: tuple[Baseline, ...] = get_args(Baseline)

Tracker = Literal["tensorboard", "mlflow", "wandb"]
"""A library that keeps settings and metrics of many runs, and its extra; see imagetagger/tracking/."""

TRACKERS: tuple[Tracker, ...] = get_args(Tracker)

METRIC_NAMES = ("top1", "top5", "top10", "log_loss", "ece", "coverage", "set_size")
"""What is measured of every classifier; see imagetagger/evaluation/metrics.py."""

DEFAULT_PORT = 8017
"""The port of `imagetagger serve`. It never changes: a browser keeps lessons under the address, port included."""

HIGHER_IS_BETTER = ("top1", "top5", "top10", "coverage")
"""Those of them that are better the higher they are."""
