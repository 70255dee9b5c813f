import functools
from dataclasses import fields

import pytest
from omegaconf import OmegaConf

from imagetagger.config.parse import RENAMED, ConfigError, explain_key, explain_overrides, from_hydra
from imagetagger.config.schema import Experiment
from tests.helpers.composed import compose, settings
from tests.helpers.schema import CHOICES, LISTS, RANGES, SETTINGS

SECTIONS = ["data", "backbone", "embed", "classifier", "calibrate", "evaluate", "export"]
TOP = ", ".join(field.name for field in fields(Experiment))


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


@pytest.mark.parametrize(
    ("key", "valid", "guess"),
    [
        ("foo", TOP, None),
        ("clasifier", TOP, "classifier"),
        ("data.pth", "name, path, test", "data.path"),
        ("backbone.resolutoin", "name, weights, fallback", "backbone.resolution"),
        ("embed.batchsize", "runtime, engine, dtype, batch_size", "embed.batch_size"),
        ("classifier.shrinkge", "transform, dimensions", "classifier.shrinkage"),
        ("calibrate.coverge", "calibration_bins, prediction_set, coverage", "calibrate.coverage"),
        ("evaluate.example", "bootstrap_resamples, baselines, examples", "evaluate.examples"),
        ("export.variant", "variants, bundle_variant", "export.variants"),
        ("seed.x", "seed has no keys", None),
        ("data.path.x", "data.path has no keys", None),
    ],
)
def test_an_unknown_key_is_answered_with_the_valid_ones_and_a_guess(key, valid, guess):
    hint = explain_key(key)
    assert hint.startswith(f"{key}: unknown setting")
    assert valid in hint
    assert hint.endswith(f"Did you mean {guess}?") if guess else "Did you mean" not in hint


@pytest.mark.parametrize("prefix", ["", "+", "++", "~"])
def test_an_unknown_key_of_an_override_is_explained_whatever_its_prefix(prefix):
    (hint,) = explain_overrides([f"{prefix}data.pth=x"])
    assert "Did you mean data.path?" in hint


def test_groups_flags_and_hydras_own_keys_are_left_to_hydra():
    others = ["data=folder", "+experiment=quickstart", "hydra/launcher=x", "hydra.run.dir=x", "data@x=folder", "~data"]
    assert explain_overrides([*others, "-m", "--cfg=job", *(f"{key}=1" for key in SETTINGS)]) == []


@pytest.mark.parametrize("value", [1, {}, [], {"a": 1}, None], ids=str)
@pytest.mark.parametrize("key", ["foo", "data.pth", "embed.foo"])
def test_an_unknown_key_in_yaml_is_rejected_whatever_its_value(key, value):
    message = problem_of(key, value)
    assert message.startswith(key)
    assert "unknown setting; valid keys here:" in message


def test_an_unknown_key_that_an_override_adds_is_rejected():
    assert problem("+classifier.shrinkge=1").endswith("Did you mean classifier.shrinkage?")


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_renamed_key_is_refused_with_its_new_name(old, new):
    expected = f"{old}: this setting is now called {new}"
    assert new in SETTINGS
    assert old not in SETTINGS
    assert problem_of(old, 1) == expected
    for prefix in ("", "+", "++", "~"):
        assert explain_overrides([f"{prefix}{old}=1"]) == [expected]
    assert problem(f"+{old}=1") == expected


WRONG = {int: ("many", 2.5, True, [1]), float: ("many", True, [1]), bool: ("maybe",), str: ([1],)}
WRONG_LIST = ("text", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key, setting in SETTINGS.items()
        for value in (WRONG_LIST if key in LISTS else WRONG[setting.kind])
    ],
    ids=str,
)
def test_a_wrong_type_is_rejected_with_what_was_expected(key, value):
    message = problem_of(key, value)
    assert message.startswith(f"{key}: ")
    expected = ", ".join(choice or "null" for choice in CHOICES.get(key, ())) or SETTINGS[key].kind.__name__
    assert expected in message.split("(expected ")[1]


