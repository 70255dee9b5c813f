import json
import os
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from imagetagger import run
from imagetagger.bundle.reader import read_bundle
from imagetagger.bundle.verify import verify_bundle
from tests.helpers.composed import compose, shrunk

CHATTER = ("Traceback", "Unable to initialize backend", "XNNPACK", "Warning", "WARNING", "cuda", "TensorFlow")


def start(tmp_path, *arguments, **environment):
    command = [sys.executable, "-m", "imagetagger.run", *arguments]
    return subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run of the quickstart: its overrides, folder and process."""
    tmp_path, overrides = tmp_path_factory.mktemp("finished"), shrunk("+experiment=quickstart")
    return overrides, tmp_path / "run", start(tmp_path, *overrides, f"hydra.run.dir={tmp_path / 'run'}")


@pytest.mark.slow
def test_a_run_leaves_its_result_its_report_its_config_and_its_log_and_no_chatter(finished):
    overrides, folder, done = finished
    assert done.returncode == 0, done.stderr
    result = json.loads((folder / "result.json").read_text())
    assert result["experiment"] == "quickstart"
    assert (result["variant"], result["bundled_variant"]) == ("int8", "int8")
    top1 = 100 * result["variants"]["int8"]["top1"]
    assert f"<b>{top1:.1f}" in (folder / "report.html").read_text()
    assert OmegaConf.load(folder / ".hydra" / "config.yaml") == compose(*overrides)
    assert "Result, report and verified bundle in" in (folder / "run.log").read_text()
    assert f"top-1 {top1:.2f} %" in done.stdout
    assert not [word for word in CHATTER if word in done.stderr + done.stdout]
    assert {path.name for path in folder.parent.iterdir()} == {"run"}
    left = {"result.json", "report.html", "bundle", "bundle.zip", ".hydra", "run.log"}
    assert {path.name for path in folder.iterdir()} == left


@pytest.mark.slow
def test_a_run_leaves_a_bundle_as_folder_and_zip_that_verify_accepts(finished):
    _, folder, _ = finished
    for path in (folder / "bundle", folder / "bundle.zip"):
        assert any("golden pictures" in line for line in verify_bundle(path))
    bundle = read_bundle(folder / "bundle")
    assert bundle.files == read_bundle(folder / "bundle.zip").files
    assert bundle.manifest.model.variant == "int8"
    variants = json.loads((folder / "result.json").read_text())["variants"]
    shared = ("top1", "log_loss", "coverage", "cosine_to_float", "bytes")
    for name, metrics in bundle.manifest.metrics.items():
        assert [metrics[key] for key in shared] == [variants[name][key] for key in shared]
    assert "int8" in bundle.manifest.metrics


@pytest.mark.slow
def test_a_variant_too_far_from_float32_ends_the_run_with_its_metrics_and_no_bundle(tmp_path):
    overrides = shrunk("+experiment=quickstart", "export.min_cosine=1", f"hydra.run.dir={tmp_path}")
    done = start(tmp_path, *overrides)
    assert done.returncode == 1
    assert "int8: mean cosine to float32 is 0.9" in done.stderr
    assert "export.min_cosine=1.0" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "result.json").read_text())["variants"]["int8"]["cosine_to_float"] < 1
    assert (tmp_path / "report.html").exists()
    assert not list(tmp_path.glob("bundle*"))


MISTAKES = {
    "unknown key": (["data.pth=x"], "Did you mean data.path?"),
    "unknown key added": (["+foo=1"], "valid keys here: experiment, seed"),
    "wrong type": (["embed.batch_size=many"], "embed.batch_size: "),
    "out of range": (["calibrate.coverage=2"], "calibrate.coverage: got 2.0, expected float in 1e-09 .. 1"),
    "unknown option": (["classifier=svm"], "got classifier=svm, expected one of gnb, head, lda"),
    "unknown option of a sweep": (["-m", "classifier=gnb,svm"], "got classifier=svm, expected one of gnb, head, lda"),
    "unknown experiment": (["+experiment=foldr"], "got experiment=foldr, expected one of folder, "),
    "no value": (["classifier"], "got 'classifier', expected KEY=VALUE"),
    "unreadable value": (["seed=a (b"], "needs quotes of its own, as in \"seed='a value (1)'\""),
    "unreadable folder": (
        ["data=folder", "data.path=Photos (2024), Übung"],
        "got data.path=Photos (2024), Übung, where",
    ),
    "unknown user": (
        ["data=folder", "data.path=~no-such-user/x"],
        "got data.path=~no-such-user/x, where",
    ),
    "experiment without plus": (["experiment=quickstart"], "+experiment=quickstart"),
    "no path": (["data=folder"], "got data.path=None, expected a folder with one sub-folder per tag"),
    "missing path": (["data=folder", "data.path=nowhere"], "got data.path=nowhere, where nothing is"),
    "missing zip": (["data=tiny_imagenet", "data.path=nowhere.zip"], "got data.path=nowhere.zip"),
    "missing weights": (
        ["data.synthetic_per_class=2", "backbone.weights=nowhere.pth"],
        "got backbone.weights=nowhere.pth, where no file is",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_ends_with_a_short_message_and_no_traceback(tmp_path, arguments, message):
    done = start(tmp_path, *arguments, f"hydra.run.dir={tmp_path}")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "search path" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not list(tmp_path.rglob("result.json"))


@pytest.mark.slow
def test_hydra_full_error_shows_the_traceback(tmp_path):
    done = start(tmp_path, "data=folder", "data.path=nowhere", f"hydra.run.dir={tmp_path}", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileNotFoundError: got data.path=nowhere" in done.stderr


def test_runs_that_begin_at_the_same_time_have_a_folder_each(tmp_path):
    """Case B18-same-second: a time of years stands for the second."""
    command = [
        sys.executable,
        "-m",
        "imagetagger.run",
        "data=folder",
        "data.path=nowhere",
        "hydra.run.dir=a b/${now:%Y}",
    ]
    started = [subprocess.Popen([*command, f"seed={i}"], cwd=tmp_path, stderr=subprocess.DEVNULL) for i in range(3)]
    assert [process.wait() for process in started] == [1, 1, 1]
    made = sorted((tmp_path / "a b").iterdir())
    assert [path.name.partition("_")[2] for path in made] == ["", "2", "3"]
    seeds = {OmegaConf.load(path / ".hydra" / "config.yaml").seed for path in made}
    overrides = {OmegaConf.load(path / ".hydra" / "overrides.yaml")[-1] for path in made}
    assert seeds == {0, 1, 2}
    assert overrides == {"seed=0", "seed=1", "seed=2"}


def test_help_shows_commands_groups_and_settings_without_loading_jax(tmp_path):
    done = start(tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "+experiment=quickstart" in done.stdout
    assert "classifier: gnb, head, lda, ncm, smoothed_gnb, tied, whitened" in done.stdout
    assert "  coverage: 0.9" in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert "jax" not in imported
    experiments = next(line for line in done.stdout.splitlines() if line.startswith("experiment: "))
    assert max(len(line) for line in done.stdout.splitlines() if line != experiments) <= 100


def test_a_checkout_has_its_configs_beside_the_package():
    assert (run.CONFIGS / "config.yaml").is_file()
    assert run.CONFIGS.is_absolute()
