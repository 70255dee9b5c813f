import functools
import logging
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.training import train as train_module
from imagetagger.training.activations import select_rows
from imagetagger.training.measure import embed_rows, evaluate_linear
from imagetagger.training.objective import GaussianHead
from imagetagger.training.train import Epoch, LabelledRows, Trained, TrainingError, train
from tests.helpers.training import (
    FEATURES,
    RICH,
    TAGS,
    assert_trees_equal,
    make_rows,
    recipe,
    tiny_network,
    tiny_params,
    tiny_pictures,
)

TIMES = [Epoch._fields.index(name) for name in ("seconds", "images_per_second")]


@pytest.fixture(autouse=True)
def one_device_and_steps_compiled_once(monkeypatch):
    """The step of a recipe is the same function in all trainings of this file."""
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    monkeypatch.setattr(train_module, "make_step", compiled_step)


NETWORK = tiny_network()
REAL_STEP = train_module.make_step


@functools.cache
def _compiled(settings, tags, sharding):
    optimizer = train_module.make_optimizer(settings, NETWORK.names, 10).transformation
    return REAL_STEP(NETWORK, settings, tags, optimizer, sharding)


def compiled_step(network, settings, tags, optimizer, sharding):
    """For trainings of ten batches an epoch."""
    assert network is NETWORK
    return _compiled(settings, tags, sharding)


def run(settings, pictures=None, **others) -> Trained:
    pictures = pictures or tiny_pictures()
    return train(NETWORK, tiny_params(), pictures, settings, TAGS, **{"seed": 3, **others})


def curve(trained: Trained) -> np.ndarray:
    """All that does not depend on the clock."""
    return np.delete(np.array(trained.epochs), TIMES, axis=1)


def assert_same(got: Trained, expected: Trained) -> None:
    np.testing.assert_array_equal(curve(got), curve(expected))
    assert_trees_equal(got.params, expected.params)
    assert (got.best_epoch, got.stopped) == (expected.best_epoch, expected.stopped)


def tuning_pictures() -> LabelledRows:
    return tiny_pictures(240, seed=1, noise=2.0)


