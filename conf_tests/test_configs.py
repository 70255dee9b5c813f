import re
from dataclasses import replace
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from imagetagger.config.digest import config_digest
from imagetagger.config.parse import explain_key, from_hydra
from imagetagger.config.schema import Experiment
from imagetagger.run import CONFIGS
from tests.helpers.composed import compose

FILES = sorted(file.relative_to(CONFIGS).as_posix() for file in CONFIGS.rglob("*.yaml"))
EXPERIMENTS = [Path(file).stem for file in FILES if file.startswith("experiment/")]
PARAMS = {
    name: OmegaConf.select(OmegaConf.load(CONFIGS / f"experiment/{name}.yaml"), "hydra.sweeper.params") or {}
    for name in EXPERIMENTS
}
"""Axes of the experiments that are sweeps."""
OPTIONS = [file.removesuffix(".yaml") for file in FILES if "/" in file and not file.startswith("experiment/")]
HYDRA = ("hydra", "defaults")
GROUPS = ("data", "backbone", "classifier", "export")


def text(file):
    return (CONFIGS / file).read_text(encoding="utf-8")


def header(file):
    """The comment lines at the start of a file, without Hydra's directive."""
    lines = [line for line in text(file).splitlines() if not line.startswith("# @package")]
    end = next(i for i, line in enumerate([*lines, ""]) if not line.startswith("#"))
    return [line.removeprefix("#").strip() for line in lines[:end]]


def key_lines(file):
    """Lines that set a value of ours, not of Hydra: (line, dotted key inside the file)."""
    section = ""
    for line in text(file).splitlines():
        match = re.match(r"( *)([a-z_0-9]+):(.*)", line)
        if not match:
            continue
        indent, key, rest = match.groups()
        if not indent:
            section = key
        if section not in HYDRA and re.sub(r"#.*", "", rest).strip():
            yield line, f"{section}.{key}" if indent else key


def own_values(file):
    loaded = OmegaConf.to_container(OmegaConf.load(CONFIGS / file))
    return {key: value for key, value in loaded.items() if key not in HYDRA}


def flat(node, prefix=""):
    for key, value in node.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]


def test_the_folder_holds_the_groups_it_should():
    assert {Path(file).parent.name for file in FILES} == {"", "experiment", *GROUPS}
    assert {"quickstart", "folder", "tiny_imagenet", "export"} <= set(EXPERIMENTS)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_fits_the_schema(option):
    group, name = option.split("/")
    config = compose(f"{group}={name}")
    for key in OmegaConf.missing_keys(config):
        OmegaConf.update(config, key, "synthetic")
    from_hydra(config)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_fits_the_schema_and_bears_the_name_of_its_file(experiment):
    assert from_hydra(compose(f"+experiment={experiment}")).experiment == experiment


@pytest.mark.parametrize("file", FILES)
def test_every_key_is_a_setting(file):
    prefix = "" if file.startswith("experiment/") or "/" not in file else f"{Path(file).parent.name}."
    for key, _ in flat(own_values(file), prefix):
        assert explain_key(key) is None


def test_every_setting_has_a_visible_default():
    shown, schema = (OmegaConf.to_container(config) for config in (compose(), OmegaConf.structured(Experiment)))
    assert {key for key, _ in flat(shown)} == {key for key, _ in flat(schema)}


@pytest.mark.parametrize("file", FILES)
def test_every_file_begins_with_a_description(file):
    assert header(file)
    assert len(header(file)[0]) > 20
    assert all(len(line) <= 120 for line in text(file).splitlines())


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("experiment/")])
def test_every_default_is_explained_on_its_line(file):
    derived = "defaults" in OmegaConf.load(CONFIGS / file) and "/" in file
    for line, key in key_lines(file):
        assert derived or re.search(r"\S  ?# \S", line), f"{key} has no comment"
        assert not derived or explained_elsewhere(file, key), f"{key} is explained nowhere"


def explained_elsewhere(file, key):
    group = Path(file).parent.name
    lines = [line for other in FILES if Path(other).parent.name == group for line, k in key_lines(other) if k == key]
    return any("#" in line for line in lines)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_states_its_question_its_command_and_its_runtime(experiment):
    lines = header(f"experiment/{experiment}.yaml")
    starts = [line.split(":")[0] for line in lines if re.match(r"[A-Z]\w+:", line)]
    assert starts == ["Question", "Command", "Runtime"]
    assert "?" in lines[0]
    (command,) = (line for line in lines if line.startswith("Command"))
    many = "-m " if PARAMS[experiment] else ""
    assert re.search(rf"python -m imagetagger\.run {many}\+experiment={experiment}(?!\w)", command)
    (runtime,) = (line for line in lines if line.startswith("Runtime"))
    assert re.search(r"second|minute|hour", runtime)
    assert "core" in runtime or "GPU" in runtime


