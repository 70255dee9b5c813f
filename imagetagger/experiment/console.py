"""The metrics of a run as lines for the terminal."""

from imagetagger.experiment.record import Record
from imagetagger.experiment.training_record import TrainingRecord
from imagetagger.training.description import describe_blocks, describe_duration


def result_line(record: Record) -> str:
    """The metrics of a job of a sweep in one line."""
    metrics = record.calibration.after
    if not record.data.validation:
        return "no pictures to evaluate"
    return (
        f"top-1 {_percent(metrics.top1, 2)}  log loss {_number(metrics.log_loss, 3)}  ECE {_number(metrics.ece, 3)}  "
        f"coverage {_percent(metrics.coverage, 1)} with {_number(metrics.set_size, 2)} tags"
    )


def result_summary(record: Record) -> str:
    """The metrics of a run in a few lines, those of the variant that leads first."""
    data, metrics = record.data, record.calibration.after
    pictures = (
        f"{data.name}: {data.tags} tags, {data.train} pictures fitted, {data.calibration} of them calibrated on out of "
        f"fold, {data.validation} evaluated{_out_of_fold(record)}, {data.skipped} skipped"
    )
    bundled = record.bundled
    in_bundle = (
        f"the bundle is fitted on all {bundled.train} pictures" if bundled and bundled.train > data.train else ""
    )
    low, high = record.confidence_intervals.get("top1", (None, None))
    interval = "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"
    evaluated = [
        f"{record.variant}: top-1 {_percent(metrics.top1, 2)} {interval}  top-5 {_percent(metrics.top5, 2)}  "
        f"top-10 {_percent(metrics.top10, 2)}",
        f"log loss {_number(metrics.log_loss, 3)}  ECE {_number(metrics.ece, 3)}  at temperature "
        f"{record.calibration.temperature:.2f}",
        f"tag sets{_target(record)}: {_number(metrics.set_size, 2)} tags on average, the true one inside "
        f"{_percent(metrics.coverage, 1)} of the time",
    ]
    lines = [pictures, *(evaluated if data.validation else ())]
    lines += _training(record.training) if record.training else []
    lines += [
        f"{baseline.name.replace('_', ' ')}: top-1 {_percent(baseline.top1, 2)}; {baseline.lost} pictures only it got "
        f"right, {baseline.won} only {record.variant} (McNemar p = {baseline.p_value:.2g})"
        for baseline in record.baselines
    ]
    if folds := record.out_of_fold:
        lines.append(
            f"out of fold, on {folds.pictures} training pictures: top-1 {_percent(folds.top1, 2)} "
            f"[{100 * folds.low:.1f}, {100 * folds.high:.1f}]"
        )
    if guarantee := record.guarantee:
        lines.append(
            f"{guarantee.coverage:g} asked of the sets: with {guarantee.groups} independent pictures to calibrate on, "
            f"new ones are covered between {_percent(guarantee.low, 1)} and {_percent(guarantee.high, 1)} of the time"
        )
    if test := record.test:
        metrics = test.metrics
        low, high = test.confidence_intervals.get("top1", (None, None))
        interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
        lines.append(
            f"your {test.pictures} test pictures: top-1 {_percent(metrics.top1, 2)}{interval}, tag sets hold the right "
            f"one {_percent(metrics.coverage, 1)} of the time"
        )
    lines += [in_bundle] if in_bundle else []
    lines += [
        f"{name:13} {variant.bytes / 1e6:5.2f} MB  {variant.images_per_second:5.0f} images/s  cosine to float32 "
        f"{variant.cosine_to_float:.4f}  top-1 {_percent(variant.top1, 2)}"
        + f", fitted on {variant.train:,} pictures" * (variant.train != data.train)
        + "  in the bundle" * (name == record.bundled_variant)
        for name, variant in record.variants.items()
        if variant.cosine_to_float is not None and variant.bytes and variant.images_per_second
    ]
    if parity := record.parity:
        lines.append(
            f"beside {parity.reference}, both fitted on {parity.train:,} pictures: {parity.lost} pictures lost, "
            f"{parity.won} won (McNemar p = {parity.p_value:.2g})"
        )
    return "\n".join(lines)


def _training(training: TrainingRecord) -> list[str]:
    """What was trained or why not, and the frozen network on the same pictures."""
    lines, gate, frozen = [], training.gate, training.frozen
    if not training.epochs and training.stopped:
        lines.append(f"the network stays frozen: {training.stopped}")
    if gate:
        outcome = "the fine-tuned network is used" if gate.is_used else "the network stays frozen"
        tuned = "" if gate.top1_tuned is None else f"{_percent(gate.top1_tuned, 1)} tuned, "
        tested = "" if gate.top1_tuned is None else f" (McNemar p = {gate.p_value:.2g})"
        lines.append(
            f"{outcome}: top-1 {tuned}{_percent(gate.top1_frozen, 1)} frozen, on {gate.pictures:,} pictures not "
            f"seen before{tested}"
        )
    if training.epochs:
        lines.append(
            f"fine-tuned: {describe_blocks(training.recipe.get('blocks'))} on {training.pictures:,} pictures in "
            f"{describe_duration(training.seconds)}, epoch {training.best_epoch} of {len(training.epochs)} kept"
        )
    if frozen and frozen.pictures:
        lines.append(
            f"frozen network: top-1 {_percent(frozen.top1, 2)}; {frozen.lost} pictures only it got right, {frozen.won} "
            f"only the fine-tuned one (McNemar p = {frozen.p_value:.2g})"
        )
    return lines


def _out_of_fold(record: Record) -> str:
    return " out of fold too" if record.settings["evaluate"]["split"] == "out_of_fold" else ""


def _target(record: Record) -> str:
    rule = record.calibration.prediction_set
    return (
        f" of {rule.threshold:g}"
        if rule.rule == "top_k"
        else f" ({rule.rule}) at {record.calibration.target_coverage:g}"
    )


def _percent(share: float | None, digits: int) -> str:
    return "unknown" if share is None else f"{100 * share:.{digits}f} %"


def _number(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"
