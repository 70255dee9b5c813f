"""The studies of fine-tuning, shrunk."""

import msgspec
import numpy as np
import pytest

from experiments.common.tables import read_csv
from experiments.finetuning import folders, new_tags, run
from experiments.online_learning import methods
from imagetagger.export import variants
from tests.helpers.composed import shrunk
from tests.helpers.pictures import patchwork_folder, tiny_imagenet_zip
from tests.helpers.sweeps import leave
from tests.helpers.trained import training_record

pytestmark = pytest.mark.slow

BRIEF = ["training.blocks=1", "training.epochs=1", "training.crops=0"]


def overrides(*settings):
    return [part for setting in settings for part in ("--override", setting)]


def test_runs_are_compared_with_frozen_features(tmp_path, capsys):
    trained = {"training": msgspec.to_builtins(training_record())}
    tuned, frozen = leave(tmp_path / "tuned", change=trained), leave(tmp_path / "frozen")
    run.main([f"tuned={tuned}", f"frozen={frozen}", "--out", str(tmp_path)])
    table = capsys.readouterr().out
    assert "| tuned | 61.00 % |" in table
    assert "| frozen | – |" in table
    assert [row["epoch"] for row in read_csv(tmp_path / "results.csv")] == [str(i) for i in range(1, 13)]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_folds_test_every_picture_once_and_learn_from_others(tmp_path):
    pictures = patchwork_folder(tmp_path / "pictures", per_tag=10)
    tested = []
    for train, test in folders.folds(pictures, 3, 5):
        assert not {path for path, _ in train} & {path for path, _ in test}
        assert all([tag for _, tag in train].count(tag) == 3 for _, tag in train)
        tested += [path for path, _ in test]
    assert sorted(tested) == sorted(pictures.glob("*/*"))


def test_bundles_of_a_folder_are_tested_on_folds_and_not_made_twice(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    pictures = patchwork_folder(tmp_path / "pictures", per_tag=8)
    command = [str(pictures), "--per-tag", "6", "--folds", "2", "--out", str(tmp_path)]
    command += overrides(*shrunk(*BRIEF[1:], "training.gate=always", "data.group_by=none"))
    folders.main(command)
    rows = read_csv(tmp_path / "folders.csv")
    assert [(row["method"], row["is_used"]) for row in rows] == 2 * [("frozen", "0"), ("tuned", "1")]
    assert all(0 <= float(row["balanced_accuracy"]) <= 1 for row in rows)
    monkeypatch.setattr(folders, "evaluate_bundle", None)
    folders.main(command)
    assert read_csv(tmp_path / "folders.csv") == rows
    assert capsys.readouterr().out.count("| 6 |") == 2


def test_new_tags_are_taught_to_both_networks(tmp_path, capsys, monkeypatch):
    for module in (methods, new_tags):
        monkeypatch.setattr(module, "NEW_TAGS", 1)
    archive = tiny_imagenet_zip(tmp_path / "tiny.zip", per_tag=12, tags=3)
    settings = [setting for setting in shrunk(*BRIEF) if not setting.startswith("backbone.weights")]
    weights = next(setting for setting in shrunk() if setting.startswith("backbone.weights")).partition("=")[2]
    new_tags.main([str(archive), "--weights", weights, "--out", str(tmp_path), *overrides(*settings)])
    rows = read_csv(tmp_path / "new_tags.csv")
    assert [row["network"] for row in rows] == ["frozen"] * 5 + ["tuned"] * 5
    assert np.isfinite([float(row["new"]) for row in rows]).all()
    assert capsys.readouterr().out.count("\n| tuned |") == 5
