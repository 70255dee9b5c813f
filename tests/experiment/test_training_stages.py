from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest

from imagetagger.backbones.registry import load_backbone
from imagetagger.config.parse import ConfigError
from imagetagger.config.schema import TrainingConfig
from imagetagger.experiment import training_stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.record import read_record, write_record
from imagetagger.experiment.stage_cache import StageRunner
from imagetagger.experiment.stages import load_pictures, subsample
from imagetagger.experiment.training_stages import mark_copies, mark_seen
from imagetagger.export import variants
from imagetagger.training import cached_training, fine_tune, task
from imagetagger.training.finished import training_key
from tests.helpers.composed import settings, shrunk
from tests.helpers.pictures import patchwork_folder

TRAINED = ("training.blocks=2", "training.epochs=2", "training.gate=always", "training.crops=0", "export=none")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return patchwork_folder(tmp_path_factory.mktemp("finetune") / "pictures", per_tag=12)


def trained(pictures, *overrides):
    return settings(*shrunk("data=folder", f"data.path={pictures}", "data.group_by=none", *TRAINED, *overrides))


@pytest.fixture(scope="module")
def output(pictures):
    return run_experiment(trained(pictures))


def test_a_run_records_how_its_network_was_trained(output, tmp_path):
    record = output.record.training
    assert (record.pictures + record.tuning, record.best_epoch, record.gate) == (output.record.data.train, 2, None)
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    assert all(np.isfinite([epoch.loss, epoch.tuning_loss, epoch.images_per_second]).all() for epoch in record.epochs)
    assert record.recipe["blocks"] == "2"
    assert record.weights_sha256 == output.record.backbone.weights_sha256 != record.parent_sha256
    assert record.frozen.pictures == output.record.data.validation
    write_record(output.record, tmp_path / "result.json")
    assert read_record(tmp_path / "result.json").training == record


def test_only_pictures_that_the_network_has_not_seen_calibrate(output):
    assert output.record.data.calibration == output.record.training.tuning


def test_the_weights_of_a_run_are_those_of_another(output, pictures, tmp_path):
    (tmp_path / "tuned.safetensors").write_bytes(output.weights)
    again = settings(
        *shrunk("data=folder", f"data.path={pictures}", "data.group_by=none", "export=none"),
        f"backbone.weights={tmp_path / 'tuned.safetensors'}",
    )
    record = run_experiment(again).record
    assert record.backbone.embedding_space == output.record.backbone.embedding_space
    assert record.backbone.weights_sha256 == output.record.backbone.weights_sha256


def test_a_finished_training_is_not_run_again_unless_asked(output, pictures, monkeypatch):
    runs = []
    original = cached_training.train
    monkeypatch.setattr(cached_training, "train", lambda *args, **options: runs.append(1) or original(*args, **options))
    with monkeypatch.context() as patch:
        patch.setattr(cached_training, "embed_rows", None)  # nor are frozen features computed, which nothing needs
        again = run_experiment(trained(pictures))
    assert (runs, again.weights) == ([], output.weights)
    assert again.record.training.epochs == output.record.training.epochs
    forced = run_experiment(trained(pictures, "force=true"))
    assert len(runs) == 1
    assert forced.weights[-1000:] == output.weights[-1000:]  # the same numbers; the curves hold seconds too
    assert run_experiment(trained(pictures)).weights == forced.weights


def test_a_cross_validation_is_not_run_again(pictures, monkeypatch):
    first = run_experiment(trained(pictures, "training.gate=auto")).record.training
    monkeypatch.setattr(cached_training, "train", None)
    assert run_experiment(trained(pictures, "training.gate=auto")).record.training.gate == first.gate


