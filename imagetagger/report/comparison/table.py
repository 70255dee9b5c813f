"""All runs as tables, for the page and for other programs: the settings that vary, and the metrics."""

import csv
import io
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from imagetagger.experiment.training_record import TrainingRecord
from imagetagger.options import METRIC_NAMES
from imagetagger.report.comparison.curves import Point, setting_curves
from imagetagger.report.comparison.run_metrics import (
    COMPARED_COVERAGES,
    COVERAGE,
    ECE,
    EVALUATED_METRICS,
    LOG_LOSS,
    SET_SIZE,
    TOP1,
    TOP5,
    embedding_rate,
    set_size_at,
    total_seconds,
)
from imagetagger.report.comparison.runs import Run
from imagetagger.report.comparison.varied_settings import VariedSetting, independent, relative_folders, setting_text
from imagetagger.report.formatting import NO_VALUE, count, interval, number, percent
from imagetagger.training.description import describe_blocks, describe_duration

CURVE_COLUMNS = ("target", "coverage", "set_size", "singleton", "precision")
VARIANT_COLUMNS = ("train", "bytes", "images_per_second", "cosine_to_float", "temperature", *METRIC_NAMES)


class Column(NamedTuple):
    """A column: its short name, what it means, and whether it holds numbers."""

    name: str
    title: str
    is_numeric: bool


class Cell(NamedTuple):
    """A cell: its text, a smaller remark, and the number it is sorted by, None for those sorted by their text."""

    text: str
    small: str = ""
    value: float | None = None

    @property
    def sort_value(self) -> str:
        """The number it is sorted by, as the page's script reads it; empty for none."""
        return "" if self.value is None or not math.isfinite(self.value) else repr(self.value)


TRAINING_COLUMNS = (
    Column("fine-tuned", "what was trained of the network", True),
    Column("training time", "time spent on fine-tuning, over all interruptions", True),
)


