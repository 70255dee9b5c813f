import functools
import inspect
import re
import types
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Literal, get_args, get_origin, get_type_hints

import jax.numpy as jnp
import pytest
from omegaconf import OmegaConf

from imagetagger.backbones.inverted_residual import Activation, Padding
from imagetagger.backbones.weights import PRETRAINED, load_backbone
from imagetagger.bundle.golden import MIN_COSINE
from imagetagger.bundle.manifest import ClassifierInfo, ModelInfo
from imagetagger.classifier.naive_bayes import finalize, fit_prior
from imagetagger.classifier.whitening import fit_transform
from imagetagger.config.schema import (
    CHOICES,
    RANGES,
    BackboneConfig,
    CalibrateConfig,
    ClassifierConfig,
    ConfigError,
    DataConfig,
    EmbedConfig,
    EvaluateConfig,
    Experiment,
    ExportConfig,
    explain_key,
    explain_overrides,
    from_hydra,
)
from imagetagger.convert.signatures import score_signature
from imagetagger.data.registry import load_dataset
from imagetagger.data.splits import subsample_mask
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import make_runtime
from imagetagger.experiment.stages import check_skipped
from imagetagger.export.parity import check_parity, parity_problem
from imagetagger.export.variants import quantization_pictures
from imagetagger.options import VARIANTS, PredictionSet, TransformKind, Variant
from imagetagger.prediction.decision import fit_decision
from imagetagger.report.run.page import write_run_report
from tests.helpers.composed import compose, settings


def leaves(node=Experiment, prefix=""):
    """Every setting's dotted key and type, null left out."""
    for name, kind in get_type_hints(node).items():
        if is_dataclass(kind):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            plain = [arg for arg in get_args(kind) if arg is not types.NoneType] if get_args(kind) else [kind]
            yield f"{prefix}{name}", plain[0]


SETTINGS = dict(leaves())
LISTS = ("export.variants",)
TOP = ", ".join(f.name for f in fields(Experiment))


def names(schema):
    return {f.name for f in fields(schema)}


def keywords(function):
    return {p.name for p in inspect.signature(function).parameters.values() if p.kind == p.KEYWORD_ONLY}


def problem(*overrides):
    with pytest.raises(ConfigError) as error:
        settings(*overrides)
    return str(error.value)


@functools.cache
def defaults():
    return compose()


def changed(key, value):
    config = defaults().copy()
    OmegaConf.update(config, key, value, merge=False, force_add=True)
    return from_hydra(config)


def problem_of(key, value):
    with pytest.raises(ConfigError) as error:
        changed(key, value)
    return str(error.value)


def test_the_defaults_are_sound_and_frozen():
    made = settings()
    assert (made.experiment, made.data.name, made.seed) == ("custom", "synthetic", 0)
    with pytest.raises(FrozenInstanceError):
        made.data.path = "x"


@pytest.mark.parametrize(
    ("key", "valid", "guess"),
    [
        ("foo", TOP, None),
        ("clasifier", TOP, "classifier"),
        ("data.pth", "name, path, tfds_name", "data.path"),
        ("backbone.resolutoin", "name, weights, fallback", "backbone.resolution"),
        ("embed.batchsize", "runtime, dtype, batch_size", "embed.batch_size"),
        ("classifier.kapa", "transform, dimensions", "classifier.variance_prior_strength"),
        ("calibrate.coverge", "calibration_bins, rule, coverage", "calibrate.coverage"),
        ("evaluate.example", "bootstrap, examples", "evaluate.examples"),
        ("export.variant", "variants, ship", "export.variants"),
        ("seed.x", "seed has no keys", None),
        ("data.path.x", "data.path has no keys", None),
    ],
)
def test_an_unknown_key_is_answered_with_the_valid_ones_and_a_guess(key, valid, guess):
    said = explain_key(key)
    assert said.startswith(f"{key}: unknown setting")
    assert valid in said
    assert said.endswith(f"Did you mean {guess}?") if guess else "Did you mean" not in said


@pytest.mark.parametrize("prefix", ["", "+", "++", "~"])
def test_an_unknown_key_of_an_override_is_explained_whatever_stands_before_it(prefix):
    (hint,) = explain_overrides([f"{prefix}data.pth=x"])
    assert "Did you mean data.path?" in hint


