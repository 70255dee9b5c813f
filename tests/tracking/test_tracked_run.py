import math

import msgspec
import pytest

from imagetagger.experiment.record import read_record
from imagetagger.report.comparison.runs import read_runs
from imagetagger.tracking.tracked_run import tracked_run, tracked_sweep
from tests.helpers.sweeps import leave
from tests.helpers.tracked import EPOCHS, leave_sweep, leave_trained


def read(folder):
    (run,) = read_runs([folder]).runs
    return run


@pytest.fixture
def run(tmp_path):
    return read(leave_trained(tmp_path / "TIME"))


def test_settings_become_parameters_by_dotted_key_and_none_is_lost(run):
    params = tracked_run(run, ended=100.0).params
    assert (params["seed"], params["data.name"], params["calibrate.coverage"]) == (0, "synthetic", 0.9)
    assert (params["data.per_class"], params["evaluate.baselines"], params["export.onnx"]) == ("null", "", True)
    assert set(run.settings) == set(params)
    assert not [key for key in params if key.startswith(("cache", "track"))]


def test_metrics_are_those_of_the_record_and_finite(run):
    metrics, record = tracked_run(run, ended=100.0).metrics, run.record
    assert metrics["top1"] == record.calibration.after.top1
    assert metrics["uncalibrated/log_loss"] == record.calibration.before.log_loss
    assert (metrics["top1_low"], metrics["top1_high"]) == record.confidence_intervals["top1"]
    assert (metrics["pictures/train"], metrics["stages/load/seconds"], metrics["seconds"]) == (
        record.data.train,
        1.5,
        3.0,
    )
    assert (metrics["training/best_epoch"], metrics["training/seconds"]) == (EPOCHS, 12.0)
    assert "training/recipe/blocks" not in metrics
    assert all(math.isfinite(value) for value in metrics.values())


def test_an_unknown_metric_is_left_out(run, tmp_path):
    after = msgspec.structs.replace(run.record.calibration.after, top5=None, ece=math.nan)
    record = msgspec.structs.replace(
        run.record, calibration=msgspec.structs.replace(run.record.calibration, after=after)
    )
    metrics = tracked_run(run._replace(record=record), ended=0.0).metrics
    assert "top1" in metrics
    assert {"top5", "ece"} & set(metrics) == set()


def test_curves_have_a_point_per_epoch_and_unknown_values_none(run):
    curves = tracked_run(run, ended=100.0).curves
    assert [tuple(point) for point in curves["epochs/loss"]] == [(1, 2.0, 4.0), (2, 1.0, 8.0), (3, 2 / 3, 12.0)]
    assert [point.value for point in curves["epochs/learning_rate"]] == [0.5, 0.25, 0.125]
    assert set(curves) == {
        f"epochs/{name}" for name in ("loss", "top1", "tuning_loss", "learning_rate", "seconds", "images_per_second")
    }


def test_tags_say_what_the_run_was_made_from_and_with(run):
    tags, record = tracked_run(run, ended=100.0).tags, run.record
    assert tags["experiment"] == "made"
    assert tags["config_digest"] == record.config_digest
    assert tags["git_commit"] == record.revision.commit
    assert tags["data_fingerprint"] == record.data.fingerprint
    assert (tags["machine"], tags["version.numpy"]) == (record.machine.system, record.versions["numpy"])
    assert tags["trained_from_sha256"] == "a" * 64


def test_a_run_lasts_as_long_as_its_stages(run):
    tracked = tracked_run(run, ended=100.0)
    assert (tracked.started, tracked.ended) == (97.0, 100.0)


def test_a_run_is_identified_by_its_config_and_folder_and_its_content_by_its_record(tmp_path):
    def tracked(folder, *overrides, **options):
        return tracked_run(read(leave(tmp_path / folder, *overrides, **options)), ended=1.0)

    first = tracked("a")
    assert tracked_run(read(tmp_path / "a"), ended=2.0).digest == first.digest
    better = tracked("a", right=0.9)
    assert better.key == first.key
    assert better.digest != first.digest
    assert len({first.key, tracked("b").key, tracked("a", seed=1).key}) == 3


def test_a_sweep_has_the_best_of_its_jobs_and_they_have_names_that_distinguish_them(tmp_path):
    runs = read_runs([leave_sweep(tmp_path / "sweep", (2, 10, 50))]).runs
    jobs = [tracked_run(run, ended=10.0 * i) for i, run in enumerate(runs, 1)]
    parent, *children = tracked_sweep(tmp_path / "sweep", runs, jobs, failed=1)
    assert parent.is_sweep
    assert parent.varied == {"data.per_class": (2, 10, 50)}
    assert (parent.metrics["jobs"], parent.metrics["failed"]) == (3, 1)
    assert parent.metrics["best/top1"] == max(job.metrics["top1"] for job in jobs) == jobs[2].metrics["top1"]
    assert (parent.tags["best"], parent.tags["varied"]) == ("per class 50", "data.per_class")
    assert (parent.started, parent.ended) == (7.0, 30.0)
    assert [child.name for child in children] == ["per class 2", "per class 10", "per class 50"]
    assert {child.parent for child in children} == {parent.key}
    assert [child.digest for child in children] == [job.digest for job in jobs]


def test_a_sweep_of_one_job_is_a_sweep_too(tmp_path):
    runs = read_runs([leave_sweep(tmp_path / "sweep", (2,))]).runs
    parent, child = tracked_sweep(tmp_path / "sweep", runs, [tracked_run(runs[0], ended=1.0)])
    assert parent.is_sweep
    assert (child.name, child.parent) == ("job2", parent.key)


def test_the_record_without_training_has_no_curves(tmp_path):
    folder = leave(tmp_path / "a")
    assert read_record(folder / "result.json").training is None
    assert tracked_run(read(folder), ended=1.0).curves == {}
