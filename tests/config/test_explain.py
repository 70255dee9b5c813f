import os

import pytest
from hydra.errors import ConfigCompositionException, HydraException

from imagetagger.config import explain
from imagetagger.config.explain import explain_failure, explain_hydra, explained_errors, nearest_first
from tests.helpers.composed import compose, settings


def message(*overrides):
    with pytest.raises(HydraException) as error:
        compose(*overrides)
    return explain_hydra(error.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("+experiment=foldr", "got experiment=foldr, expected one of folder, dataset_size_sweep, everyday"),
        ("+experiment=whitend", "got experiment=whitend, expected one of whitened, "),
        ("classifier=svm", "got classifier=svm, expected one of gnb, head, lda, ncm, smoothed_gnb, tied, whitened"),
        ("backbone=mobilenet", "got backbone=mobilenet, expected one of mobilenet_v2, efficientnet_lite0"),
        ("data=", "got data=, expected one of base, folder"),
        ("experiment=folder", "got experiment=..., expected +experiment=...: To append"),
        ("+classifier=gnb", "got +classifier=..., expected classifier=... without the plus"),
        ("export=int8,float32", "got export=int8,float32, several values: add -m to run each"),
        ("seed=a (b", "got 'seed=a (b', which cannot be read: a value with spaces, brackets, commas"),
        ("data.tfds_name=Übung", "quotes of its own, as in \"data.tfds_name='a value (1)'\""),
        ("classifier", "got 'classifier', expected KEY=VALUE, as in seed=1"),
        ("~nope", "Could not delete from config. 'nope' does not exist"),
        ("hydra.run.dirr=x", "Could not override 'hydra.run.dirr'. To append"),
    ],
)
def test_what_hydra_cannot_use_is_explained_in_one_line_without_its_search_path(override, expected):
    explained = message(override)
    assert expected in explained
    assert "\n" not in explained
    assert "path=" not in explained
    assert "hydra.cc" not in explained


def test_two_experiments_are_one_too_many():
    assert message("+experiment=folder", "+experiment=tune") == "got several experiments, expected one +experiment=..."


def test_all_choices_are_listed_and_the_nearest_come_first():
    choices = ["gnb", "smoothed_gnb", "tied", "whitened"]
    assert nearest_first("smoothd_gnb", choices) == ["smoothed_gnb", "gnb", "tied", "whitened"]
    assert nearest_first("GNB", choices)[0] == "gnb"
    assert nearest_first("", choices) == choices


@pytest.mark.parametrize(
    "error", [ConfigCompositionException("two\nlines"), HydraException("two\nlines"), OSError("two. lines")]
)
def test_errors_outside_a_run_end_with_one_line(monkeypatch, error):
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit, match=r"^two\. lines$"), explained_errors():
        raise error
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_tracebacks_are_shown_to_those_who_ask(monkeypatch):
    monkeypatch.setattr(explain, "SHOWS_TRACEBACKS", True)
    with pytest.raises(HydraException), explained_errors():
        raise HydraException("x")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("got a, expected b"), "got a, expected b\n"),
        (OSError("note cannot be written: No space left on device"), "note cannot be written: No space left"),
        (KeyError("x"), "Stopped by an error in the program, KeyError: 'x'. Please report it.\n"),
        (RuntimeError("/tmp/x.pb; No space left on device"), "A file cannot be written: /tmp/x.pb; No space left on"),
        (MemoryError("cannot allocate"), "The memory of this machine is not enough for this run. cannot allocate\n"),
    ],
)
def test_what_ends_a_run_is_said_with_where_to_see_more(error, expected):
    assert explain_failure(error).startswith(expected)
    assert explain_failure(error).endswith("(HYDRA_FULL_ERROR=1 shows where this was raised.)")


@pytest.mark.parametrize(
    "experiment",
    [
        "folder",
        "tiny_imagenet",
        "whitened",
        "export",
        "tune",
        "dataset_size_sweep",
        "resolution_sweep",
        "threshold_sweep",
    ],
)
def test_every_experiment_that_downloads_weights_has_others_to_fall_back_on(experiment):
    assert settings(f"+experiment={experiment}").backbone.fallback == "efficientnet_lite0"


def test_a_sweep_of_widths_has_no_weights_to_fall_back_on():
    assert settings("+experiment=width_sweep").backbone.fallback is None
