"""Folders of runs for trackers: one whose network was trained, and a sweep; and what a tracker holds of a run."""

from pathlib import Path
from typing import Any

from tests.helpers.sweeps import leave

EPOCHS = 3


def epoch(number: int, **change: Any) -> dict[str, Any]:
    """The record of one epoch."""
    values = {"loss": 2.0 / number, "top1": 50.0 + number, "tuning_loss": 1.5 / number, "tuning_top1": None}
    rates = {"learning_rate": 0.5**number, "seconds": 4.0, "images_per_second": 200.0}
    return {"epoch": number, **values, **rates, **change}


def leave_trained(folder: Path, epochs: int = EPOCHS, **options: Any) -> Path:
    """Write the result.json of a run that trained its network, and its report."""
    training = {
        "recipe": {"blocks": 3},
        "parent_sha256": "a" * 64,
        "weights_sha256": "b" * 64,
        "pictures": 60,
        "tuning": 12,
        "epochs": [epoch(number) for number in range(1, epochs + 1)],
        "best_epoch": epochs,
        "seconds": 4.0 * epochs,
    }
    leave(folder, change={"training": training}, **options)
    (folder / "report.html").write_text("<p>the report</p>")
    return folder


def leave_sweep(folder: Path, sizes: tuple[int, ...] = (2, 10), **options: Any) -> Path:
    """Write a sweep of data set sizes, each better than the one before."""
    for i, size in enumerate(sizes):
        leave(folder / f"job{size}", f"data.per_class={size}", right=0.3 + 0.2 * i, **options)
    (folder / "multirun.yaml").write_text("hydra: {}\n")
    return folder
