"""The record of a run: result.json, schema 1."""

import hashlib
import json
import math
import platform
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imagetagger import config
from imagetagger.backbone.model import Backbone
from imagetagger.data.dataset import Dataset, Skip
from imagetagger.decide import Decision
from imagetagger.files import installed_version, whole
from imagetagger.measure import Measured
from imagetagger.runtime import Runtime

SCHEMA = 1
PACKAGES = ("imagetagger", "jax", "jaxlib", "flax", "numpy", "pillow", "ai-edge-litert", "tensorflow-cpu", "tensorflow")
LISTED_SKIPS = 1000
"""Skipped pictures listed by name; all are counted."""


def build(
    *,
    settings: config.Experiment,
    dataset: Dataset,
    data_fingerprint: str,
    counts: dict[str, int],
    skipped: tuple[Skip, ...],
    backbone: Backbone,
    runtime: Runtime,
    stages: dict[str, dict[str, Any]],
    decision: Decision,
    measured: Measured,
    intervals: dict[str, tuple[float, float]],
    variants: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return the contents of result.json.

    Args:
        settings: of the run.
        dataset: its tags, and how many pictures each split has.
        data_fingerprint: digest of pictures, tags and splits.
        counts: pictures used to train (fit), to calibrate and to validate.
        skipped: pictures that could not be used.
        backbone: network and weights.
        runtime: what executed it.
        stages: seconds and images/s by stage.
        decision: fitted.
        measured: the classifier on the validation pictures.
        intervals: 95 % confidence intervals of the figures.
        variants: figures, size, rate and cosine of each exported variant; what was evaluated is added where it is
            none of them.
    """
    embedding = stages["embed"]
    rate = embedding.get("raw_images_per_second") or embedding["images_per_second"]
    own = {**measured.figures, "bytes": runtime.model_bytes, "images_per_second": rate, "cosine_to_float": None}
    return {
        "schema": SCHEMA,
        "experiment": settings.experiment,
        "config_digest": config_digest(settings),
        "seed": settings.seed,
        "data": {
            "name": dataset.name,
            "fingerprint": data_fingerprint,
            **counts,
            "tags": len(dataset.tags),
            "skipped": len(skipped),
            "skipped_files": [skip._asdict() for skip in skipped[:LISTED_SKIPS]],
        },
        "backbone": {
            "name": backbone.architecture,
            "weights": backbone.weights,
            "weights_sha256": backbone.weights_sha256,
            "resolution": settings.backbone.resolution,
            "width": backbone.width,
            "padding": backbone.net.padding,
            "activation": backbone.net.activation,
            "runtime": runtime.name,
            "embedding_space": runtime.space,
        },
        "calibration": {
            **asdict(decision.calibration),
            "tag_set": asdict(decision.tag_set),
            "unknown": asdict(decision.unknown) if decision.unknown else None,
            "wanted": settings.calibrate.coverage,
            "before": measured.raw,
            "after": measured.figures,
        },
        "strata": measured.strata,
        "stages": stages,
        "variants": {settings.embed.dtype: own} | variants,
        "shipped": None,  # the variant in the bundle, once there is one
        "confidence_intervals": intervals,
        "peak_memory_bytes": peak_memory(),
        "versions": versions(),
    }


def config_digest(settings: config.Experiment) -> str:
    """Return a digest of all settings but the cache's place, which changes no figure."""
    canonical = json.dumps({**asdict(settings), "cache": None}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that shape the figures; None where not installed."""
    return {"python": platform.python_version(), **{name: installed_version(name) for name in PACKAGES}}


def peak_memory() -> int | None:
    """Return the most memory this process has held, in bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what a parent held before it became this process
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak[1]) * 1024 if peak else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write(result: dict[str, Any], path: Path) -> None:
    """Write result.json, whole or not at all; figures that are not finite become null, as JSON has no others."""
    with whole(path) as partial:
        text = json.dumps(finite(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        # Names that come from files may hold half a character, which UTF-8 cannot.
        partial.write_text(text, "utf-8", "replace")


def finite(value: Any) -> Any:
    """Return JSON with null for figures that are not finite, as JSON has no others."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _said(result: dict[str, Any]) -> str:
    tag_set = result["calibration"]["tag_set"]
    if tag_set["rule"] == "top_k":
        return f" of {tag_set['threshold']:g}"
    wanted = result["calibration"]["wanted"]
    return f" ({tag_set['rule']}) at {wanted:g}"


def summary(result: dict[str, Any]) -> str:
    """Return the figures of a run in a few lines for the terminal."""
    data, temperature = result["data"], result["calibration"]["temperature"]
    figures = result["calibration"]["after"]
    interval = {
        name: f"[{100 * low:.1f}, {100 * high:.1f}]" for name, (low, high) in result["confidence_intervals"].items()
    }
    made = (
        f"{data['name']}: {data['tags']} tags, {data['train']} pictures to fit, {data['calibration']} to calibrate, "
        f"{data['validation']} to evaluate, {data['skipped']} skipped"
    )
    if not data["validation"]:
        return made
    lines = [
        made,
        f"top-1 {100 * figures['top1']:.2f} % {interval.get('top1', '')}  top-5 {100 * figures['top5']:.2f} %  "
        f"top-10 {100 * figures['top10']:.2f} %",
        f"log loss {figures['log_loss']:.3f}  ECE {figures['ece']:.3f}  at temperature {temperature:.2f}",
        f"tag sets{_said(result)}: {figures['set_size']:.2f} tags on average, the true one inside "
        f"{100 * figures['coverage']:.1f} % of the time",
    ]
    lines += [
        f"{name:8} {one['bytes'] / 1e6:5.2f} MB  {one['images_per_second']:5.0f} images/s  cosine to float "
        f"{one['cosine_to_float']:.4f}  top-1 {100 * one['top1']:.2f} %"
        + "  in the bundle"
        * (name == result["shipped"])
        for name, one in result["variants"].items()
        if one["cosine_to_float"] is not None
    ]
    return "\n".join(lines)