def refit(params) -> GaussianHead:
    """A Gaussian classifier that depends on the network as it stands."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(FEATURES, 4)) + float(np.asarray(params["head"]["bias"]).sum())
    shapes = (rng.normal(size=FEATURES), matrix, rng.normal(size=(4, TAGS)), rng.normal(size=TAGS))
    return GaussianHead(*(jnp.asarray(a, jnp.float32) for a in shapes))


def test_a_training_learns_and_records_its_epochs():
    got = run(recipe(epochs=4, learning_rate=0.02), tuning=tuning_pictures())
    assert [epoch.epoch for epoch in got.epochs] == [1, 2, 3, 4]
    assert got.epochs[-1].loss < 0.5 * got.epochs[0].loss
    assert got.epochs[-1].top1 > 0.9
    assert got.epochs[-1].tuning_loss < got.epochs[0].tuning_loss
    assert [epoch.learning_rate for epoch in got.epochs] == sorted(epoch.learning_rate for epoch in got.epochs)[::-1]
    assert all(epoch.images_per_second > 0 for epoch in got.epochs)
    assert (got.best_epoch, got.stopped) == (4, None)
    logits = embed_rows(NETWORK.embed, got.params.network, tuning_pictures().rows)
    loss, top1 = evaluate_linear(got.params.linear, jnp.asarray(logits), tuning_pictures().labels, TAGS)
    assert (loss, top1) == pytest.approx((got.epochs[-1].tuning_loss, got.epochs[-1].tuning_top1), rel=1e-5)


def test_one_batch_is_overfitted():
    pictures = tiny_pictures(16, noise=3.0)
    labels = np.random.default_rng(0).integers(0, TAGS, (16, 1)).astype(np.int32)
    one_view = pictures.rows._replace(shards=tuple(shard[:, :1] for shard in pictures.rows.shards))
    rich = tiny_params()
    wide = {
        "kernel": np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32),
        "bias": np.zeros(64, np.float32),
    }
    head = {
        "kernel": np.random.default_rng(2).normal(size=(64, 8)).astype(np.float32) / 8,
        "bias": np.zeros(8, np.float32),
    }
    params = rich._replace(network={"first": wide, "head": head})
    settings = recipe(epochs=150, batch_size=16, learning_rate=0.03)
    got = train(NETWORK, params, LabelledRows(one_view, labels), settings, TAGS, seed=0)
    assert got.epochs[-1].loss < 0.01
    assert got.epochs[-1].top1 == 1


def test_the_epoch_of_the_least_tuning_loss_is_kept_and_training_ends_early():
    """The tuning pictures are those of other tags, so learning makes them worse sooner or later."""
    tuning = tuning_pictures()
    wrong = tuning._replace(labels=(tuning.labels + (np.arange(240)[:, None] % 2)) % TAGS)
    settings = recipe(epochs=30, learning_rate=0.05, patience=2)
    got = run(settings, tuning=wrong)
    losses = [epoch.tuning_loss for epoch in got.epochs]
    assert got.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == got.best_epoch + 2 < 30
    assert got.stopped == "the loss of the tuning pictures has not fallen for 2 epochs"
    embeddings = embed_rows(NETWORK.embed, got.params.network, wrong.rows)
    loss, _ = evaluate_linear(got.params.linear, jnp.asarray(embeddings), wrong.labels, TAGS)
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_few_tuning_pictures_choose_nothing():
    settings = recipe(epochs=5, learning_rate=0.05, patience=1)
    got = run(settings, tuning=tiny_pictures(30, seed=1, noise=5.0))
    assert (len(got.epochs), got.best_epoch, got.stopped) == (5, 5, None)
    assert np.isfinite(got.epochs[0].tuning_loss)


def interrupt_at(monkeypatch, after: int) -> None:
    """Raise an error in place of a step, once so many have run."""
    steps, make_step = [0], train_module.make_step

    def make(*arguments):
        step = make_step(*arguments)

        def counted(state, batch):
            if steps[0] == after:
                raise KeyboardInterrupt
            steps[0] += 1
            return step(state, batch)

        return counted

    monkeypatch.setattr(train_module, "make_step", make)


def fake_clock(monkeypatch, seconds: float) -> None:
    """A step takes so many seconds, and all else takes none; an epoch has ten steps."""
    now, make_step = [0.0], train_module.make_step

    def make(*arguments):
        step = make_step(*arguments)

        def timed(state, batch):
            now[0] += seconds
            return step(state, batch)

        return timed

    monkeypatch.setattr(train_module, "make_step", make)
    monkeypatch.setattr(train_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1.9, []), (2.0, [30]), (6.0, [10, 20, 30]), (7.0, [9, 18, 27]), (30.0, list(range(2, 31, 2)))],
)
def test_a_checkpoint_is_written_once_a_minute_whatever_the_epochs(tmp_path, monkeypatch, seconds, expected):
    fake_clock(monkeypatch, seconds)
    saved = []
    monkeypatch.setattr(train_module, "save_checkpoint", lambda folder, step, progress: saved.append(step))
    run(recipe(epochs=3), checkpoints=tmp_path)
    assert saved == expected


def test_a_pruned_training_leaves_a_checkpoint_from_which_another_goes_on(tmp_path):
    settings = recipe(epochs=4)
    others = {"tuning": tuning_pictures(), "checkpoints": tmp_path}
    pruned = run(settings, rivals=[[0.0] * 4] * 4, **others)
    assert (pruned.is_pruned, len(pruned.epochs)) == (True, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["10"]
    assert_same(run(settings, **others), run(settings, tuning=tuning_pictures()))


@pytest.mark.parametrize("after", [1, 10, 14])
def test_an_interrupted_training_goes_on_to_the_same_numbers_bit_by_bit(tmp_path, monkeypatch, after):
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", 0.0)
    settings = recipe(gaussian_weight=0.3, patience=5, **RICH)
    others = {"tuning": tuning_pictures(), "fit_gaussian": refit}
    expected = run(settings, **others)
    interrupt_at(monkeypatch, after)
    with pytest.raises(KeyboardInterrupt):
        run(settings, checkpoints=tmp_path, **others)
    monkeypatch.setattr(train_module, "make_step", compiled_step)
    assert_same(run(settings, checkpoints=tmp_path, **others), expected)
    interrupt_at(monkeypatch, 0)  # a finished training takes no further step
    assert_same(run(settings, checkpoints=tmp_path, **others), expected)


def test_a_training_that_ended_early_is_not_gone_on_with(tmp_path, monkeypatch):
    fake_clock(monkeypatch, 6.0)
    settings = recipe(epochs=30, learning_rate=0.5, patience=1)
    others = {"tuning": tiny_pictures(240, seed=1, noise=9.0), "checkpoints": tmp_path}
    expected = run(settings, **others)
    assert expected.stopped
    interrupt_at(monkeypatch, 0)
    assert_same(run(settings, **others), expected)


def test_if_the_last_checkpoint_is_damaged_the_one_before_serves(tmp_path, monkeypatch, caplog):
    settings = recipe()
    expected = run(settings)
    fake_clock(monkeypatch, 6.0)
    interrupt_at(monkeypatch, 25)
    with pytest.raises(KeyboardInterrupt):
        run(settings, checkpoints=tmp_path)
    monkeypatch.setattr(train_module, "make_step", compiled_step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "20"]
    (tmp_path / "20" / "arrays" / "_METADATA").write_text("{")
    assert_same(run(settings, checkpoints=tmp_path), expected)
    assert "20 is damaged" in caplog.text


def test_checkpoints_of_another_recipe_are_reported_and_training_starts_again(tmp_path, caplog, monkeypatch):
    fake_clock(monkeypatch, 6.0)
    run(recipe(epochs=2), checkpoints=tmp_path)
    assert_same(run(recipe(epochs=3), checkpoints=tmp_path), run(recipe(epochs=3)))
    assert "another structure" in caplog.text


def test_checkpoints_of_batches_of_another_size_are_refused(tmp_path, monkeypatch):
    """As on another number of devices, which divide a batch."""
    fake_clock(monkeypatch, 6.0)
    run(recipe(epochs=2), checkpoints=tmp_path)
    with pytest.raises(TrainingError, match="as many devices as before, or set force=true"):
        run(recipe(epochs=2, batch_size=7), checkpoints=tmp_path)


def test_a_loss_that_is_not_finite_ends_the_training_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    fake_clock(monkeypatch, 6.0)
    settings, pictures = recipe(learning_rate=0.25), tiny_pictures()
    shards = (pictures.rows.shards[0], pictures.rows.shards[1].copy())

    def spoil(params):
        """After the first epoch a picture turns bad."""
        if float(np.asarray(params["head"]["bias"])[0]) != np.float32(0.1):
            shards[1][-1] = np.nan
        return refit(params)

    pictures = pictures._replace(rows=pictures.rows._replace(shards=shards))
    with pytest.raises(TrainingError, match="the loss is not a finite number by batch 10 of 10 of epoch 2") as caught:
        run(settings, pictures, checkpoints=tmp_path, fit_gaussian=spoil)
    assert str(tmp_path) in str(caught.value)
    assert "training.learning_rate=0.25" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["10"]
    good = run(recipe(learning_rate=0.25), checkpoints=tmp_path, fit_gaussian=refit)
    assert_same(good, run(recipe(learning_rate=0.25), fit_gaussian=refit))


def test_a_learning_rate_far_too_high_says_so(tmp_path):
    settings = recipe(optimizer="sgd", learning_rate=1e18)
    with pytest.raises(TrainingError, match=r"training.learning_rate=1e\+18\. Expected finite losses: lower"):
        run(settings, checkpoints=tmp_path)


def test_a_checkpoint_that_cannot_be_written_ends_the_training(tmp_path, monkeypatch):
    fake_clock(monkeypatch, 6.0)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot be written"):
        run(recipe(), checkpoints=tmp_path / "file" / "deep")


def small(count: int, labels) -> LabelledRows:
    rows = np.random.default_rng(0).normal(size=(count, 1, 2, 2, 4)).astype(np.float16)
    return LabelledRows(make_rows(rows), np.asarray(labels, np.int32).reshape(count, -1))


@pytest.mark.parametrize(
    "pictures",
    [small(1, [0]), small(3, [0, 1, 2]), small(9, [0] * 9), small(4, [[0, 1], [1, -1], [2, 0], [-1, -1]])],
    ids=["one picture", "fewer than a batch", "tags without pictures", "several tags and none"],
)
def test_small_data_sets_are_trained(pictures):
    got = run(recipe(epochs=2), pictures)
    assert np.isfinite([epoch.loss for epoch in got.epochs]).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(got.params))


def test_one_tag_has_no_loss():
    one = tiny_pictures(tags=1)
    settings = recipe(epochs=1, label_smoothing=0.1, optimizer="sgd")
    got = train(NETWORK, tiny_params(tags=1), one, settings, 1, seed=0)
    assert (got.epochs[0].loss, got.epochs[0].top1) == (0.0, 1.0)


def test_no_pictures_are_an_error():
    with pytest.raises(TrainingError, match="got no pictures to train on"):
        run(recipe(), small(1, [0])._replace(labels=np.zeros((0, 1), np.int32)))


def test_embeddings_are_those_of_the_chosen_view():
    pictures = tiny_pictures(300)
    rows = select_rows(pictures.rows, np.arange(299, -1, -1))
    params = tiny_params().network
    array = np.concatenate(pictures.rows.shards)[::-1]
    for view in (0, 1):
        expected = NETWORK.embed(params, jnp.asarray(array[:, view]))
        np.testing.assert_allclose(embed_rows(NETWORK.embed, params, rows, view), expected, rtol=1e-5, atol=1e-6)


def test_the_progress_is_logged(caplog):
    with caplog.at_level(logging.INFO, "imagetagger"):
        run(recipe(epochs=1), tuning=tuning_pictures(), name="blocks 2")
    assert caplog.text.count("blocks 2: epoch 1 of 1: loss ") == 1
    assert "tuning pictures: loss" in caplog.text