def table_columns(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> tuple[Column, ...]:
    """The columns of the page's table; those of fine-tuning only where a run has any."""
    return (
        *(Column(setting.name, setting.key, setting.is_numeric) for setting in independent(settings)),
        *(TRAINING_COLUMNS if _has_training(runs) else ()),
        Column("trained on", "training pictures", True),
        Column("top-1", "share of pictures whose first prediction is right, with its 95 % interval", True),
        Column("top-5", "share of pictures with a right tag among the first five", True),
        Column("log loss", "mean -log probability of the right tag, in nats", True),
        Column("ECE", "calibration error: mean difference between confidence and accuracy", True),
        Column("coverage", "share of tag sets that hold the right tag", True),
        Column("set size", "mean tags per set", True),
        Column("at 90\u00a0%", "mean tags in the smallest sets that reach a coverage of 90 %", True),
        Column("seconds", "of all stages together; fewer if embeddings came from the cache", True),
        Column("folder", "of the run", False),
    )


def table_rows(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> list[list[Cell]]:
    """The cells of each run."""
    has_training = _has_training(runs)

    def number_cell(value: float, text: str, small: str = "") -> Cell:
        return Cell(text, small, value)

    def setting_cell(setting: VariedSetting, value: Any) -> Cell:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return Cell(setting_text(value, setting.key), value=float(value) if is_number else None)

    def cells(i: int, run: Run, folder: str) -> list[Cell]:
        top1, train, seconds = TOP1.of(run), run.record.data.train, total_seconds(run)
        top5, ece, coverage = (number_cell(x, percent(x)) for x in (m.of(run).value for m in (TOP5, ECE, COVERAGE)))
        loss, size, size_at = (
            number_cell(x, number(x)) for x in (m.of(run).value for m in (LOG_LOSS, SET_SIZE, set_size_at(0.9)))
        )
        return [
            *(setting_cell(setting, setting.values[i]) for setting in independent(settings)),
            *(_training_cells(run.record.training) if has_training else ()),
            number_cell(train, count(train)),
            number_cell(top1.value, percent(top1.value, 2), interval(top1.low, top1.high)),
            *(top5, loss, ece, coverage, size, size_at),
            number_cell(seconds, number(seconds, ",.1f")),
            Cell(folder),
        ]

    return [cells(i, run, folder) for i, (run, folder) in enumerate(zip(runs, relative_folders(runs), strict=True))]


def run_table(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> str:
    """All runs as CSV: varied settings by dotted key, metrics in full, unknown ones empty."""
    return _csv([varied | _run_row(run) for run, varied in _rows(runs, settings)])


def curve_table(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> str:
    """The prediction sets of all runs at every target as CSV: one row per run and target."""
    return _csv(
        [
            {**varied, "rule": curve.rule, **{key: getattr(curve, key)[row] for key in CURVE_COLUMNS}}
            for run, varied in _rows(runs, settings)
            for curve in [run.record.coverage_curve]
            for row in range(len(curve.target))
        ]
    )


def variant_table(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> str:
    """The variants that were evaluated as CSV: one row per run and variant."""
    return _csv(
        [
            {**varied, "variant": name, **{key: getattr(variant, key) for key in VARIANT_COLUMNS}}
            for run, varied in _rows(runs, settings)
            for name, variant in run.record.variants.items()
        ]
    )


def setting_curve_table(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> str:
    """The points of the page's plots of metrics over settings as CSV: seeds averaged, with their bands."""
    return _csv(
        [
            {"setting": curves.key, "metric": panel.key, "line": line.label, **point._asdict()}
            for curves in setting_curves(runs, settings)
            for panel in curves.panels
            for line in panel.lines
            for point in line.points
        ],
        ["setting", "metric", "line", *Point._fields],
    )


def _has_training(runs: tuple[Run, ...]) -> bool:
    return any(run.record.training for run in runs)


def _training_cells(training: TrainingRecord | None) -> tuple[Cell, Cell]:
    """What was trained of the network, and for how long."""
    if training is None or not training.weights_sha256:
        return Cell("none", "frozen features do as well" if training and training.gate else "", 0.0), Cell(NO_VALUE)
    blocks, seconds = training.recipe.get("blocks"), training.seconds
    text = describe_blocks(blocks).removeprefix("the ")
    rank = float(str(blocks)) if str(blocks).isdecimal() else math.inf
    epochs = count(len(training.epochs), "epoch")
    return Cell(text, "", rank), Cell(describe_duration(seconds), epochs, seconds)


def _csv(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if value is None or value != value else value for key, value in row.items()} for row in rows
    )
    return file.getvalue()


def _rows(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Each run, and the columns that begin its rows: its folder and its varied settings."""
    for i, (run, folder) in enumerate(zip(runs, relative_folders(runs), strict=True)):
        values = {setting.key: setting.values[i] for setting in settings}
        yield run, {"folder": folder, **{k: ";".join(v) if isinstance(v, tuple) else v for k, v in values.items()}}


def _run_row(run: Run) -> dict[str, Any]:
    record, data, training = run.record, run.record.data, run.record.training
    metrics: dict[str, float] = {}
    for name in METRIC_NAMES:
        estimate = EVALUATED_METRICS[name].of(run)
        metrics |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {
        "experiment": record.experiment,
        "seed": record.seed,
        "variant": record.variant,
        **{key: getattr(data, key) for key in ("train", "calibration", "validation", "tags", "skipped")},
        **metrics,
        **{metric.key: metric.of(run).value for metric in map(set_size_at, COMPARED_COVERAGES)},
        "temperature": record.calibration.temperature,
        "trained_blocks": training.recipe.get("blocks") if training and training.epochs else None,
        "trained_epochs": len(training.epochs) if training else None,
        "training_seconds": training.seconds if training else None,
        "images_per_second": embedding_rate().of(run).value,
        "seconds": total_seconds(run),
        "peak_memory_bytes": record.peak_memory_bytes,
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "pictures_fingerprint": record.pictures.fingerprint,
        "config_digest": record.config_digest,
        "commit": record.revision.commit if record.revision else None,
        "changed": record.revision.changed if record.revision else None,
    }
