"""How the network of a run was fine-tuned: in sentences, beside the frozen network, and as curves."""

import math
from typing import NamedTuple

from imagetagger.experiment.record import Record
from imagetagger.experiment.training_record import EpochRecord, FrozenRecord, GateRecord, TrainingRecord
from imagetagger.report.canvas import Plot
from imagetagger.report.comparison.paired_test import SIGNIFICANCE_LEVEL
from imagetagger.report.formatting import count, number, p_value, percent
from imagetagger.report.plots import EpochLine, epoch_plot
from imagetagger.training.description import describe_blocks, describe_duration, describe_recipe

TRAINING_ONLY = {
    "label_smoothing": "label smoothing",
    "mixup": "mixup",
    "cutmix": "cutmix",
    "dropout": "dropout",
    "crops": "random crops",
    "gaussian_weight": "the loss of the Gaussian classifier",
    "teacher": "distillation",
}
"""Settings that change the loss of the training pictures but not that of the tuning pictures."""


class Figure(NamedTuple):
    """A plot with its heading and its caption."""

    heading: str
    plot: Plot
    caption: str


class FineTuning(NamedTuple):
    """What the page of a run says of its training.

    Attributes:
        sentences: in paragraphs.
        frozen: the frozen network beside the tuned one; None where they were not compared.
        recipe: the main settings; empty where nothing was trained.
        figures: curves over the epochs.
    """

    sentences: list[str]
    frozen: FrozenRecord | None
    recipe: str
    figures: list[Figure]


def describe_fine_tuning(record: Record) -> FineTuning | None:
    """What the page says of a run's training; None where nothing was trained or tried."""
    training = record.training
    if training is None:
        return None
    sentences = [f"{_trained(record, training)} {_kept(training)}".rstrip()] if training.epochs else []
    if training.gate:  # it decides before training, or after it
        sentences.insert(0 if training.gate.folds > 1 else len(sentences), gate_sentence(training.gate))
    if training.stopped and not training.epochs:
        sentences.append(f"Nothing was trained, and the network stays as it was: {training.stopped}.")
    frozen = training.frozen if training.frozen and training.frozen.pictures else None
    if frozen:
        is_apart = record.settings["evaluate"]["split"] != "out_of_fold"
        sentences.append(frozen_sentence(frozen, record.calibration.after.top1, is_apart))
    recipe = describe_recipe(training.recipe) if training.epochs else ""
    figures = _figures(training) if len(training.epochs) > 1 else []
    return FineTuning(sentences, frozen, recipe, figures) if sentences else None


def gate_sentence(gate: GateRecord) -> str:
    """What the comparison with frozen features decided."""
    if gate.top1_tuned is None:
        return (
            f"Out of fold, frozen features classify {percent(gate.top1_frozen)} of {count(gate.pictures, 'picture')} "
            "correctly, which leaves too little to gain: the network stays as it was."
        )
    is_better = gate.top1_tuned > gate.top1_frozen
    seen = "a gain" if gate.is_used else "no clear gain" if is_better else "no gain"
    decided = "the tuned network is used" if gate.is_used else "the network stays as it was"
    return (
        f"On {count(gate.pictures, 'picture')} that neither had seen there was {seen}: top-1 "
        f"{percent(gate.top1_tuned)} tuned, {percent(gate.top1_frozen)} frozen, so {decided}. Only the tuned network "
        f"got {count(gate.won, 'picture')} right, only the frozen one {count(gate.lost)}: McNemar's "
        f"{_p_text(gate.p_value)}."
    )


def frozen_sentence(frozen: FrozenRecord, top1: float | None, is_apart: bool) -> str:
    """What fine-tuning gained, and whether chance explains it.

    Args:
        frozen: the classifier on features of the frozen network.
        top1: of the classifier on features of the tuned one, a share.
        is_apart: whether the network learned from none of the pictures that both were evaluated on.
    """
    if top1 is None or frozen.top1 is None:
        return "How much fine-tuning gained is unknown."
    points = 100 * (top1 - frozen.top1)
    change = f"gained {number(points, '.1f')}" if points >= 0 else f"cost {number(-points, '.1f')}"
    chance = "more than chance explains" if frozen.p_value < SIGNIFICANCE_LEVEL else "which may be chance"
    pictures = f"On {count(frozen.pictures, 'picture')}" + " that the network did not learn from" * is_apart
    if not frozen.won and not frozen.lost:
        return f"{pictures}, fine-tuning changed nothing: it got the same ones right."
    return f"{pictures}, fine-tuning {change} points of top-1, {chance} (McNemar's {_p_text(frozen.p_value)})."