def test_groups_flags_and_hydras_own_keys_are_left_to_hydra():
    own = ["data=folder", "+experiment=quickstart", "hydra/launcher=x", "hydra.run.dir=x", "data@x=folder", "~data"]
    assert explain_overrides([*own, "-m", "--cfg=job", *(f"{key}=1" for key in SETTINGS)]) == []


@pytest.mark.parametrize("value", [1, {}, [], {"a": 1}, None], ids=str)
@pytest.mark.parametrize("key", ["foo", "data.pth", "embed.foo"])
def test_an_unknown_key_in_yaml_is_rejected_whatever_its_value(key, value):
    said = problem_of(key, value)
    assert said.startswith(key)
    assert "unknown setting; valid keys here:" in said


def test_an_unknown_key_that_an_override_adds_is_rejected():
    assert problem("+classifier.kapa=1").endswith("Did you mean classifier.variance_prior_strength?")


WRONG = {int: ("many", 2.5, True, [1]), float: ("many", True, [1]), bool: ("maybe",), str: ([1],)}
WRONG_LIST = ("float32", 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, kind in SETTINGS.items() for value in (WRONG_LIST if key in LISTS else WRONG[kind])],
    ids=str,
)
def test_a_wrong_type_is_rejected_with_what_was_expected(key, value):
    said = problem_of(key, value)
    assert said.startswith(f"{key}: ")
    expected = ", ".join(choice or "null" for choice in CHOICES.get(key, ())) or SETTINGS[key].__name__
    assert expected in said.split("(expected ")[1]


@pytest.mark.parametrize("key", [key for key in CHOICES if key not in LISTS])
def test_a_wrong_choice_is_rejected_with_the_valid_ones(key):
    choices = ", ".join(choice or "null" for choice in CHOICES[key])
    assert problem_of(key, "nonsense") == f"{key}: got nonsense, expected one of {choices}"


@pytest.mark.parametrize("value", [["nonsense"], ["float32", "nonsense"], ["nonsense", "int8", "nonsense"]], ids=str)
@pytest.mark.parametrize("key", LISTS)
def test_a_wrong_choice_in_a_list_is_rejected_with_the_valid_ones(key, value):
    expected = f"expected some of {', '.join(CHOICES[key])}, as in [{CHOICES[key][0]}]"
    assert problem_of(key, value) == f"{key}: got nonsense, {expected}"


def outside():
    for key, (low, high) in RANGES.items():
        yield key, -1 if SETTINGS[key] is int else low - 1e-3
        if high != float("inf"):
            yield key, high + 1 if SETTINGS[key] is int else high * 1.001
        if SETTINGS[key] is float:
            yield key, float("nan")


@pytest.mark.parametrize(("key", "value"), list(outside()))
def test_a_number_out_of_range_is_rejected_with_the_range(key, value):
    low, high = RANGES[key]
    said = problem_of(key, value)
    assert said.startswith(f"{key}: got {value}, expected {SETTINGS[key].__name__}")
    assert said.endswith(f"in {low:.10g} .. {high:.10g}")


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, end) for key, ends in RANGES.items() for end in ends if end < 1e10 or SETTINGS[key] is float],
)
def test_the_ends_of_a_range_are_in_it(key, value):
    changed(key, value)


@pytest.mark.parametrize("value", [3, None, []])
@pytest.mark.parametrize("section", ["data", "backbone", "embed", "classifier", "evaluate", "export"])
def test_a_section_without_keys_is_rejected(section, value):
    assert problem_of(section, value) == f"{section}: got {value}, expected keys below it, as in {section}.KEY=..."


def test_a_missing_setting_says_what_to_add():
    assert problem("data=base") == "data.name is required: add data.name=... to the command"
    assert "embed.runtime is required: add embed.runtime=..." in problem("~embed")


@pytest.mark.parametrize(("data", "add"), [("folder", "data.path"), ("tfds", "data.tfds_name")])
def test_a_data_source_says_what_it_needs(data, add, tmp_path):
    made = settings(f"data={data}").data
    given = {key: getattr(made, key) for key in keywords(load_dataset) - {"cache", "seed"}}
    with pytest.raises(ValueError, match=f"{add} is required with data={data}"):
        load_dataset(made.name, cache=tmp_path, seed=0, **given)


def test_an_interpolation_that_leads_nowhere_names_its_key():
    assert problem("data.path=${nope}").startswith("data.path: Interpolation key 'nope' not found")


def test_several_problems_are_told_at_once():
    assert problem("data.fraction=2", "embed.runtime=x", "classifier.variance_prior_strength=-1").count("\n") == 2


