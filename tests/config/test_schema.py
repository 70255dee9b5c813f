import inspect
import re
from dataclasses import FrozenInstanceError, fields
from typing import Literal, get_args, get_origin, get_type_hints

import jax.numpy as jnp
import pytest

from imagetagger.backbones.inverted_residual import Activation, Padding
from imagetagger.backbones.registry import PRETRAINED, load_backbone
from imagetagger.bundle.golden import MIN_COSINE
from imagetagger.bundle.manifest import ClassifierInfo, ModelInfo
from imagetagger.classifier.naive_bayes import finalize, fit_prior
from imagetagger.classifier.whitening import fit_transform
from imagetagger.config.schema import (
    BackboneConfig,
    CalibrateConfig,
    ClassifierConfig,
    DataConfig,
    EmbedConfig,
    EvaluateConfig,
    ExportConfig,
)
from imagetagger.convert.signatures import score_signature
from imagetagger.data.groups import group_pictures
from imagetagger.data.registry import load_dataset
from imagetagger.data.splits import subsample_mask
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import make_runtime
from imagetagger.evaluation.guarantee import correct_rule
from imagetagger.evaluation.metrics import compute_metrics, empty_metrics
from imagetagger.experiment.reference_stages import find_head, find_reference
from imagetagger.experiment.stages import assign_roles, check_skipped, first_by_rank
from imagetagger.export.parity import check_parity, parity_problem
from imagetagger.options import VARIANTS, EmbedEngine, GroupBy, PredictionSet, Tracker, TransformKind, Variant
from imagetagger.prediction.decision import fit_decision
from imagetagger.report.run.page import write_run_report
from tests.helpers.composed import settings
from tests.helpers.schema import CHOICES, RANGES, SETTINGS


def names(section):
    return {field.name for field in fields(section)}


def parameters(function, *kinds):
    return {p.name for p in inspect.signature(function).parameters.values() if p.kind in (kinds or (p.KEYWORD_ONLY,))}


def all_parameters(function):
    return set(inspect.signature(function).parameters)


def test_the_defaults_are_sound_and_frozen():
    composed = settings()
    assert (composed.experiment, composed.data.name, composed.seed) == ("custom", "synthetic", 0)
    with pytest.raises(FrozenInstanceError):
        composed.data.path = "x"


def test_every_number_has_a_range_and_every_other_setting_none():
    assert set(RANGES) == {key for key, setting in SETTINGS.items() if setting.kind in (int, float)}
    assert set(CHOICES) <= {key for key, setting in SETTINGS.items() if setting.kind is str}


def test_every_text_has_choices_or_is_known_to_be_free():
    free = {
        "experiment",
        "cache",
        "track_to",
        "data.path",
        "data.test",
        "data.tfds_name",
        "data.train_split",
        "data.validation_split",
    }
    texts = {key for key, setting in SETTINGS.items() if setting.kind is str}
    assert texts - set(CHOICES) == free | {"backbone.weights", "training.blocks"}


def listed_by(call):
    """The choices that a function's error message lists."""
    with pytest.raises(ValueError, match="expected ") as error:
        call()
    return set(re.split(r", | or ", str(error.value).split("expected ")[1]))


def literals(hint):
    return next(set(get_args(kind)) for kind in (hint, *get_args(hint)) if get_origin(kind) is Literal)


def test_the_choices_are_those_of_the_code(tmp_path):
    choices = {key: set(valid) - {None} for key, valid in CHOICES.items()}
    empty = dict.fromkeys(parameters(load_dataset))
    assert choices["data.name"] == listed_by(lambda: load_dataset("nonsense", **empty))
    assert choices["data.group_by"] == literals(GroupBy)
    assert choices["backbone.name"] == choices["backbone.fallback"] == set(PRETRAINED)
    assert choices["backbone.padding"] == literals(Padding)
    assert choices["backbone.activation"] == literals(Activation)
    assert choices["training.teacher"] == set(PRETRAINED)
    assert {jnp.dtype(name).name for name in choices["training.dtype"]} == choices["training.dtype"]
    assert choices["embed.runtime"] == listed_by(lambda: make_runtime(None, 64, tmp_path, runtime="nonsense"))
    assert choices["embed.engine"] == literals(EmbedEngine)
    assert choices["classifier.class_prior"] == literals(get_type_hints(finalize)["class_prior"])
    assert choices["classifier.transform"] == literals(TransformKind)
    assert choices["classifier.transform"] == literals(get_type_hints(ClassifierInfo)["transform"])
    assert choices["calibrate.prediction_set"] == literals(PredictionSet)
    assert choices["export.variants"] == choices["export.bundle_variant"] == literals(Variant) == set(VARIANTS)
    assert choices["export.bundle_variant"] == literals(get_type_hints(ModelInfo)["variant"]) == set(MIN_COSINE)
    assert choices["track"] == literals(Tracker)
    assert choices["optimized_metric"] == set(compute_metrics(empty_metrics()))
    assert {jnp.dtype(name).name for name in choices["embed.dtype"]} == choices["embed.dtype"]


def test_settings_have_the_names_of_the_arguments_they_become():
    subset = all_parameters(subsample_mask) & {"fraction", "per_class"}
    assert names(DataConfig) == parameters(load_dataset) - {"cache", "seed"} | {"name"} | subset | {
        *(parameters(assign_roles) - {"folds", "seed", "is_out_of_fold"}),
        *parameters(check_skipped),
        *(parameters(extract_embeddings) & {"pixel_limit"}),
        *parameters(group_pictures),
    }
    network = all_parameters(load_backbone) - {"cache", "dtype", "seed"}
    assert names(BackboneConfig) == network
    runtime = parameters(make_runtime) | (parameters(extract_embeddings) & {"shard_size"})
    assert names(EmbedConfig) == runtime | {"dtype", "measure_raw_rate"}
    prior = all_parameters(fit_prior) - {"statistics"}
    fitted = parameters(fit_transform) | parameters(find_reference) - {"resolution", "data"}
    assert names(ClassifierConfig) == fitted | prior | {"class_prior", "source"}
    assert parameters(find_head) <= names(ClassifierConfig)
    calibrated = parameters(fit_decision) - {"independent_pictures"} | parameters(assign_roles) & {"folds"}
    assert names(CalibrateConfig) == calibrated | all_parameters(correct_rule) & {"confidence"}
    metrics = {"split", "bootstrap_resamples", "baselines"}
    assert names(EvaluateConfig) == metrics | parameters(write_run_report) - {"seed"}
    export = {"variants", "bundle_variant", "onnx", "reference_statistics"}
    export |= {"calibration_pictures", "calibration_source"}
    reference = parameters(first_by_rank) & {"reference_pictures"}
    block = all_parameters(score_signature) & {"block"}
    assert names(ExportConfig) == parameters(check_parity) | export | reference | block
    assert parameters(check_parity) == parameters(parity_problem)
