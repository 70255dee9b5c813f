import json
import os
import subprocess
import sys

import pytest
from composed import settings, shrunk
from pictures import colour_folder, tiny_imagenet_zip

from imagetagger import pipeline, result
from imagetagger.export import variants
from imagetagger.report import html
from imagetagger.run import CONFIGS

EXPERIMENTS = sorted(file.stem for file in (CONFIGS / "experiment").glob("*.yaml"))

RECIPES = {
    "quickstart": lambda tmp: [],
    "folder": lambda tmp: [f"data.path={colour_folder(tmp / 'pictures')}"],
    "tiny_imagenet": lambda tmp: [f"data.path={tiny_imagenet_zip(tmp / 'tiny.zip')}", "embed.measure_raw_rate=false"],
    "export": lambda tmp: [f"data.path={tiny_imagenet_zip(tmp / 'tiny.zip')}"],
    "whitened": lambda tmp: [f"data.path={tiny_imagenet_zip(tmp / 'tiny.zip')}"],
}
"""How to give each experiment data of its kind, and little of it."""


def test_every_experiment_has_a_recipe_and_every_recipe_an_experiment():
    assert sorted(RECIPES) == EXPERIMENTS


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_and_reports(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "SECONDS", 0.05)
    composed = settings(f"+experiment={experiment}", *shrunk(), *RECIPES[experiment](tmp_path))
    outcome = pipeline.run(composed)
    assert outcome.result["experiment"] == experiment
    assert 0 <= outcome.result["variants"]["float32"]["top1"] <= 1
    assert outcome.result["data"]["validation"] == len(outcome.measured.truth) > 0
    assert outcome.result["data"]["skipped"] == 0
    assert set(composed.export.variants) | {"float32"} == set(outcome.result["variants"])
    assert (outcome.bundle is None) == (composed.export.ship is None)
    html.write(outcome, tmp_path / "report.html", examples=2, seed=0)
    result.write(outcome.result, tmp_path / "result.json")
    assert f"<bdi>{experiment}</bdi>" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_multirun_leaves_results_and_configs_but_no_reports_or_bundles(tmp_path):
    sweep = ["calibrate.coverage=0.5,0.9", f"hydra.sweep.dir={tmp_path}"]
    command = [sys.executable, "-m", "imagetagger.run", "-m", "+experiment=quickstart", *shrunk(), *sweep]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    jobs = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert [job.name for job in jobs] == ["0", "1"]
    wanted = []
    for job in jobs:
        wanted.append(json.loads((job / "result.json").read_text())["calibration"]["wanted"])
        assert (job / ".hydra" / "config.yaml").is_file()
        assert {path.name for path in job.iterdir()} == {"result.json", ".hydra", "run.log"}
    assert wanted == [0.5, 0.9]