def test_every_number_has_a_range_and_every_range_and_choice_a_setting():
    numbers = {key for key, kind in SETTINGS.items() if kind in (int, float)}
    assert set(RANGES) == numbers
    assert set(CHOICES) <= {key for key, kind in SETTINGS.items() if kind is str}


def test_every_text_has_choices_or_is_known_to_be_free():
    free = {"experiment", "cache", "data.path", "data.tfds_name", "data.train_split", "data.validation_split"}
    assert {key for key, kind in SETTINGS.items() if kind is str} - set(CHOICES) == free | {"backbone.weights"}


def said_by(call):
    """The choices that a function's error message lists."""
    with pytest.raises(ValueError, match="expected ") as error:
        call()
    return set(re.split(r", | or ", str(error.value).split("expected ")[1]))


def literals(hint):
    found = [hint, *get_args(hint)]
    return next(set(get_args(kind)) for kind in found if get_origin(kind) is Literal)


def test_the_choices_are_those_of_the_code(tmp_path):
    choices = {key: set(valid) - {None} for key, valid in CHOICES.items()}
    empty = dict.fromkeys(keywords(load_dataset))
    assert choices["data.name"] == said_by(lambda: load_dataset("nonsense", **empty))
    assert choices["backbone.name"] == choices["backbone.fallback"] == set(PRETRAINED)
    assert choices["backbone.padding"] == literals(Padding)
    assert choices["backbone.activation"] == literals(Activation)
    assert choices["embed.runtime"] == said_by(lambda: make_runtime(None, 64, tmp_path, runtime="nonsense"))
    assert choices["classifier.class_prior"] == literals(get_type_hints(finalize)["class_prior"])
    assert choices["classifier.transform"] == literals(TransformKind)
    assert choices["classifier.transform"] == literals(get_type_hints(ClassifierInfo)["transform"])
    assert choices["calibrate.prediction_set"] == literals(PredictionSet)
    assert choices["export.variants"] == choices["export.bundle_variant"] == literals(Variant) == set(VARIANTS)
    assert choices["export.bundle_variant"] == literals(get_type_hints(ModelInfo)["variant"]) == set(MIN_COSINE)
    assert {jnp.dtype(name).name for name in choices["embed.dtype"]} == choices["embed.dtype"]


def test_schema_and_functions_have_the_same_names():
    assert names(DataConfig) == keywords(load_dataset) - {"cache", "seed"} | {"name", "holdout_fraction"} | {
        *(set(inspect.signature(subsample_mask).parameters) - {"rank", "labels"}),
        *(set(inspect.signature(check_skipped).parameters) & {"max_bad_fraction"}),
        *(keywords(extract_embeddings) & {"pixel_limit"}),
    }
    assert names(BackboneConfig) == {"name"} | keywords(load_backbone) - {"cache", "dtype", "seed"}
    assert names(EmbedConfig) == keywords(make_runtime) | keywords(extract_embeddings) - {"pixel_limit", "name"} | {
        "dtype",
        "measure_raw_rate",
    }
    prior = set(inspect.signature(fit_prior).parameters)
    assert names(ClassifierConfig) == keywords(fit_transform) | prior - {"statistics"} | {"transform", "class_prior"}
    assert names(CalibrateConfig) == keywords(fit_decision) - {"calibrated"}
    assert names(EvaluateConfig) == {"split", "bootstrap"} | keywords(write_run_report) - {"seed"}
    assert names(ExportConfig) == keywords(check_parity) | {"variants", "ship", "onnx"} | {
        quantization_pictures.__name__,
        *(set(inspect.signature(score_signature).parameters) & {"block"}),
    }
    assert keywords(check_parity) == keywords(parity_problem)


def test_two_sizes_of_one_subset_are_refused_before_anything_is_loaded():
    assert "set one of them to null" in problem("data.fraction=0.5", "data.per_class=4")


@pytest.mark.parametrize(("measured", "said"), [("[]", "none"), ("[float32,float16]", "float32, float16")])
def test_a_variant_that_is_not_measured_is_not_shipped(measured, said):
    got = problem(f"export.variants={measured}", "export.bundle_variant=int8")
    assert got == f"export.bundle_variant: got int8, expected one of export.variants ({said}), or null"
    assert settings("export.variants=[float32,int8]", "export.bundle_variant=null").export.bundle_variant is None
