"""The stages that fine-tune the network of a run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.backbones.registry import load_backbone
from imagetagger.classifier.head import Knowledge
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import ClassifierConfig, Experiment, TrainingConfig
from imagetagger.data.dataset import BadDataError, dataset_fingerprint, select
from imagetagger.data.splits import validation_mask
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import make_runtime
from imagetagger.experiment.record import finite_json
from imagetagger.experiment.reference_stages import find_statistics
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import Pictures, held_out_mask, subsample
from imagetagger.experiment.training_record import EpochRecord, GateRecord, TrainingRecord
from imagetagger.experiment.variant_stages import start_model
from imagetagger.preprocess import BadImageError
from imagetagger.system.atomic_files import cache_directory
from imagetagger.training.fine_tune import Result, fine_tune
from imagetagger.training.finished import TRAININGS
from imagetagger.training.prepare import prepare_training
from imagetagger.training.recipe import effective_recipe
from imagetagger.training.task import Storage, Task, TrainingData
from imagetagger.training.teacher import Teacher

TEACHER_RESOLUTION = 224


class TunedNetwork(NamedTuple):
    """What fine-tuning leaves.

    Attributes:
        backbone: fine-tuned, or the frozen one where that is as good.
        seen: content ids of the pictures that it was trained on.
        record: for result.json.
        weights: contents of the file of weights; None for a network that stays frozen.
    """

    backbone: Backbone
    seen: frozenset[bytes]
    record: TrainingRecord
    weights: bytes | None


def tune_network(
    runner: StageRunner,
    s: Experiment,
    pictures: StageResult[Pictures],
    backbone: StageResult[Backbone],
    rivals: Sequence[Sequence[float]] = (),
) -> StageResult[TunedNetwork]:
    """Fine-tune the network of a run as section `training` says.

    Args:
        runner: of the stages.
        s: settings of the run.
        pictures: to train on.
        backbone: to start from.
        rivals: tuning losses of other trainings of the sweep, by which this one may be pruned.
    """
    folder, resolution = cache_directory(s.cache), s.backbone.resolution
    model = start_model(runner, s, backbone, pictures, "float32")
    reference = find_statistics(runner, s, backbone, model, data=pictures.value.dataset.name, label="frozen")
    teachers: tuple[StageResult[Teacher], ...] = ()
    if s.training.teacher:
        teachers = (
            runner.run(
                "teacher",
                ask_teacher,
                pictures,
                section=s.data,
                teacher=s.training.teacher,
                workers=s.embed.workers,
                cache=folder,
            ),
        )
    return runner.run(
        "train",
        train_network,
        pictures,
        backbone,
        reference,
        *teachers,
        section=s.data,
        training=s.training,
        classifier=s.classifier,
        resolution=resolution,
        is_tuning=s.evaluate.split == "tuning",
        seed=s.seed,
        workers=s.embed.workers,
        cache=folder,
        force=s.force,
        rivals=rivals if s.training.prune else (),
    )


def mark_seen(pictures: Pictures, tuned: TunedNetwork) -> Pictures:
    """Mark the training pictures that the network was trained on."""
    ids = pictures.dataset.train.ids
    return pictures._replace(is_seen=np.fromiter((key in tuned.seen for key in ids), bool, len(ids)))


def mark_copies(ids: Sequence[bytes], mask: np.ndarray) -> np.ndarray:
    """Return which pictures a mask marks, or have the same contents as one that it marks, bool (N,)."""
    marked = {key for key, is_marked in zip(ids, mask, strict=True) if is_marked}
    return np.fromiter((key in marked for key in ids), bool, len(ids))


def fine_tune_pictures(
    runner: StageRunner,
    s: Experiment,
    pictures: StageResult[Pictures],
    backbone: StageResult[Backbone],
    rivals: Sequence[Sequence[float]],
) -> tuple[StageResult[TunedNetwork] | None, StageResult[Backbone]]:
    """Return the fine-tuned network, None where the settings ask for none, and the network that a run goes on with."""
    if s.training.blocks is None:
        return None, backbone
    tuned = tune_network(runner, s, pictures, backbone, rivals)
    return tuned, runner.run("network", lambda tuned: tuned.backbone, tuned)


def take_pictures(
    runner: StageRunner, s: Experiment, loaded: StageResult[Pictures], tuned: StageResult[TunedNetwork] | None = None
) -> StageResult[Pictures]:
    """Return the subset of the pictures that a run uses, those marked that the network was trained on."""
    pictures = runner.run("subset", subsample, loaded, section=s.data)
    return runner.run("seen", mark_seen, pictures, tuned) if tuned else pictures


def ask_teacher(pictures: Pictures, *, teacher: str, pixel_limit: int, workers: int | None, cache: Path) -> Teacher:
    """Embed the training pictures by another network; pictures that cannot be used have embeddings of nan."""
    split = pictures.dataset.train
    network = load_backbone(teacher, width=1.0, resolution=TEACHER_RESOLUTION, weights="imagenet", cache=cache)
    model = make_runtime(network, TEACHER_RESOLUTION, cache, workers=workers)
    embedded = extract_embeddings(
        split, model, TEACHER_RESOLUTION, cache, pixel_limit=pixel_limit, name="embedding for the teacher"
    )
    embeddings = np.full((len(split.ids), embedded.embeddings.shape[1]), np.nan, np.float32)
    embeddings[embedded.rows] = embedded.embeddings
    return Teacher(model.space, embeddings)


def train_network(
    pictures: Pictures,
    backbone: Backbone,
    reference: Knowledge,
    teacher: Teacher | None = None,
    *,
    training: TrainingConfig,
    classifier: ClassifierConfig,
    resolution: int,
    holdout_fraction: float,
    is_tuning: bool,
    pixel_limit: int,
    seed: int,
    workers: int | None,
    cache: Path,
    force: bool,
    rivals: Sequence[Sequence[float]],
) -> TunedNetwork:
    """Fine-tune a network on the training pictures; those that are held out choose the epoch, and calibrate.

    Where they are too few to hold any out, the network stays frozen.

    Raises:
        BadDataError: no picture can be used.
        TrainingError: the loss is not finite.
    """
    dataset = pictures.dataset
    is_reported = held_out_mask(pictures, holdout_fraction, seed) if is_tuning else np.zeros(len(pictures.rank), bool)
    candidates = np.flatnonzero(~mark_copies(dataset.train.ids, is_reported))
    try:
        network, rows, probe = prepare_training(
            backbone,
            select(dataset.train, candidates),
            training,
            resolution,
            cache,
            pixel_limit=pixel_limit,
            workers=workers,
        )
    except BadImageError as error:
        raise BadDataError(str(error)) from error
    usable = candidates[rows.pictures]
    split, groups = select(dataset.train, usable), pictures.groups[usable]
    is_held_out = validation_mask(split.ids, split.labels, groups, holdout_fraction, seed)
    recipe = effective_recipe(training, int((~is_held_out).sum()), int(is_held_out.sum()))
    if not is_held_out.any():
        reason = f"{len(usable)} pictures, of which holdout_fraction={holdout_fraction} leaves none to calibrate on"
        record = TrainingRecord(asdict(recipe), backbone.weights_sha256, None, 0, 0, [], 0, 0.0, stopped=reason)
        return TunedNetwork(backbone, frozenset(), record, None)
    known = reference if isinstance(reference, Reference) else None
    task = Task(backbone, network, training, classifier, resolution, seed, known, probe)
    taught = None if teacher is None else teacher._replace(embeddings=teacher.embeddings[usable])
    data = TrainingData(rows, list(split.ids), split.labels, groups, is_held_out, len(dataset.tags), taught)
    provenance = {
        "resolution": resolution,
        "seed": seed,
        "parent": Path(backbone.weights).name,
        "parent_sha256": backbone.weights_sha256,
        "data": dataset.name,
        "data_fingerprint": dataset_fingerprint(dataset),
    }
    result = fine_tune(task, data, Storage(cache / TRAININGS, provenance, force), rivals)
    record = record_training(recipe, backbone, result, is_held_out)
    if result.tuned is None or not result.is_used:
        return TunedNetwork(backbone, frozenset(), record, None)
    seen = frozenset(np.array(split.ids, object)[~is_held_out])
    return TunedNetwork(result.tuned.backbone, seen, record, result.tuned.weights)


def record_training(
    recipe: TrainingConfig, backbone: Backbone, result: Result, is_held_out: np.ndarray
) -> TrainingRecord:
    """Make the record of a training, still without the comparison with frozen features on the evaluated pictures."""
    tuned = result.tuned
    return TrainingRecord(
        recipe=asdict(recipe),
        parent_sha256=backbone.weights_sha256,
        weights_sha256=tuned.backbone.weights_sha256 if tuned and result.is_used else None,
        pictures=int((~is_held_out).sum()),
        tuning=int(is_held_out.sum()),
        epochs=[EpochRecord(**_finite(epoch._asdict())) for epoch in tuned.epochs] if tuned else [],
        best_epoch=tuned.best_epoch if tuned else 0,
        seconds=sum(epoch.seconds for epoch in tuned.epochs) if tuned else 0.0,
        stopped=tuned.stopped if tuned else None,
        is_pruned=bool(tuned and tuned.is_pruned),
        gate=GateRecord(**_finite(result.comparison._asdict())) if result.comparison else None,
    )


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with None for numbers that are not finite."""
    finite: dict[str, Any] = finite_json(values)
    return finite
