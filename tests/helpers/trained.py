"""Records of trainings that never were."""

import math
from typing import Any

from imagetagger.experiment.training_record import EpochRecord, FrozenRecord, GateRecord, TrainingRecord

RECIPE: dict[str, Any] = {
    "blocks": "3",
    "gate": "auto",
    "epochs": 12,
    "batch_size": 128,
    "accumulate": 1,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "head_rate": 10.0,
    "layer_decay": 0.8,
    "warmup_epochs": 0.5,
    "weight_decay": 0.05,
    "clip_norm": 1.0,
    "ema_decay": 0.999,
    "label_smoothing": 0.1,
    "dropout": 0.2,
    "mixup": 0.2,
    "cutmix": 0.0,
    "crops": 2,
    "gaussian_weight": 0.5,
    "teacher": "efficientnet_lite0",
    "distillation_weight": 0.3,
    "patience": 3,
    "dtype": "float32",
}
"""The section `training` of some settings."""
FROZEN = FrozenRecord(60, 0.61, 0.605, 5, 14, 0.0636)
GATE_KEPT = GateRecord(240, 5, 0.821, 0.812, 7, 9, 0.8036, False)
GATE_USED = GateRecord(240, 5, 0.821, 0.862, 16, 6, 0.0525, True)


def epoch_records(count: int = 12, kept: int = 10, **changes: Any) -> list[EpochRecord]:
    """The epochs of a training whose tuning loss is lowest at `kept`; `changes` replaces metrics of all."""

    def epoch(i: int) -> EpochRecord:
        rate = 0.001 * (1 + math.cos(math.pi * i / count)) / 2
        values: dict[str, Any] = {
            "loss": 1.6 + 2.4 / i,
            "top1": 0.8 - 0.5 / i,
            "tuning_loss": 1.4 + ((i - kept) / count) ** 2,
            "tuning_top1": 0.66 - 0.09 * ((i - kept) / count) ** 2,
            "learning_rate": rate,
            "seconds": 205.0,
            "images_per_second": 300.0 + 9 * math.sin(i),
        }
        return EpochRecord(epoch=i, **(values | changes))

    return [epoch(i) for i in range(1, count + 1)]


def training_record(count: int = 12, kept: int = 10, **changes: Any) -> TrainingRecord:
    """A training of so many epochs, of which tuning pictures chose one."""
    values: dict[str, Any] = {
        "recipe": RECIPE,
        "parent_sha256": "a" * 64,
        "weights_sha256": "b" * 64,
        "pictures": 61_500,
        "tuning": 4_500,
        "epochs": epoch_records(count, kept),
        "best_epoch": kept,
        "seconds": 205.0 * count,
        "frozen": FROZEN,
    }
    return TrainingRecord(**(values | changes))


def kept_frozen() -> TrainingRecord:
    """A training that cross-validation advised against."""
    return training_record(
        pictures=0, tuning=0, epochs=[], best_epoch=0, weights_sha256=None, frozen=None, gate=GATE_KEPT, seconds=0.0
    )


WITHOUT_TUNING = training_record(
    12, 12, epochs=epoch_records(12, 12, tuning_loss=None, tuning_top1=None), tuning=0, frozen=None
)
TRAININGS: dict[str, TrainingRecord] = {
    "usual": training_record(),
    "one epoch": training_record(1, 1),
    "stopped early": training_record(
        13, 10, recipe=RECIPE | {"epochs": 30}, stopped="the loss of the tuning pictures has not fallen for 3 epochs"
    ),
    "kept frozen": kept_frozen(),
    "passed the gate": training_record(gate=GATE_USED),
    "without tuning pictures": WITHOUT_TUNING,
    "100 epochs": training_record(100, 90, recipe=RECIPE | {"epochs": 100}),
    "accuracies of 0": training_record(epochs=epoch_records(top1=0.0, tuning_top1=0.0)),
    "accuracies of 100": training_record(epochs=epoch_records(top1=1.0, tuning_top1=1.0, loss=0.0, tuning_loss=0.0)),
    "nothing known": training_record(
        epochs=epoch_records(loss=None, top1=None, tuning_loss=None, tuning_top1=None, images_per_second=None),
        frozen=FrozenRecord(60, None, None, 0, 0, 1.0),
    ),
    "all blocks": training_record(recipe={"blocks": "all"}),
}
"""Trainings of every kind."""