def mean_rate(epochs: list[EpochRecord]) -> float:
    """Pictures per second over all epochs; NaN where unknown."""
    known = [epoch for epoch in epochs if epoch.images_per_second and epoch.seconds > 0]
    seconds = math.fsum(epoch.seconds for epoch in known)
    return math.fsum(epoch.seconds * (epoch.images_per_second or 0) for epoch in known) / seconds if known else math.nan


def _trained(record: Record, training: TrainingRecord) -> str:
    blocks, rate = describe_blocks(training.recipe.get("blocks")), mean_rate(training.epochs)
    speed = f" at {count(rate)} images per second" if math.isfinite(rate) else ""
    return (
        f"{blocks[0].upper()}{blocks[1:]} of {record.backbone.name}, and its head, learned from "
        f"{count(training.pictures, 'picture')} in {count(len(training.epochs), 'epoch')}, which took "
        f"{describe_duration(training.seconds)}{speed}."
    )


def _kept(training: TrainingRecord) -> str:
    """Which epoch was kept, and why training ended."""
    taken = "kept" if training.weights_sha256 else "compared with the frozen ones"
    epochs, kept = training.epochs, f"The weights after epoch {training.best_epoch} were {taken}"
    losses = {epoch.epoch: epoch.tuning_loss for epoch in epochs if epoch.tuning_loss is not None}
    tuning = count(training.tuning, "tuning picture")
    if len(epochs) == 1:
        return _only_epoch(epochs[0])
    if training.recipe.get("patience") and losses and losses.get(training.best_epoch) == min(losses.values()):
        kept += f", as their loss on {tuning} was the lowest."
    elif training.tuning:
        kept += f". The {tuning} did not choose the epoch."
    else:
        kept += ", as there were no tuning pictures to choose an epoch by."
    ended = f"Training ended early: {training.stopped}." if training.stopped else ""
    return " ".join(filter(None, [kept, ended]))


def _only_epoch(epoch: EpochRecord) -> str:
    """What the curves of a training of one epoch would show."""
    losses = f"Its loss was {number(epoch.loss)}"
    top1 = f"its top-1 {percent(epoch.top1)}"
    if epoch.tuning_loss is None:
        return f"{losses}, {top1}."
    tuning_top1 = percent(epoch.tuning_top1)
    return f"{losses}, on tuning pictures {number(epoch.tuning_loss)}; {top1}, on tuning pictures {tuning_top1}."


def _figures(training: TrainingRecord) -> list[Figure]:
    epochs, recipe, kept = training.epochs, training.recipe, training.best_epoch

    def line(label: str, key: str) -> EpochLine:
        return EpochLine(label, [getattr(epoch, key) for epoch in epochs])

    loss = [line("tuning pictures", "tuning_loss"), line("training pictures", "loss")]
    top1 = [line("tuning pictures", "tuning_top1"), line("training pictures", "top1")]
    rate, speed = [line("", "learning_rate")], [line("", "images_per_second")]
    drawn = [
        ("Loss", epoch_plot("training_loss", "cross-entropy, nats", loss, kept), _loss_caption(training)),
        (
            "First prediction",
            epoch_plot("training_top1", "first prediction right", top1, kept, is_share=True),
            "Of a linear classifier that is trained along; the tagger's own metrics are above.",
        ),
        (
            "Learning rate",
            epoch_plot("training_rate", "learning rate", rate, kept, from_zero=True),
            "At the end of each epoch." + " The warm-up begins at 0." * bool(recipe.get("warmup_epochs")),
        ),
        (
            "Speed",
            epoch_plot("training_speed", "images per second", speed, kept, from_zero=True),
            "Training pictures per second, reading them included.",
        ),
    ]
    return [Figure(heading, plot, caption) for heading, plot, caption in drawn if plot]


def _loss_caption(training: TrainingRecord) -> str:
    """How the losses of training and tuning pictures compare."""
    marked = " The dotted line marks the epoch that was kept."
    included = [name for key, name in TRAINING_ONLY.items() if training.recipe.get(key)]
    listed = " and ".join(filter(None, [", ".join(included[:-1]), *included[-1:]]))
    if all(epoch.tuning_loss is None for epoch in training.epochs):
        return (f"It includes {listed}." if included else "Mean over each epoch.") + marked
    harder = f" includes {listed}, and" if included else ""
    averaged = "averaged " if training.recipe.get("ema_decay") else ""
    return (
        f"The training loss{harder} is a mean over an epoch in which the weights still changed; that of the tuning "
        f"pictures, which are not trained on, is of the {averaged}weights at its end. So the training loss may lie "
        f"above it.{marked}"
    )


def _p_text(p: float) -> str:
    return f"p {'' if p < 0.0001 else '= '}{p_value(p)}"
