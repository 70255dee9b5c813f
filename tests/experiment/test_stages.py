import functools
import random
from pathlib import Path

import numpy as np
import pytest

from imagetagger.data.dataset import BadDataError, multi_hot, select
from imagetagger.data.drawings import DRAWING_TAGS
from imagetagger.experiment import split_stages, stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.split_stages import divide_pictures
from imagetagger.experiment.stage_cache import StageRunner
from imagetagger.experiment.stages import load_pictures, subsample
from imagetagger.experiment.variant_stages import evaluate_model, start_model
from imagetagger.prediction import calibration
from imagetagger.preprocess import preprocess
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.jobs import numbers
from tests.helpers.pictures import COLOURS, encode, patchwork
from tests.helpers.tiles import NO_BACKBONE, use_tiles

TUNING = "evaluate.split=tuning"

CHANGES = {
    "nothing": [],
    "seed": ["seed=1"],
    "data": ["data=synthetic"],
    "subset": ["data.per_class=6"],
    "share": ["data.fraction=0.5"],
    "groups": ["data.group_by=none"],
    "folds": ["calibrate.folds=3"],
    "confidence": ["calibrate.confidence=0.8", "calibrate.coverage=0.5"],
    "validation": ["data.validation_fraction=0.5"],
    "large pictures": ["data.pixel_limit=4096", "data.max_bad_fraction=0.9"],
    "resolution": ["backbone.resolution=32"],
    "classifier": ["classifier=gnb"],
    "kappa": ["classifier.variance_prior_strength=3"],
    "calibration_bins": ["calibrate.calibration_bins=0"],
    "rule": ["calibrate.prediction_set=aps", "calibrate.coverage=0.5"],
    "promise": ["calibrate.coverage=0.5"],
    "sum": ["calibrate.prediction_set=cumulative", "calibrate.coverage=0.4"],
    "bootstrap": ["evaluate.bootstrap_resamples=7"],
    "examples": ["evaluate.examples=0"],
    "tuning": [TUNING],
    "tuning, another seed": [TUNING, "seed=1"],
    "tuning, held out": [TUNING, "data.holdout_fraction=0.6"],
    "tuning, subset": [TUNING, "data.per_class=6", "data.holdout_fraction=0.6"],
}
"""What jobs of a sweep may differ in."""


