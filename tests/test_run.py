import json
import os
import subprocess
import sys

import pytest
from composed import compose, shrunk
from omegaconf import OmegaConf

from imagetagger import run
from imagetagger.bundle.read import read
from imagetagger.bundle.verify import verify

CHATTER = ("Traceback", "Unable to initialize backend", "XNNPACK", "Warning", "WARNING", "cuda", "TensorFlow")


def start(tmp_path, *arguments, **environment):
    command = [sys.executable, "-m", "imagetagger.run", *arguments]
    return subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run of the quickstart: overrides, folder and process."""
    tmp_path, overrides = tmp_path_factory.mktemp("finished"), shrunk("+experiment=quickstart")
    return overrides, tmp_path / "run", start(tmp_path, *overrides, f"hydra.run.dir={tmp_path / 'run'}")


@pytest.mark.slow
def test_a_run_leaves_its_result_its_report_its_config_and_its_log_and_no_chatter(finished):
    overrides, folder, done = finished
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "result.json").read_text())
    assert found["experiment"] == "quickstart"
    top1 = 100 * found["variants"]["float32"]["top1"]
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
        assert any("golden pictures" in line for line in verify(path))
    one, other = read(folder / "bundle"), read(folder / "bundle.zip")
    assert one.files == other.files
    found = json.loads((folder / "result.json").read_text())
    assert (one.manifest.model.variant, found["shipped"]) == ("int8", "int8")
    shared = ("top1", "log_loss", "coverage", "cosine_to_float", "bytes")
    for name in ("float32", "int8"):
        figures = one.manifest.metrics[name]
        assert [figures[key] for key in shared] == [found["variants"][name][key] for key in shared]


@pytest.mark.slow
def test_a_variant_beyond_the_gate_ends_the_run_with_what_was_measured_and_no_bundle(tmp_path):
    overrides = shrunk("+experiment=quickstart", "export.min_cosine=1", f"hydra.run.dir={tmp_path}")
    done = start(tmp_path, *overrides)
    assert done.returncode == 1
    assert "int8: embeddings have a mean cosine of 0.9" in done.stderr
    assert "export.min_cosine is 1.0" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "result.json").read_text())["variants"]["int8"]["cosine_to_float"] < 1
    assert (tmp_path / "report.html").exists()
    assert not list(tmp_path.glob("bundle*"))


MISTAKES = {
    "unknown key": (["data.pth=x"], "Did you mean data.path?"),
    "unknown key added": (["+foo=1"], "valid keys here: experiment, seed"),
    "wrong type": (["embed.batch_size=many"], "embed.batch_size: "),
    "out of range": (["calibrate.coverage=2"], "calibrate.coverage: got 2.0, expected float in 1e-09 .. 1"),
    "unknown option": (["data=nonsense"], "tiny_imagenet"),
    "unknown experiment": (["+experiment=nonsense"], "quickstart"),
    "experiment without plus": (["experiment=quickstart"], "+experiment=quickstart"),
    "no path": (["data=folder"], "data.path is required with data=folder"),
    "missing path": (["data=folder", "data.path=nowhere"], "got data.path=nowhere, where nothing is"),
    "missing zip": (["data=tiny_imagenet", "data.path=nowhere.zip"], "got data.path=nowhere.zip"),
    "missing weights": (
        ["data.synthetic_per_class=2", "backbone.weights=nowhere.pth"],
        "got backbone.weights=nowhere.pth, where no file is",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_ends_with_a_short_message_and_no_traceback(tmp_path, arguments, said):
    done = start(tmp_path, *arguments, f"hydra.run.dir={tmp_path}")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= (24 if "complete stack trace" in done.stderr else 3)
    assert not list(tmp_path.rglob("result.json"))


@pytest.mark.slow
def test_the_traceback_is_there_for_those_who_ask(tmp_path):
    done = start(tmp_path, "data=folder", "data.path=nowhere", f"hydra.run.dir={tmp_path}", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileNotFoundError: got data.path=nowhere" in done.stderr


def test_help_shows_commands_groups_and_settings_without_loading_jax(tmp_path):
    done = start(tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "+experiment=quickstart" in done.stdout
    assert "classifier: gnb, lda, ncm, smoothed_gnb, tied, whitened" in done.stdout
    assert "  coverage: 0.9" in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert "jax" not in imported
    experiments = next(line for line in done.stdout.splitlines() if line.startswith("experiment: "))
    assert max(len(line) for line in done.stdout.splitlines() if line != experiments) <= 100


def test_a_checkouts_configs_lie_beside_the_package():
    assert (run.CONFIGS / "config.yaml").is_file()
    assert run.CONFIGS.is_absolute()
