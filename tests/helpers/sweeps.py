"""Folders of runs that never were, as a sweep leaves them."""

import json
from pathlib import Path
from typing import Any

import msgspec

from imagetagger.experiment.record import finite_json
from imagetagger.system.atomic_files import atomic_write
from tests.helpers.made import outcome, some


def leave(
    folder: Path, *overrides: str, right: float = 0.7, seed: int = 0, n: int = 60, tags: int = 4, **options
) -> Path:
    """Write the result.json of a run.

    `change` replaces parts of it, by key; other options are those of made.outcome.
    """
    change: dict[str, Any] = options.pop("change", {})
    record = outcome(*some(n, tags, seed, right), f"seed={seed}", *overrides, **options).record
    result = msgspec.to_builtins(record)
    for key, parts in change.items():
        result[key] = result[key] | parts if isinstance(parts, dict) and result[key] else parts
    _write_json(folder / "result.json", finite_json(result))
    return folder


def fail(folder: Path, error: str = "out of memory", *overrides: str, **more) -> Path:
    """Write the failed.json of a job."""
    failure = {"experiment": "made", "config_digest": "0" * 16, "overrides": list(overrides), "kind": "ValueError"}
    _write_json(folder / "failed.json", {**failure, "error": error, **more})
    return folder


def _write_json(path: Path, value: Any) -> None:
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(value), "utf-8", "replace")


def grow(
    folder: Path, sizes=(2, 10, 50), choices=("gnb", "whitened"), seeds=(0, 1), n: int = 60, tags: int = 4
) -> Path:
    """Write a sweep of data set sizes, classifiers and seeds, each better than the one before."""
    for i, size in enumerate(sizes):
        for k, choice in enumerate(choices):
            for seed in seeds:
                right = min(0.25 + 0.13 * i + 0.1 * k, 0.97)
                change = {"data": {"train": size * tags}}
                leave(folder / f"{choice}-{size}-{seed}", f"data.per_class={size}", f"classifier={choice}",
                      right=right, seed=seed, n=n, tags=tags, change=change)  # fmt: skip
    return folder