def test_a_run_with_weights_that_have_seen_its_pictures_says_so(output, pictures, tmp_path):
    (tmp_path / "tuned.safetensors").write_bytes(output.weights)
    folder = patchwork_folder(tmp_path / "others", per_tag=4, seed=5)
    for path, is_seen in ((pictures, True), (folder, False)):
        weights = f"backbone.weights={tmp_path / 'tuned.safetensors'}"
        record = run_experiment(settings(*shrunk("data=folder", f"data.path={path}", weights, "export=none"))).record
        assert any("was fine-tuned on pictures of this data set" in text for text in record.warnings) == is_seen


def test_the_gate_keeps_a_network_that_is_not_improved(pictures):
    record = run_experiment(trained(pictures, "training.gate=auto")).record
    gate = record.training.gate
    assert not gate.is_used  # colours are told apart without any training
    assert (record.training.epochs, record.training.weights_sha256, record.training.frozen) == ([], None, None)
    frozen = run_experiment(
        settings(*shrunk("data=folder", f"data.path={pictures}", "data.group_by=none", "export=none"))
    )
    assert record.calibration == frozen.record.calibration


def test_many_held_out_pictures_decide_after_training(pictures, monkeypatch):
    monkeypatch.setattr(fine_tune, "ENOUGH_TUNING_PICTURES", 1)
    output = run_experiment(trained(pictures, "training.gate=auto"))
    training = output.record.training
    assert (training.gate.folds, training.gate.pictures) == (1, training.tuning)
    assert len(training.epochs) == 2  # the curves of what was trained stay, whatever is decided
    assert training.gate.is_used == (output.weights is not None) == (training.weights_sha256 is not None)


def test_pictures_that_a_classifier_is_fitted_on_are_of_all_tags(monkeypatch):
    monkeypatch.setattr(task, "FITTED_PICTURES", 100)
    tag = np.arange(1000) // 100  # pictures come tag after tag
    rows = task.sample_rows(np.arange(1000), seed=0)
    assert (len(rows), len(set(rows)), len(set(tag[rows]))) == (100, 100, 10)
    assert sorted(task.sample_rows(np.arange(7), seed=0)) == list(range(7))


def test_tuning_reports_on_pictures_that_neither_train_nor_choose(pictures):
    output = run_experiment(trained(pictures, "evaluate.split=tuning", "data.holdout_fraction=0.3"))
    record = output.record
    assert record.data.validation + record.training.pictures + record.training.tuning <= 12 * len(output.tags)
    assert record.data.calibration == record.training.tuning


def test_copies_of_pictures_that_are_reported_on_are_found():
    """Tiny ImageNet has 20 pictures twice, under two tags."""
    mask = np.array([True, False, False, False])
    assert mark_copies([b"a", b"b", b"a", b"c"], mask).tolist() == [True, False, True, False]


def test_a_bad_picture_changes_no_role(tmp_path):
    folder = patchwork_folder(tmp_path / "pictures", per_tag=12)
    (min(folder.rglob("*.png")).parent / "0.png").write_bytes(b"no picture")
    record = run_experiment(trained(folder, "evaluate.split=tuning", "data.holdout_fraction=0.3")).record
    assert record.training.frozen.pictures == record.data.validation


def test_too_few_pictures_leave_the_network_frozen(tmp_path):
    folder = patchwork_folder(tmp_path / "pictures", per_tag=2)
    output = run_experiment(trained(folder))
    assert "leaves none to calibrate on" in output.record.training.stopped
    assert (output.record.training.weights_sha256, output.weights) == (None, None)


def test_a_teacher_learns_from_no_picture_that_the_network_may_not_see(pictures, monkeypatch):
    taught = []
    original = cached_training.teach_probabilities
    monkeypatch.setattr(
        cached_training, "teach_probabilities", lambda x, *rest: taught.append(len(x)) or original(x, *rest)
    )
    monkeypatch.setattr(training_stages, "load_backbone", small_teacher)
    training = run_experiment(trained(pictures, "training.teacher=mobilenet_v2", "training.epochs=1")).record.training
    assert taught == [training.pictures]


def small_teacher(name, **options):
    return load_backbone(name, **{**options, "width": 0.35, "weights": "random"})


