"""The part of result.json on fine-tuning: recipe, curves, and the comparison with the frozen network."""

from typing import Any

from msgspec import Struct

from imagetagger.experiment.evaluation_record import Count, Metric


class EpochRecord(Struct, frozen=True):
    """One epoch: means over its training pictures, and metrics of the tuning pictures after it.

    `epoch` counts from 1. Losses are in nats, accuracies shares. The tuning metrics are those of the averaged
    weights; None without tuning pictures.
    """

    epoch: Count
    loss: Metric
    top1: Metric
    tuning_loss: Metric
    tuning_top1: Metric
    learning_rate: float
    seconds: float
    images_per_second: Metric


class GateRecord(Struct, frozen=True):
    """Top-1 of frozen and of tuned features on the same pictures, seen by neither, and whether tuning was used.

    Only tuned features got the `won` pictures right, only frozen ones the `lost`; `p_value` is McNemar's. `folds` is
    the number of trainings of a cross-validation; 1 where held-out pictures decided after training; 0, and `top1_tuned`
    None, where frozen features left too little to gain for a trial.
    """

    pictures: Count
    folds: Count
    top1_frozen: float
    top1_tuned: Metric
    won: Count
    lost: Count
    p_value: float
    is_used: bool


class FrozenRecord(Struct, frozen=True):
    """The classifier on features of the frozen network, beside the one on tuned features: same pictures and settings.

    Only frozen features got the `lost` pictures right, only tuned ones the `won`; `p_value` is McNemar's.
    """

    pictures: Count
    top1: Metric
    balanced_accuracy: Metric
    lost: Count
    won: Count
    p_value: float


class TrainingRecord(Struct, frozen=True):
    """How the network of a run was fine-tuned.

    `recipe` is the section `training` of the settings as it took effect; `pictures` are those that the network learned
    from, `tuning` those that chose the epoch if the recipe has a `patience`. `seconds` is spent on training, over all
    interruptions, a cross-validation's not among them. The digests are of the files of weights that training started
    from and made; that of made ones is None where the frozen network is used. `stopped` says why training ended early,
    or why there was none; `is_pruned` that this was for other trainings of the sweep. `gate` is None where no
    comparison was asked for. `epochs` is empty where nothing was trained.
    """

    recipe: dict[str, Any]
    parent_sha256: str | None
    weights_sha256: str | None
    pictures: Count
    tuning: Count
    epochs: list[EpochRecord]
    best_epoch: Count
    seconds: float
    stopped: str | None = None
    is_pruned: bool = False
    gate: GateRecord | None = None
    frozen: FrozenRecord | None = None
