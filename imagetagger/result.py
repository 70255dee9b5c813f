"""The record of a run: result.json, schema 1."""

import base64
import hashlib
import json
import math
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from imagetagger import config, confusion
from imagetagger.backbone.model import Backbone
from imagetagger.cores import cores
from imagetagger.data.dataset import Dataset, Skip, Split
from imagetagger.digest import config_digest
from imagetagger.files import installed_version, whole
from imagetagger.measure import Measured
from imagetagger.runtime import Runtime
from imagetagger.set_curve import Curve

SCHEMA = 1
PACKAGES = ("imagetagger", "jax", "jaxlib", "flax", "numpy", "pillow", "ai-edge-litert", "tensorflow-cpu", "tensorflow")
CONFUSIONS = 12
"""Confusions that are told."""
SMALL = 64
"""Pixels across their pictures."""
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
    measured: Measured,
    tried: Split,
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
        measured: the classifier on the M pictures it was tried on.
        tried: those pictures.
        intervals: 95 % confidence intervals of the figures.
        variants: figures, size, rate and cosine of each exported variant; what was evaluated is added where it is
            none of them.
    """
    decision, names = measured.decision, [tag.name for tag in dataset.tags]
    embedding = stages["embed"]
    rate = embedding.get("raw_images_per_second") or embedding["images_per_second"]
    own = {**measured.figures, "bytes": runtime.model_bytes, "images_per_second": rate, "cosine_to_float": None}
    return {
        "schema": SCHEMA,
        "experiment": settings.experiment,
        "config_digest": config_digest(settings),
        "settings": recorded(settings),
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
        "reliability": measured.bins,
        "demands": demands(measured.curve),
        "tags": tags(measured, names),
        "confusions": pictured(measured, names, tried, settings.evaluate.examples),
        "pictures": pictures(measured, tried),
        "stages": stages,
        "variants": {settings.embed.dtype: own} | variants,
        "shipped": None,  # the variant in the bundle, once there is one
        "confidence_intervals": intervals,
        "peak_memory_bytes": peak_memory(),
        "versions": versions(),
        "revision": revision(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": cores()},
    }


def recorded(settings: config.Experiment) -> dict[str, Any]:
    """Return the settings as JSON, without where the cache lies; what is infinite becomes a text."""
    told = {key: value for key, value in asdict(settings).items() if key not in ("cache", "rerun")}
    return json.loads(json.dumps(told), parse_constant=str)


def demands(curve: Curve) -> dict[str, Any]:
    """Return the figures of tag sets at every demand: see set_curve."""
    lists = {key: getattr(curve, key).tolist() for key in ("asked", "coverage", "single", "precision")}
    return {"rule": curve.rule, "own": curve.own, **lists, "set_size": curve.size.tolist()}


def tags(measured: Measured, names: list[str]) -> list[dict[str, Any]]:
    """Return how many of each tag's pictures were recognised, the worst first."""
    return [tag._asdict() for tag in confusion.per_tag(measured.log_p, measured.truth, names)]


def pictured(measured: Measured, names: list[str], tried: Split, examples: int) -> list[dict[str, Any]]:
    """Return the most frequent confusions, each with a few of its pictures where examples are wanted."""

    def picture(row: int) -> dict[str, Any]:
        return {"key": tried.keys[row], "thumbnail": confusion.thumbnail(tried, row, SMALL)}

    found = confusion.confusions(measured.log_p, measured.truth, names, CONFUSIONS)
    return [{**one._asdict(), "rows": [picture(row) for row in one.rows if examples]} for one in found]


def pictures(measured: Measured, tried: Split) -> dict[str, Any]:
    """Return of each picture whether it was told right, so that runs can be compared picture by picture.

    `fingerprint` is a digest of the pictures and their tags, in order; each of the others is one bit a picture, eight a
    byte, the first in the highest bit, in base64: whether the first guess, one of the first five, and every right tag's
    place in the set was right.
    """
    digest = hashlib.sha256(b"".join(tried.ids) + np.ascontiguousarray(tried.labels, "<i4").tobytes())
    observed = measured.observed
    bits = {"top1": observed.top1, "top5": observed.top5, "covered": observed.covered}
    packed = {name: base64.b64encode(np.packbits(told >= 1).tobytes()).decode() for name, told in bits.items()}
    return {"count": len(tried.ids), "fingerprint": digest.hexdigest(), **packed}


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that shape the figures; None where not installed."""
    return {"python": platform.python_version(), **{name: installed_version(name) for name in PACKAGES}}


@cache
def revision() -> dict[str, Any] | None:
    """Return the git commit of the code that runs, and whether files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if git("ls-files", Path(__file__).name) == "":  # installed into somebody else's repository
            return None
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.CalledProcessError):
        return None


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


def line(result: dict[str, Any]) -> str:
    """Return the figures of a job of a sweep in one line for the terminal."""
    figures = result["calibration"]["after"]
    if not result["data"]["validation"]:
        return "no pictures to evaluate"
    return (
        f"top-1 {100 * figures['top1']:.2f} %  log loss {figures['log_loss']:.3f}  ECE {figures['ece']:.3f}  "
        f"coverage {100 * figures['coverage']:.1f} % with {figures['set_size']:.2f} tags"
    )


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
