import random
from pathlib import Path

import numpy as np
import pytest

from imagetagger.data.dataset import BadDataError, Split, multi_hot, select
from imagetagger.experiment import stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.stage_cache import StageRunner
from imagetagger.experiment.stages import load_pictures, subsample
from imagetagger.experiment.variant_stages import evaluate_model, start_model
from imagetagger.prediction import calibration
from imagetagger.preprocess import preprocess
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.jobs import numbers
from tests.helpers.pictures import COLOURS, encode, noisy
from tests.helpers.tiles import NO_BACKBONE, use_tiles

TUNING = "evaluate.split=tuning"

CHANGES = {
    "nothing": [],
    "seed": ["seed=1"],
    "data": ["data=synthetic"],
    "subset": ["data.per_class=6"],
    "share": ["data.fraction=0.5"],
    "held out": ["data.holdout_fraction=0.6"],
    "validation": ["data.validation_fraction=0.5"],
    "large pictures": ["data.pixel_limit=4096", "data.max_bad_fraction=0.9"],
    "resolution": ["backbone.resolution=32"],
    "classifier": ["classifier=gnb"],
    "kappa": ["classifier.variance_prior_strength=3"],
    "calibration_bins": ["calibrate.calibration_bins=0"],
    "rule": ["calibrate.prediction_set=aps", "calibrate.coverage=0.5"],
    "promise": ["calibrate.coverage=0.5", "data.holdout_fraction=0.6"],
    "sum": ["calibrate.prediction_set=cumulative", "calibrate.coverage=0.4"],
    "bootstrap": ["evaluate.bootstrap_resamples=7"],
    "examples": ["evaluate.examples=0"],
    "tuning": [TUNING],
    "tuning, another seed": [TUNING, "seed=1"],
    "tuning, subset": [TUNING, "data.per_class=6", "data.holdout_fraction=0.6"],
}
"""What jobs of a sweep may differ in."""


def hard_folder(root, per_tag=12):
    """Pictures of colours that overlap from tag to tag, and one larger picture a tag."""
    rng = np.random.default_rng(0)
    for tag, colour in COLOURS.items():
        (root / tag).mkdir(parents=True)
        for i in range(per_tag + 1):
            shade = 0.2 * np.array(colour) + rng.normal(60, 30, 3)
            side = 80 if i == per_tag else 64
            image = noisy(tuple(shade), int(rng.integers(2**31)), (side, side))
            (root / tag / f"{i}.png").write_bytes(encode(image))


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
    original = stages.load_dataset

    def read(i):
        raise AssertionError("a validation picture was read")

    def load(*args, **options):
        dataset = original(*args, **options)
        return dataset._replace(validation=dataset.validation._replace(read=read))

    monkeypatch.setattr(stages, "load_dataset", load)
    return made


@pytest.mark.slow
def test_a_run_that_tunes_reads_no_validation_picture_and_others_do(blind):
    output = run_experiment(blind(TUNING, "data.holdout_fraction=0.4"))
    assert output.record.data.validation == len(output.validation.ids) > 0
    assert output.record.confusions
    with pytest.raises(AssertionError, match="a validation picture was read"):
        run_experiment(blind("data.holdout_fraction=0.4"))


def roles(made, *overrides):
    """Pictures of a run, those of them that could be embedded, and their roles."""
    s, run = made(*overrides), StageRunner()
    loaded = run.run("load", load_pictures, section=s.data, seed=s.seed, cache=Path(s.cache))
    pictures = run.run("subset", subsample, loaded, section=s.data)
    model = start_model(run, s, run.run("backbone", lambda: NO_BACKBONE), pictures, None)
    embedded = {}
    original = stages.extract_embeddings

    def keep(split, *args, **options):
        embedded[options["name"].split()[-1]] = original(split, *args, **options)
        return embedded[options["name"].split()[-1]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "extract_embeddings", keep)
        splits = evaluate_model(run, s, loaded, pictures, model).splits.value
    fitted = select(pictures.value.dataset.train, embedded["train"].rows[~splits.is_holdout])
    return pictures.value, embedded, splits, fitted


def test_a_run_that_tunes_calibrates_on_every_other_held_out_picture_of_a_tag_and_evaluates_the_rest(made):
    pictures, embedded, tuning, fitted = roles(made, TUNING, "data.holdout_fraction=0.5")
    _, _, plain, plain_fitted = roles(made, "data.holdout_fraction=0.5")
    assert set(embedded) == {"train"}
    train, validation = pictures.dataset.train, pictures.dataset.validation
    holdout = np.flatnonzero(plain.is_holdout)
    np.testing.assert_array_equal(tuning.is_holdout, plain.is_holdout)
    np.testing.assert_array_equal(plain.calibration_rows, holdout)
    for tag in range(3):
        rank = {row: pictures.rank[row] for row in holdout.tolist() if train.labels[row, 0] == tag}
        in_order = sorted(rank, key=rank.get)
        assert len(in_order) > 3
        assert set(in_order[::2]) == set(rank) & set(tuning.calibration_rows.tolist())
        assert set(in_order[1::2]) == set(rank) & set(tuning.tuning_rows.tolist())
    assert tuning.evaluated.ids == select(train, tuning.tuning_rows).ids
    assert fitted.ids == plain_fitted.ids
    assert plain.tuning_rows is None
    assert plain.evaluated.ids == validation.ids
    used = {*plain.evaluated.ids, *fitted.ids, *select(train, tuning.calibration_rows).ids}
    assert not set(tuning.evaluated.ids) & used
    np.testing.assert_array_equal(tuning.labels_onehot, multi_hot(tuning.evaluated.labels, 3))


@pytest.mark.parametrize("fraction", [0, 0.01])
def test_with_nothing_to_tune_on_the_run_ends_with_the_setting_that_helps(made, fraction):
    with pytest.raises(BadDataError, match=rf"no tag has two: got data\.holdout_fraction={fraction}"):
        roles(made, TUNING, f"data.holdout_fraction={fraction}")


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
    def ids(split: Split, rows) -> set[bytes]:
        return set(select(split, rows).ids)

    subsets = [roles(made, f"data.per_class={n}") for n in (4, 8)]
    (small, large), (holdout, larger_holdout) = (
        [set(fitted.ids) for *_, fitted in subsets],
        [ids(pictures.dataset.train, splits.calibration_rows) for pictures, _, splits, _ in subsets],
    )
    assert small < large
    assert holdout <= larger_holdout
    assert not small & larger_holdout


def test_int8_is_calibrated_on_readable_pictures_of_least_id_that_are_not_held_out(made):
    pictures, *_, fitted = roles(made, "data.holdout_fraction=0.5")
    settings = {"holdout_fraction": 0.5, "resolution": 16, "pixel_limit": 4096}
    crops = stages.quantization_pictures(pictures, count=4, **settings)  # the larger ones are over the limit
    small = [i for i in sorted(range(len(fitted.ids)), key=fitted.ids.__getitem__) if "12" not in fitted.keys[i]]
    expected = [preprocess(fitted.read(i), 16) for i in small[:4]]
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
