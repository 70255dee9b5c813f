"""Folders of runs that never were, as a sweep would leave them."""

import json
from pathlib import Path
from typing import Any

from made import outcome, some

from imagetagger import result
from imagetagger.files import whole


def leave(
    folder: Path, *overrides: str, right: float = 0.7, seed: int = 0, n: int = 60, tags: int = 4, **options
) -> Path:
    """Leave the result.json of a run; `change` of its parts, by key; other options are those of made.outcome."""
    change: dict[str, Any] = options.pop("change", {})
    made = outcome(*some(n, tags, seed, right), f"seed={seed}", *overrides, **options).result
    for key, parts in change.items():
        made[key] = made[key] | parts if isinstance(parts, dict) and made[key] else parts
    result.write(made, folder / "result.json")
    return folder


def fail(folder: Path, error: str = "out of memory", *overrides: str, **more) -> Path:
    """Leave the failed.json of a job."""
    told = {"experiment": "made", "config_digest": "0" * 16, "overrides": list(overrides), "kind": "ValueError"}
    with whole(folder / "failed.json") as partial:
        partial.write_text(json.dumps({**told, "error": error, **more}))
    return folder


def grow(
    folder: Path, sizes=(2, 10, 50), choices=("gnb", "whitened"), seeds=(0, 1), n: int = 60, tags: int = 4
) -> Path:
    """Leave a sweep of data set sizes, classifiers and seeds, each better than the one before."""
    for i, size in enumerate(sizes):
        for k, choice in enumerate(choices):
            for seed in seeds:
                right = min(0.25 + 0.13 * i + 0.1 * k, 0.97)
                change = {"data": {"train": size * tags}}
                leave(folder / f"{choice}-{size}-{seed}", f"data.per_class={size}", f"classifier={choice}",
                      right=right, seed=seed, n=n, tags=tags, change=change)  # fmt: skip
    return folder