def hard_folder(root, per_tag=12):
    """Pictures of colours that overlap from tag to tag, one larger picture a tag, and two near twins."""
    rng = np.random.default_rng(0)
    for tag, (name, colour) in enumerate(COLOURS.items()):
        (root / name).mkdir(parents=True)
        for i in range(per_tag + 1):
            shade = 0.2 * np.array(colour) + rng.normal(60, 30, 3)
            image = patchwork(tuple(shade), 13 * tag + max(i, 1), 80 if i == per_tag else 64)
            (root / name / f"{chr(97 + i)}.png").write_bytes(encode(image))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes settings of runs on tiles of a small folder."""
    use_tiles(monkeypatch)
    hard_folder(tmp_path / "pictures")
    place = [
        "data=folder",
        f"data.path={tmp_path / 'pictures'}",
        f"cache={tmp_path / 'cache'}",
        "data.holdout_fraction=0.3",
    ]
    return lambda *overrides: settings(*SHRUNK, *place, *overrides)


def one_after_another(names):
    """Each name before and after the first, then all of them in several random orders."""
    yield from (name for other in names for name in (names[0], other))
    for seed in range(2):
        yield from random.Random(seed).sample(names, len(names))


@pytest.mark.slow
def test_jobs_that_share_a_cache_give_the_numbers_of_runs_alone_whatever_their_order(made, monkeypatch):
    monkeypatch.setattr(calibration, "PICTURES_PER_BIN", 3)
    jobs = {name: made(*change) for name, change in CHANGES.items()}
    alone = {name: numbers(run_experiment(job).record) for name, job in jobs.items()}
    results = [str([record[key] for key in ("data", "calibration", "pictures", "confidence_intervals")])
               for name, record in alone.items() if name != "examples"]  # fmt: skip
    assert len(set(results)) == len(results), "changes that change nothing show nothing"
    cache, cached_fits = {}, 0
    for name in one_after_another(list(jobs)):
        record = run_experiment(jobs[name], cache=cache).record
        assert numbers(record) == alone[name], name
        cached_fits += record.stages["fit"].cached
    assert cached_fits > len(CHANGES) / 2


@pytest.fixture
def blind(made, monkeypatch):
    """Settings of a run whose validation pictures cannot be read."""
    original = split_stages.divide

    def read(i):
        raise AssertionError("a validation picture was read")

    @functools.wraps(original)
    def divide(*args, **options):
        pictures = original(*args, **options)
        validation = pictures.dataset.validation._replace(read=read)
        return pictures._replace(dataset=pictures.dataset._replace(validation=validation))

    monkeypatch.setattr(split_stages, "divide", divide)
    return made


@pytest.mark.slow
def test_a_run_that_tunes_reads_no_validation_picture_and_others_do(blind):
    options = ("data.holdout_fraction=0.4", "data.group_by=none")  # grouping reads all pictures, before they have roles
    output = run_experiment(blind(TUNING, *options))
    assert output.record.data.validation == len(output.validation.ids) > 0
    assert output.record.confusions
    with pytest.raises(AssertionError, match="a validation picture was read"):
        run_experiment(blind(*options))


def roles(made, *overrides):
    """Pictures of a run, those of them that could be embedded, their roles, and those that are fitted."""
    s, run = made(*overrides), StageRunner()
    backbone = run.run("backbone", lambda: NO_BACKBONE)
    loaded = run.run("load", load_pictures, section=s.data, seed=s.seed, cache=Path(s.cache))
    divided = divide_pictures(run, s, loaded, backbone)
    pictures = run.run("subset", subsample, divided, section=s.data)
    model = start_model(run, s, backbone, pictures, None)
    evaluated = evaluate_model(run, s, divided, pictures, model, run.run("reference", lambda: None))
    embedded = dict(zip(("train", "validation"), (one.value.embeddings for one in evaluated.embedded), strict=False))
    splits = evaluated.splits.value
    fitted = select(pictures.value.dataset.train, embedded["train"].rows[~splits.is_holdout])
    return pictures.value, embedded, splits, fitted


def test_a_run_that_tunes_evaluates_held_out_training_pictures_and_calibrates_on_the_others(made):
    pictures, embedded, tuning, fitted = roles(made, TUNING, "data.holdout_fraction=0.5")
    _, _, plain, plain_fitted = roles(made, "data.holdout_fraction=0.5")
    assert set(embedded) == {"train"}
    train, validation = pictures.dataset.train, pictures.dataset.validation
    np.testing.assert_array_equal(np.flatnonzero(tuning.is_holdout), tuning.tuning_rows)
    assert len(tuning.tuning_rows) > 9
    assert tuning.evaluated.ids == select(train, tuning.tuning_rows).ids
    assert not set(tuning.evaluated.ids) & {*fitted.ids, *validation.ids}
    assert {*tuning.evaluated.ids, *fitted.ids} == set(plain_fitted.ids) == set(train.ids)
    assert plain.tuning_rows is None
    assert not plain.is_holdout.any()
    assert plain.evaluated.ids == validation.ids
    np.testing.assert_array_equal(tuning.labels_onehot, multi_hot(tuning.evaluated.labels, 3))
    np.testing.assert_array_equal(tuning.evaluated_groups, tuning.groups[tuning.tuning_rows])


@pytest.mark.parametrize("override", ["data.holdout_fraction=0", "data.per_class=1"])
def test_with_nothing_to_tune_on_the_run_ends_with_the_setting_that_helps(made, override):
    with pytest.raises(BadDataError, match=r"none are held out: got data\.holdout_fraction="):
        roles(made, TUNING, override)


def test_groups_share_a_side_and_a_fold(made):
    pictures, _, splits, _ = roles(made)
    assert pictures.joined == {"near twins": 6}
    names = [key.split("/")[-1] for key in pictures.dataset.train.keys]  # a.png and b.png are near twins
    for tag in COLOURS:
        rows = [i for i, key in enumerate(pictures.dataset.train.keys) if key in (f"{tag}/a.png", f"{tag}/b.png")]
        assert len(rows) in (0, 2)
        assert len({(splits.folds[i], splits.groups[i]) for i in rows}) <= 1
    assert len(np.unique(splits.groups)) == len(splits.groups) - sum(name == "a.png" for name in names)
    assert set(splits.folds.tolist()) == set(range(10))


def test_pictures_that_cannot_be_embedded_serve_for_nothing(made):
    limits = ["data.pixel_limit=4096", "data.max_bad_fraction=0.9"]  # 64 x 64, and not 80 x 80
    for more in ([], [TUNING, "data.holdout_fraction=0.5"]):
        pictures, embedded, splits, fitted = roles(made, *limits, *more)
        train = pictures.dataset.train
        large = {train.ids[i] for i in set(range(len(train.ids))) - set(embedded["train"].rows.tolist())}
        assert len(large) == len(embedded["train"].skipped) > 0
        assert not large & {*splits.evaluated.ids, *fitted.ids}
        assert len(splits.is_holdout) == len(splits.labels) == len(train.ids) - len(large)
        assert len(fitted.ids) == splits.train


def test_a_smaller_subset_holds_out_and_fits_what_a_larger_one_does(made):
    subsets = [roles(made, TUNING, "data.group_by=none", f"data.per_class={n}") for n in (4, 8)]
    small, large = (set(fitted.ids) for *_, fitted in subsets)
    holdout, larger_holdout = (set(splits.evaluated.ids) for _, _, splits, _ in subsets)
    assert small < large
    assert holdout <= larger_holdout
    assert not small & larger_holdout


def test_int8_is_calibrated_on_the_readable_pictures_of_least_id(made):
    pictures, *_ = roles(made)
    train = pictures.dataset.train
    settings = {"resolution": 16, "pixel_limit": 4096}
    crops = stages.quantization_pictures(pictures, count=4, **settings)  # the larger ones are over the limit
    small = [i for i in sorted(range(len(train.ids)), key=train.ids.__getitem__) if "m.png" not in train.keys[i]]
    expected = [preprocess(train.read(i), 16) for i in small[:4]]
    np.testing.assert_array_equal(crops, expected)
    assert len(stages.quantization_pictures(pictures, count=1000, **settings)) == len(small)


def test_reference_pictures_are_as_many_of_each_tag_and_all_where_there_are_fewer(made):
    pictures, *_ = roles(made)
    subset = stages.first_by_rank(pictures, reference_pictures=7)
    counts = np.bincount(subset.dataset.train.labels[:, 0])
    assert (counts.sum(), np.ptp(counts)) == (7, 1)
    assert set(subset.dataset.train.ids) < set(pictures.dataset.train.ids)
    everything = stages.first_by_rank(pictures, reference_pictures=1000)
    assert everything.dataset.train.ids == pictures.dataset.train.ids


def test_out_of_fold_all_training_pictures_are_fitted_and_evaluated(made):
    pictures, embedded, _, _ = roles(made)
    train = stages.EmbeddedSplit(embedded["train"], None)
    options = {"holdout_fraction": 0.5, "folds": 4, "seed": 0}
    splits = stages.assign_roles(pictures, train, **options, is_out_of_fold=True)
    assert splits.evaluated.ids == splits.ids == pictures.dataset.train.ids
    assert splits.tuning_rows is None
    assert splits.train == len(splits.ids)
    assert set(splits.folds.tolist()) == set(range(4))
    np.testing.assert_array_equal(splits.evaluated_groups, splits.groups)
    np.testing.assert_array_equal(splits.labels_onehot, multi_hot(splits.labels, 3))


def test_drawings_that_int8_is_calibrated_on_depend_on_no_data_and_are_of_all_kinds():
    drawings = stages.quantization_drawings(count=len(DRAWING_TAGS) + 1, resolution=32)
    assert {drawing.shape for drawing in drawings} == {(32, 32, 3)}
    assert len({drawing.tobytes() for drawing in drawings}) == len(drawings)
    again = stages.quantization_drawings(count=3, resolution=32)
    np.testing.assert_array_equal(again, drawings[:3])
