import random

import numpy as np
import pytest

from imagetagger.classifier.fit import multi_hot
from imagetagger.data.dataset import BadDataError, Split, select
from imagetagger.evaluation import evaluate
from imagetagger.experiment import stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.stages import assign_roles, embed_pictures, load_network, load_pictures
from imagetagger.prediction import calibration
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.jobs import numbers
from tests.helpers.pictures import COLOURS, encode, noisy
from tests.helpers.tiles import use_tiles

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
def test_jobs_that_share_a_memory_give_the_numbers_of_runs_alone_whatever_their_order(made, monkeypatch):
    monkeypatch.setattr(calibration, "PICTURES_PER_BIN", 3)
    jobs = {name: made(*change) for name, change in CHANGES.items()}
    wanted = {name: numbers(run_experiment(job).result) for name, job in jobs.items()}
    figures = [str([found[key] for key in ("data", "calibration", "pictures", "confidence_intervals")])
               for name, found in wanted.items() if name != "examples"]  # fmt: skip
    assert len(set(figures)) == len(figures), "changes that change nothing show nothing"
    memory, remembered = {}, 0
    for name in one_after_another(list(jobs)):
        found = run_experiment(jobs[name], memory=memory).result
        assert numbers(found) == wanted[name], name
        remembered += found["stages"]["fit"]["cached"]
    assert remembered > len(CHANGES) / 2


def test_a_job_makes_only_what_its_own_settings_change(made, monkeypatch):
    made_now = []

    def note(module, step):
        original = getattr(module, step)
        monkeypatch.setattr(module, step, lambda *args, **options: made_now.append(step) or original(*args, **options))

    for step in ("load", "make_runtime", "embed"):
        note(stages, step)
    for step in ("fit", "score", "tell"):
        note(evaluate, step)
    memory = {}

    def steps(*overrides):
        made_now.clear()
        run_experiment(made(*overrides), memory=memory)
        return list(made_now)

    everything = ["load", "make_runtime", "embed", "embed", "fit", "score", "score", "tell"]
    assert steps() == everything
    assert steps("calibrate.coverage=0.95") == steps("evaluate.bootstrap_resamples=7") == []
    assert steps("calibrate.coverage=0.8") == ["tell"]  # promised: on other pictures
    assert steps("calibrate.calibration_bins=0") == ["tell"]
    assert steps("classifier=gnb") == ["fit", "score", "score", "tell"]
    assert steps("data.holdout_fraction=0.4") == ["fit", "score", "score", "tell"]
    assert steps("data.per_class=5") == ["embed", "fit", "score", "score", "tell"]
    assert steps("data.per_class=5", "backbone.resolution=32") == everything[1:]
    assert steps("seed=1") == steps("seed=2") == everything


@pytest.fixture
def blind(made, monkeypatch):
    """Settings of a run whose validation pictures cannot be read."""
    original = stages.load

    def read(i):
        raise AssertionError("a validation picture was read")

    def load(*args, **options):
        found = original(*args, **options)
        return found._replace(validation=found.validation._replace(read=read))

    monkeypatch.setattr(stages, "load", load)
    return made


def test_a_run_that_tunes_reads_no_validation_picture_and_others_do(blind):
    found = run_experiment(blind(TUNING, "data.holdout_fraction=0.4"))
    assert found.result["data"]["validation"] == len(found.validation.ids) > 0
    assert found.result["confusions"]
    with pytest.raises(AssertionError, match="a validation picture was read"):
        run_experiment(blind("data.holdout_fraction=0.4"))


def part(made, *overrides):
    chosen = made(*overrides)
    pictures, _ = load_pictures(chosen, None)
    (_, runtime), _ = load_network(chosen, None)
    embedded = embed_pictures(chosen, pictures.dataset, runtime, {}, None)
    return pictures, embedded, assign_roles(chosen, pictures, embedded)


def test_a_run_that_tunes_calibrates_on_every_other_picture_held_out_of_a_tag_and_tries_the_rest(made):
    pictures, embedded, tuning = part(made, TUNING, "data.holdout_fraction=0.5")
    _, _, plain = part(made, "data.holdout_fraction=0.5")
    assert set(embedded) == {"train"}
    train, validation = pictures.dataset.train, pictures.dataset.validation
    held = np.flatnonzero(plain.held)
    np.testing.assert_array_equal(tuning.held, plain.held)
    np.testing.assert_array_equal(plain.calibrate, held)
    for tag in range(3):
        rank = {row: pictures.rank[row] for row in held.tolist() if train.labels[row, 0] == tag}
        in_order = sorted(rank, key=rank.get)
        assert len(in_order) > 3
        assert set(in_order[::2]) == set(rank) & set(tuning.calibrate.tolist())
        assert set(in_order[1::2]) == set(rank) & set(tuning.tuned.tolist())
    assert tuning.tried.ids == select(train, tuning.tuned).ids
    assert tuning.fitted.ids == plain.fitted.ids
    assert plain.tuned is None
    assert plain.tried.ids == validation.ids
    assert not set(tuning.tried.ids) & {*plain.tried.ids, *tuning.fitted.ids, *select(train, tuning.calibrate).ids}
    np.testing.assert_array_equal(tuning.truth, multi_hot(tuning.tried.labels, 3))


@pytest.mark.parametrize("fraction", [0, 0.01])
def test_where_there_is_nothing_to_tune_on_the_run_says_so(made, fraction):
    with pytest.raises(BadDataError, match=f"no tag has two: got data.holdout_fraction={fraction}"):
        part(made, TUNING, f"data.holdout_fraction={fraction}")


def test_pictures_that_cannot_be_embedded_serve_for_nothing(made):
    limits = ["data.pixel_limit=4096", "data.max_bad_fraction=0.9"]  # 64 x 64, and not 80 x 80
    for more in ([], [TUNING, "data.holdout_fraction=0.5"]):
        pictures, embedded, parts = part(made, *limits, *more)
        train = pictures.dataset.train
        large = {train.ids[i] for i in set(range(len(train.ids))) - set(embedded["train"].rows.tolist())}
        assert len(large) == len(embedded["train"].skipped) > 0
        assert not large & {*parts.tried.ids, *parts.fitted.ids}
        assert len(parts.held) == len(parts.labels) == len(train.ids) - len(large)
        assert len(parts.fitted.ids) == (~parts.held).sum()


def test_a_smaller_subset_holds_out_and_learns_from_what_a_larger_one_does(made):
    def ids(split: Split, rows) -> set[bytes]:
        return set(select(split, rows).ids)

    subsets = [part(made, f"data.per_class={n}") for n in (4, 8)]
    (small, large), (kept, more) = (
        [set(parts.fitted.ids) for _, _, parts in subsets],
        [ids(pictures.dataset.train, parts.calibrate) for pictures, _, parts in subsets],
    )
    assert small < large
    assert kept <= more
    assert not small & more
