"""Studies of runs: their tables and figures come out of the runs' records."""

import pytest

from experiments.backbones import run as backbones
from experiments.common.tables import read_csv
from experiments.dataset_size import run as dataset_size
from experiments.export import run as export
from experiments.folder import run as folder_study
from experiments.quantization import run as quantization
from experiments.thresholds import run as thresholds
from experiments.tiny_imagenet import run as tiny_imagenet
from tests.helpers.made import RULES_MADE
from tests.helpers.sweeps import grow, leave

pytestmark = pytest.mark.slow

METRICS = {"top1": 0.7, "top5": 1.0, "top10": 1.0, "log_loss": 0.5, "ece": 0.1, "coverage": 0.9, "set_size": 1.5}


def variants(*names, top1=0.7):
    measured = {**METRICS, "top1": top1, "median_set_size": 1.0, "temperature": 20.0, "train": 100, "bytes": 4_000_000}
    return {name: {**measured, "images_per_second": 300.0, "cosine_to_float": 0.99, "top1_loss": 0.0} for name in names}


def check_figure(out):
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("study", [tiny_imagenet, folder_study])
def test_accuracy_of_runs_is_compared(study, tmp_path, capsys):
    runs = [leave(tmp_path / name, right=right) for name, right in (("a", 0.2), ("b", 0.9))]
    study.main([f"first={runs[0]}", f"second, 2={runs[1]}", "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    top1 = {row["run"]: float(row["value"]) for row in rows if row["metric"] == "top1"}
    assert 0 <= top1["first"] < top1["second, 2"] <= 1
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in rows if row["low"])
    assert f"| second, 2 | {100 * top1['second, 2']:.2f} % |" in capsys.readouterr().out
    check_figure(tmp_path)


def test_backbones_compares_resolutions(tmp_path, capsys):
    for i, resolution in enumerate((96, 160, 224)):
        leave(tmp_path / f"{resolution}", f"backbone.resolution={resolution}", right=0.3 + 0.2 * i)
    backbones.main([str(tmp_path), "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    assert [row["backbone.resolution"] for row in rows] == ["96", "160", "224"]
    assert float(rows[0]["top1"]) < float(rows[2]["top1"])
    assert capsys.readouterr().out.count("\n| ") == 3
    check_figure(tmp_path)


def test_dataset_size_averages_seeds(tmp_path, capsys):
    grow(tmp_path)
    dataset_size.main([str(tmp_path), "--out", str(tmp_path)])
    rows = [row for row in read_csv(tmp_path / "results.csv") if row["metric"] == "top1"]
    assert len({row["line"] for row in rows}) == 2
    assert {(row["x"], row["runs"]) for row in rows} == {("8.0", "2"), ("40.0", "2"), ("200.0", "2")}
    printed = capsys.readouterr().out
    assert "top1:" in printed
    assert "size_at_90:" in printed
    check_figure(tmp_path)


def test_thresholds_has_every_target_of_every_rule(tmp_path, capsys):
    for rule, decision in RULES_MADE.items():
        leave(tmp_path / rule, f"calibrate.prediction_set={rule}", decision=decision)
    thresholds.main([str(tmp_path), "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    assert {row["rule"] for row in rows} == set(RULES_MADE)
    assert all(0 <= float(row["coverage"]) <= 1 <= float(row["set_size"]) for row in rows)
    assert "| lac | 0.9 |" in capsys.readouterr().out
    check_figure(tmp_path)


def test_quantization_compares_variants_and_calibration_pictures(tmp_path, capsys):
    for i, pictures in enumerate((50, 100)):
        change = {"variants": variants("float32") | variants("int8", top1=0.5 + 0.1 * i)}
        leave(tmp_path / f"{pictures}", f"export.calibration_pictures={pictures}", change=change)
    quantization.main([str(tmp_path), "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    assert [(row["export.calibration_pictures"], row["variant"], row["top1"]) for row in rows] == [
        ("50", "float32", "0.7"), ("50", "int8", "0.5"), ("100", "float32", "0.7"), ("100", "int8", "0.6")
    ]  # fmt: skip
    assert capsys.readouterr().out.count("| int8 | 4,000,000 |") == 1
    check_figure(tmp_path)


def test_export_lists_the_variants_of_a_run(tmp_path, capsys):
    run = leave(tmp_path / "run", change={"variants": variants("float32", "dynamic_range", "int8")})
    export.main([str(run), "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    assert [row["variant"] for row in rows] == ["float32", "dynamic_range", "int8"]
    assert "| int8 | 4.00 MB | 300 | 0.9900 | 70.00 % |" in capsys.readouterr().out
    check_figure(tmp_path)