def test_all_blocks_train_on_pixels(pictures):
    record = run_experiment(trained(pictures, "training.blocks=all", "training.epochs=1")).record
    assert (len(record.training.epochs), record.training.recipe["blocks"]) == (1, "all")


@pytest.mark.slow
def test_the_bundle_of_a_trained_network_learns_from_pictures_that_were_held_out(pictures, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    output = run_experiment(trained(pictures, "export=int8"))
    record = output.record
    assert record.bundled.train == record.data.train + record.data.validation
    assert record.bundled.calibration == record.training.tuning + record.data.validation
    assert b"model.tflite" in b" ".join(name.encode() for name in output.bundle)


def test_seen_pictures_follow_their_pictures():
    runner = StageRunner()
    loaded = runner.run("load", load_pictures, section=settings("data.synthetic_per_class=6").data, seed=0, cache=None)
    ids = loaded.value.dataset.train.ids
    seen = frozenset(ids[::2])

    class Tuned:
        pass

    tuned = Tuned()
    tuned.seen = seen
    marked = mark_seen(loaded.value, tuned)
    small = subsample(marked, fraction=0.5, per_class=None)
    assert [key in seen for key in small.dataset.train.ids] == small.is_seen.tolist()


CHANGES = {
    "blocks": "4",
    "epochs": 3,
    "batch_size": 5,
    "accumulate": 2,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "head_rate": 2.0,
    "layer_decay": 0.1,
    "warmup_epochs": 1.5,
    "weight_decay": 0.7,
    "clip_norm": None,
    "ema_decay": 0.5,
    "label_smoothing": 0.3,
    "dropout": 0.6,
    "mixup": 0.4,
    "cutmix": 0.6,
    "crops": 7,
    "gaussian_weight": 0.5,
    "teacher": "efficientnet_lite0",
    "distillation_weight": 0.9,
    "patience": 9,
    "dtype": "bfloat16",
}


def test_every_setting_of_a_recipe_makes_another_training(tmp_path):
    backbone = load_backbone("mobilenet_v2", width=0.35, resolution=64, weights="random", cache=tmp_path)
    recipe = settings("training.blocks=3").training
    pictures = {"training": ([b"a"], np.zeros((1, 1), np.int32))}
    key = training_key(backbone, recipe, 64, 0, pictures, {})
    assert {*CHANGES, "gate", "prune"} == {field.name for field in fields(TrainingConfig)}
    for name, value in CHANGES.items():
        assert training_key(backbone, replace(recipe, **{name: value}), 64, 0, pictures, {}) != key, name
    assert training_key(backbone, replace(recipe, gate="always", prune=True), 64, 0, pictures, {}) == key
    assert training_key(backbone, recipe, 96, 0, pictures, {}) != key
    assert training_key(backbone, recipe, 64, 1, pictures, {}) != key
    assert training_key(backbone, recipe, 64, 0, {"tuning": pictures["training"]}, {}) != key


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("training.blocks=none",), "training.blocks: got none, expected a number of blocks from 1, all, or null"),
        (("training.blocks=0",), "training.blocks: got 0"),
        (("training.blocks=-1",), "training.blocks: got -1"),
        (("training.blocks=2", "evaluate.split=out_of_fold"), "evaluate.split=out_of_fold"),
        (("training.blocks=2", "data.holdout_fraction=0"), "data.holdout_fraction: got 0"),
        (("training.blocks=2", "training.gaussian_weight=0.5", "classifier=gnb"), "expected classifier=whitened"),
    ],
)
def test_what_does_not_go_with_training_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        settings(*overrides)


def test_more_blocks_than_a_network_has_are_refused(pictures):
    with pytest.raises(ValueError, match=r"got blocks=99, expected 1 to 17, or all"):
        run_experiment(trained(pictures, "training.blocks=99"))


def test_records_without_training_stay_readable(output):
    bare = msgspec.structs.replace(output.record, training=None)
    assert msgspec.to_builtins(bare)["training"] is None
