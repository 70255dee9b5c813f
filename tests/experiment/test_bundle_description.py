import json
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec

from imagetagger.backbones.registry import PRETRAINED
from imagetagger.experiment.bundle_description import describe_bundle
from tests.helpers.composed import settings
from tests.helpers.made import NO_BACKBONE, outcome, some
from tests.helpers.trained import RECIPE, training_record

RECORD = outcome(*some()).record
BACKBONE = NO_BACKBONE._replace(architecture="mobilenet_v2", weights="keras", weights_sha256="a" * 64)


def texts(value):
    """Every text inside JSON, keys too."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *texts(item))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def test_provenance_names_no_folder_of_the_machine(tmp_path):
    home, path = Path.home(), str(tmp_path / "w" / "mine.safetensors")
    made = settings("cache=/somewhere")
    made = replace(made, data=replace(made.data, path=f"{home}/private/holiday"), cache=str(tmp_path / "cache"))
    made = replace(made, backbone=replace(made.backbone, weights=path), track="mlflow", track_to=f"{home}/logs")
    provenance = describe_bundle(made, RECORD, BACKBONE._replace(weights=path)).provenance
    config, weights = provenance["config"], provenance["backbone"]["weights"]
    assert config["data"]["path"] == "holiday"
    assert config["backbone"]["weights"] == weights["name"] == "mine.safetensors"
    assert (weights["sha256"], config["cache"], config["track_to"]) == ("a" * 64, None, None)
    folders = {str(home), tempfile.gettempdir(), str(tmp_path), str(Path(__file__).parents[2])}
    listed = texts(provenance)
    assert not [(text, folder) for text in listed for folder in folders if f"{folder}/" in text or text == folder]


def test_provenance_names_what_the_bundle_was_made_from():
    made = settings("classifier.variance_prior_strength=3")
    description = describe_bundle(made, RECORD, BACKBONE)
    provenance = description.provenance
    assert provenance["config_digest"] == RECORD.config_digest
    assert provenance["versions"] == RECORD.versions
    for key in ("name", "fingerprint", "train", "calibration", "validation", "tags"):
        assert provenance["data"][key] == getattr(RECORD.data, key)
    assert provenance["backbone"]["name"] == "mobilenet_v2"
    assert provenance["config"]["classifier"]["variance_prior_strength"] == 3
    assert (description.name, description.size) == (made.experiment, RECORD.backbone.resolution)
    assert description.pixel_limit == made.data.pixel_limit


def test_the_licence_is_that_of_published_weights_and_unknown_for_others():
    made = settings()
    assert made.backbone.weights == "imagenet"
    licence = PRETRAINED["mobilenet_v2"].licence
    assert licence
    for weights, expected in (("imagenet", licence), ("mine.safetensors", None)):
        other = replace(made, backbone=replace(made.backbone, weights=weights))
        assert describe_bundle(other, RECORD, BACKBONE).provenance["backbone"]["weights"]["licence"] == expected


def test_the_description_is_json_whatever_numbers_the_run_has():
    empty = outcome(*(array[:0] for array in some())).record
    description = describe_bundle(settings("classifier.variance_prior_strength=inf"), empty, BACKBONE)
    json.dumps([description.metrics, description.provenance], allow_nan=False)
    (metrics,) = description.metrics.values()
    assert metrics["top1"] is metrics["log_loss"] is metrics["cosine_to_float"] is None


def test_provenance_names_what_was_fine_tuned_without_times():
    record = msgspec.structs.replace(RECORD, training=training_record(12, 10))
    training = describe_bundle(settings(), record, BACKBONE).provenance["training"]
    assert (training["recipe"], training["pictures"], training["tuning"]) == (RECIPE, 61_500, 4_500)
    assert (training["epochs"], training["best_epoch"]) == (12, 10)
    assert (training["parent_sha256"], training["weights_sha256"]) == ("a" * 64, "b" * 64)
    assert (training["frozen"]["top1"], training["top1"]) == (0.61, RECORD.calibration.after.top1)
    assert "seconds" not in training
    assert describe_bundle(settings(), RECORD, BACKBONE).provenance["training"] is None