@pytest.mark.parametrize("key", [key for key in CHOICES if key not in LISTS])
def test_a_wrong_choice_is_rejected_with_the_valid_ones(key):
    choices = ", ".join(choice or "null" for choice in CHOICES[key])
    assert problem_of(key, "nonsense") == f"{key}: got nonsense, expected one of {choices}"


@pytest.mark.parametrize("pattern", ["x", "vx", "xvx"])
@pytest.mark.parametrize("key", LISTS)
def test_a_wrong_choice_in_a_list_is_rejected_with_the_valid_ones(key, pattern):
    value = ["nonsense" if item == "x" else CHOICES[key][0] for item in pattern]
    expected = f"expected some of {', '.join(CHOICES[key])}, as in [{CHOICES[key][0]}]"
    assert problem_of(key, value) == f"{key}: got nonsense, {expected}"


def outside():
    for key, (low, high) in RANGES.items():
        is_int = SETTINGS[key].kind is int
        yield key, -1 if is_int else low - 1e-3
        if high != float("inf"):
            yield key, high + 1 if is_int else high * 1.001
        if not is_int:
            yield key, float("nan")


@pytest.mark.parametrize(("key", "value"), list(outside()))
def test_a_number_out_of_range_is_rejected_with_the_range(key, value):
    low, high = RANGES[key]
    message = problem_of(key, value)
    assert message.startswith(f"{key}: got {value}, expected {SETTINGS[key].kind.__name__}")
    assert message.endswith(f"in {low:.10g} .. {high:.10g}")


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, end) for key, ends in RANGES.items() for end in ends if end < 1e10 or SETTINGS[key].kind is float],
)
def test_the_ends_of_a_range_are_in_it(key, value):
    changed(key, value)


@pytest.mark.parametrize("value", [3, None, []])
@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_without_keys_is_rejected(section, value):
    assert problem_of(section, value) == f"{section}: got {value}, expected keys below it, as in {section}.KEY=..."


def test_a_missing_setting_is_named_with_what_to_add():
    assert problem("data=base") == "data.name is required: add data.name=... to the command"
    assert "embed.runtime is required: add embed.runtime=..." in problem("~embed")


def test_an_interpolation_that_leads_nowhere_names_its_key():
    assert problem("data.path=${nope}").startswith("data.path: Interpolation key 'nope' not found")


def test_several_problems_are_listed_at_once():
    assert problem("data.fraction=2", "embed.runtime=x", "classifier.variance_prior_strength=-1").count("\n") == 2
    assert problem("+classifier.kappa=1", "+foo=2").count("\n") == 1


def test_two_sizes_of_one_subset_are_refused():
    expected = "got data.fraction=0.5 and data.per_class=4: set one of them to null"
    assert problem("data.fraction=0.5", "data.per_class=4") == expected


@pytest.mark.parametrize(("evaluated", "listed"), [("[]", "none"), ("[float32,float16]", "float32, float16")])
def test_a_variant_that_is_not_evaluated_is_not_bundled(evaluated, listed):
    message = problem(f"export.variants={evaluated}", "export.bundle_variant=int8")
    assert message == f"export.bundle_variant: got int8, expected one of export.variants ({listed}), or null"
    assert settings("export.variants=[float32,int8]", "export.bundle_variant=null").export.bundle_variant is None


def test_tuning_makes_no_bundle():
    assert "expected null with evaluate.split=tuning" in problem("evaluate.split=tuning", "export=int8")
    assert settings("evaluate.split=tuning", "export=none").export.bundle_variant is None


@pytest.mark.parametrize("override", ["embed.runtime=jax", "embed.dtype=bfloat16"])
def test_a_bundles_model_embeds_by_itself_so_another_runtime_or_arithmetic_is_refused(override):
    message = problem("export=int8", override)
    assert override in message
    assert "expected auto and float32, or export=none" in message
    for export in (["export=none"], ["export.variants=[int8]", "export.bundle_variant=null"]):
        settings(override, *export)
    assert settings("export=int8", "embed.runtime=litert").embed.runtime == "litert"