def values(key, axis):
    """Values of an axis: all listed ones, or the ends of a range."""
    (override,) = OverridesParser.create().parse_overrides([f"{key}={axis}"])
    if override.is_choice_sweep():
        return [str(value) for value in override.sweep_string_iterator()]
    ends = override.value()
    return [str(end) for end in ((ends.start, ends.stop) if override.is_range_sweep() else (ends.start, ends.end))]


SWEEPS = [name for name in EXPERIMENTS if PARAMS[name]]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", SWEEPS)
def test_every_axis_of_a_sweep_is_a_setting_or_a_group_and_each_of_its_values_fits_the_schema(experiment):
    for key, axis in PARAMS[experiment].items():
        choices = values(key, axis)
        assert len(set(choices)) == len(choices) > 1
        if key not in GROUPS:
            assert explain_key(key) is None
        composed = [from_hydra(compose(f"+experiment={experiment}", f"{key}={value}")) for value in choices]
        assert len({config_digest(one) for one in composed}) == len(composed)


def test_the_sweeps_are_the_experiments_of_that_name_and_the_tuning_one():
    assert {name for name in EXPERIMENTS if "sweep" in name or "_x_" in name} | {"tune"} == set(SWEEPS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_sets_nothing_to_what_it_would_be_anyway(experiment):
    file = CONFIGS / "experiment" / f"{experiment}.yaml"
    assert file.read_text().startswith("# @package _global_\n")
    loaded = OmegaConf.load(file)
    assert isinstance(loaded, DictConfig)
    groups = {key.removeprefix("override /"): name for entry in loaded.defaults for key, name in entry.items()}
    without = compose(*(f"{group}={name}" for group, name in groups.items()))
    for key, value in flat(own_values(f"experiment/{experiment}.yaml")):
        assert OmegaConf.select(without, key) != value, f"{key} is {value} anyway"


@pytest.mark.parametrize("file", [file for file in FILES if "/" in file and not file.startswith("experiment/")])
def test_an_option_that_builds_on_another_sets_nothing_to_what_the_other_does(file):
    defaults = OmegaConf.load(CONFIGS / file).get("defaults", [])
    below = {
        key: value
        for base in defaults
        if base != "_self_"
        for key, value in flat(own_values(f"{Path(file).parent}/{base}.yaml"))
    }
    for key, value in flat(own_values(file)):
        assert key not in below or below[key] != value, f"{key} is {value} anyway"


def test_the_experiment_group_is_not_in_the_defaults_list():
    defaults = OmegaConf.load(CONFIGS / "config.yaml").defaults
    names = [next(iter(entry)) if isinstance(entry, DictConfig) else entry for entry in defaults]
    assert names == [*GROUPS, "_self_"]


def test_plain_naive_bayes_has_no_prior_on_its_variances_and_the_smoothed_one_has():
    plain, smoothed = (from_hydra(compose(f"classifier={name}")).classifier for name in ("gnb", "smoothed_gnb"))
    assert plain.variance_prior_strength == 0
    assert 1 <= smoothed.variance_prior_strength <= 1000
    assert plain.class_prior == smoothed.class_prior == "uniform"
    assert 0 < plain.var_smoothing < 1e-6


@pytest.mark.slow
def test_corners_of_the_family_are_what_they_are_called():
    names = ("gnb", "tied", "ncm", "lda", "whitened")
    gnb, tied, ncm, lda, whitened = (from_hydra(compose(f"classifier={name}")).classifier for name in names)
    assert (gnb.transform, gnb.variance_prior_strength, gnb.mean_variance_floor) == ("none", 0, None)
    assert tied == replace(gnb, variance_prior_strength=float("inf"))
    assert ncm == replace(tied, isotropic_prior_strength=float("inf"))
    assert lda == replace(tied, transform="whitened", shrinkage=None, isotropic_prior_strength=float("inf"))
    assert whitened.transform == "whitened"
    assert whitened.mean_variance_floor
    assert from_hydra(compose()).classifier == whitened


def test_the_folder_of_a_run_bears_the_name_of_its_experiment():
    hydra = OmegaConf.load(CONFIGS / "config.yaml").hydra
    assert "${experiment}" in OmegaConf.to_container(hydra)["run"]["dir"]
    assert "${experiment}" in OmegaConf.to_container(hydra)["sweep"]["dir"]
