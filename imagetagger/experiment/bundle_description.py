"""What a bundle says of where it comes from: settings, versions, network, data and metrics."""

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import msgspec

from imagetagger.backbones.model import Backbone
from imagetagger.backbones.registry import PRETRAINED
from imagetagger.config.schema import Experiment
from imagetagger.experiment.record import Record, finite_json
from imagetagger.export.assemble import BundleOrigin


def describe_bundle(settings: Experiment, result: Record, backbone: Backbone) -> BundleOrigin:
    """What a bundle's manifest says of where it comes from; names no folder of the machine that made it."""
    config = asdict(settings)
    for key in ("cache", "cache_limit", "track", "track_to"):  # of the machine, not of the tagger
        config[key] = None
    for section, key in (("data", "path"), ("data", "test"), ("backbone", "weights")):
        config[section][key] = _last_part(config[section][key])
    is_published = settings.backbone.weights == "imagenet"
    licence = PRETRAINED[backbone.architecture].licence if is_published else None
    weights = {"name": _last_part(backbone.weights), "sha256": backbone.weights_sha256, "licence": licence}
    keys = ("name", "fingerprint", "train", "calibration", "validation", "tags")
    provenance = {
        "config": config,
        "config_digest": result.config_digest,
        "versions": result.versions,
        "backbone": {"name": backbone.architecture, "width": backbone.width, "weights": weights},
        "data": {key: getattr(result.data, key) for key in keys},
        "bundle": msgspec.to_builtins(result.bundled),
        "reference": msgspec.to_builtins(result.reference),
        "training": _training(result),
    }
    metrics = {name: finite_json(msgspec.to_builtins(variant)) for name, variant in result.variants.items()}
    return BundleOrigin(
        settings.experiment,
        result.backbone.resolution,
        settings.data.pixel_limit,
        metrics,
        finite_json(provenance),
        result.warnings,
    )


def _training(result: Record) -> dict[str, Any] | None:
    """The fine-tuning of the network, without its curves and times; None without any."""
    training = result.training
    if training is None:
        return None
    described: dict[str, Any] = msgspec.to_builtins(training)
    del described["seconds"]
    return described | {"epochs": len(training.epochs), "top1": result.calibration.after.top1}


def _last_part(path: str | None) -> str | None:
    return PurePath(path).name if path else path
