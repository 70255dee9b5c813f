"""What the classifier of a bundle is fitted on, with tiles in place of a network."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from imagetagger.bundle.reader import check_bundle
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.experiment import run_output, stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.split_stages import pool_splits
from imagetagger.experiment.stages import DataSplits
from imagetagger.export import variants
from tests.helpers.bundles import SIZE, tiles_model
from tests.helpers.cases import copy_case
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.made import outcome, some
from tests.helpers.pictures import patchwork_folder
from tests.helpers.tiles import use_tiles

pytestmark = pytest.mark.slow

LONE = "data.group_by=none"
CASE = Path(__file__).parents[3] / "shared" / "cases" / "B03-no-validation-pictures" / "data"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs that export a bundle; the network is a file of tiles."""
    use_tiles(monkeypatch)
    monkeypatch.setattr(stages, "convert_cached", lambda *ignored: tiles_model())
    monkeypatch.setattr(stages, "litert_runtime", litert_runtime)
    monkeypatch.setattr(run_output, "check_networks", lambda *ignored, **limits: None)  # there are no weights
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.01)
    place = ["data=folder", f"cache={tmp_path / 'cache'}", "export=float32", "export.onnx=false"]
    network = [f"backbone.resolution={SIZE}", "backbone.weights=random"]

    def run(path, *overrides, assemble=True):
        s = settings(*SHRUNK, *place, *network, f"data.path={path}", *overrides)
        return run_experiment(s, assemble=assemble)

    return run


def counts(output):
    """Pictures of each tag in the bundle, which is sound."""
    assert output.export_error is None
    return check_bundle(output.bundle).rows.count.tolist()


def numbers_but_the_bundle(record):
    kept = {key: getattr(record, key) for key in ("data", "calibration", "tags", "pictures", "confidence_intervals")}
    return str({key: msgspec.to_builtins(value) for key, value in kept.items()})


def test_the_bundle_learns_from_every_picture_and_the_reported_metrics_are_those_without(run, tmp_path):
    folder = patchwork_folder(tmp_path / "pictures")
    output = run(folder, LONE)
    record = output.record
    assert counts(output) == [12, 12, 12]
    np.testing.assert_array_equal(output.evaluation.classifier.statistics.count, 9)
    assert (record.data.train, record.data.validation) == (27, 9)
    assert (record.bundled.train, record.bundled.calibration) == (36, 36)
    assert check_bundle(output.bundle).manifest.decision.calibration.temperature == record.bundled.temperature
    evaluated = run(folder, LONE, assemble=False).record
    assert evaluated.bundled is None
    assert numbers_but_the_bundle(evaluated) == numbers_but_the_bundle(record)


def test_pictures_that_the_user_set_aside_are_never_learned(run, tmp_path):
    patchwork_folder(tmp_path / "pictures" / "train")
    patchwork_folder(tmp_path / "pictures" / "val", per_tag=5, seed=20)
    output = run(tmp_path / "pictures")
    assert (output.record.data.train, output.record.data.validation) == (36, 15)
    assert counts(output) == [12, 12, 12]
    assert output.record.bundled.train == 36


def test_own_test_pictures_are_evaluated_by_the_classifier_of_the_bundle_and_never_learned(run, tmp_path):
    folder, others = patchwork_folder(tmp_path / "pictures"), patchwork_folder(tmp_path / "test", per_tag=5, seed=20)
    output, without = run(folder, LONE, f"data.test={others}"), run(folder, LONE)
    test = output.record.test
    assert without.record.test is None
    assert (test.pictures, test.train) == (15, 36)
    assert 0 <= test.metrics.top1 <= 1
    low, high = test.confidence_intervals["top1"]
    assert low <= test.metrics.top1 <= high
    assert counts(output) == counts(without) == [12, 12, 12]
    assert output.record.calibration == without.record.calibration
    evaluated = run(folder, LONE, f"data.test={others}", assemble=False).record
    assert evaluated.test.train == 27


@pytest.mark.parametrize("override", ["data.validation_fraction=0", "data.validation_fraction=0.2"])
def test_one_picture_a_tag_ships_a_bundle_with_warnings(run, tmp_path, override):
    output = run(patchwork_folder(tmp_path / "pictures", per_tag=1), override)
    assert counts(output) == [1, 1, 1]
    assert output.record.data.validation == output.record.data.calibration == 0
    assert output.record.guarantee is output.record.parity is None
    for part in ("No validation pictures", "none to calibrate on"):
        assert sum(part in warning for warning in output.record.warnings) == 1


@pytest.mark.parametrize("override", ["data.validation_fraction=0", "data.validation_fraction=0.2"])
def test_the_case_of_no_validation_pictures_ships_a_bundle(run, tmp_path, override):
    """Case B03-no-validation-pictures."""
    output = run(copy_case("B03-no-validation-pictures", tmp_path) / "data", override)
    assert counts(output) == [1, 1, 1]
    assert any("No validation pictures" in warning for warning in output.record.warnings)


def test_without_validation_pictures_the_bundle_is_that_of_all_pictures(run, tmp_path):
    output = run(patchwork_folder(tmp_path / "pictures"), "data.validation_fraction=0")
    assert counts(output) == [12, 12, 12]
    assert output.record.bundled.calibration == output.record.data.calibration == 36
    assert "pool" not in output.record.stages
    assert any("No validation pictures" in warning for warning in output.record.warnings)


def test_a_folder_of_lone_pictures_ships_a_bundle(run):
    if not CASE.is_dir():
        pytest.skip(f"no real case: {CASE} is missing")
    output = run(CASE)
    assert sum(counts(output)) == output.record.bundled.train > 0
    assert any("No validation pictures" in warning for warning in output.record.warnings)


def test_pooled_pictures_keep_their_groups_apart():
    split = outcome(*some(6, 3)).validation
    others = split._replace(ids=[b"other %d" % i for i in range(6)])
    groups, other_groups = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 0, 0, 1, 2, 3])
    labels_onehot = np.zeros((6, 3), bool)
    splits = DataSplits(
        split.ids, split.labels, np.zeros(6, int), groups, None, others, other_groups, labels_onehot, np.zeros(6, bool)
    )
    pooled = pool_splits(splits, folds=2, seed=0)
    assert pooled.groups.tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8]
    assert len(pooled.ids) == pooled.train == 12
    for group in range(9):
        assert len(set(pooled.folds[pooled.groups == group].tolist())) == 1
    assert set(pooled.folds.tolist()) == {0, 1}
