"""All runs as a table: what sets them apart and what came of it, for the page and for other programs."""

import csv
import io
import math
from typing import Any, NamedTuple

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
from imagetagger.report.formatting import PERCENT, count, number, percent

CURVE_TABLE = ("asked", "coverage", "set_size", "single", "precision")
VARIANT_TABLE = ("bytes", "images_per_second", "cosine_to_float", "temperature", *METRIC_NAMES)


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


def table_columns(axes: tuple[VariedSetting, ...]) -> tuple[Column, ...]:
    """Return the columns of the page's table."""
    apart = [Column(axis.name, axis.key, axis.is_numeric) for axis in independent(axes)]
    return (
        *apart,
        Column("learned from", "pictures to learn from", True),
        Column("top-1", "share of pictures whose first guess is right, with its 95 % interval", True),
        Column("top-5", "share of pictures with a right tag among the first five", True),
        Column("log loss", "mean -log probability of the right tag, in nats", True),
        Column("ECE", "calibration error: how far promised and true accuracy lie apart", True),
        Column("coverage", "share of tag sets that hold the right tag", True),
        Column("set size", "tags in a set, mean", True),
        Column("at 90\u00a0%", "tags in the smallest sets that hold the right tag 90 % of the time", True),
        Column("seconds", "of all stages together; less where embeddings came from the cache", True),
        Column("folder", "where the run lies", False),
    )


def table_rows(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...]) -> list[list[Cell]]:
    """Return the cells of each run."""
    return [
        _cells(run, [_setting(axis, i) for axis in independent(axes)], place)
        for i, (run, place) in enumerate(zip(runs, relative_folders(runs), strict=True))
    ]


def _setting(axis: VariedSetting, i: int) -> Cell:
    value = axis.values[i]
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(setting_text(value, axis.key), value=float(value) if numeric else None)


def _cells(run: Run, apart: list[Cell], place: str) -> list[Cell]:
    def cell(value: float, text: str, small: str = "") -> Cell:
        return Cell(text, small, value)

    top1, shares = TOP1.of(run), (TOP5, ECE, COVERAGE)
    known = math.isfinite(top1.low) and math.isfinite(top1.high)
    interval = f"{percent(top1.low).removesuffix(PERCENT)} to {percent(top1.high)}" if known else ""
    top5, ece, covered = (cell(value, percent(value)) for value in (figure.of(run).value for figure in shares))
    loss, size, at = (
        cell(value, number(value)) for value in (one.of(run).value for one in (LOG_LOSS, SET_SIZE, set_size_at(0.9)))
    )
    trained, spent = run.result["data"]["train"], total_seconds(run)
    first = cell(top1.value, percent(top1.value, 2), interval)
    took = cell(spent, number(spent, ",.1f"))
    return [*apart, cell(trained, count(trained)), first, top5, loss, ece, covered, size, at, took, Cell(place)]


def run_table(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...]) -> str:
    """Return all runs as CSV: one row a run, settings that vary by dotted key, figures in full, unknown ones empty."""
    places = enumerate(zip(runs, relative_folders(runs), strict=True))
    return _csv([_record(run, axes, i, place) for i, (run, place) in places])


def curve_table(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...]) -> str:
    """Return the tag sets of all runs at every threshold as CSV: one row a run and demand."""
    return _csv(
        [
            {**_apart(axes, i, place), "rule": told["rule"], **{key: told[key][row] for key in CURVE_TABLE}}
            for i, (run, place) in enumerate(zip(runs, relative_folders(runs), strict=True))
            for told in [run.result["demands"]]
            for row in range(len(told["asked"]))
        ]
    )


def variant_table(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...]) -> str:
    """Return the variants that were measured as CSV: one row a run and variant."""
    return _csv(
        [
            {**_apart(axes, i, place), "variant": name, **{key: one.get(key) for key in VARIANT_TABLE}}
            for i, (run, place) in enumerate(zip(runs, relative_folders(runs), strict=True))
            for name, one in run.result["variants"].items()
        ]
    )


def setting_curve_table(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...]) -> str:
    """Return the points of the page's plots of figures along an axis as CSV: seeds averaged, with their bands."""
    return _csv(
        [
            {"axis": study.key, "figure": panel.key, "line": line.label, **point._asdict()}
            for study in setting_curves(runs, axes)
            for panel in study.panels
            for line in panel.lines
            for point in line.points
        ],
        ["axis", "figure", "line", *Point._fields],
    )


def _csv(lines: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns or list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if value is None or value != value else value for key, value in line.items()} for line in lines
    )
    return file.getvalue()


def _apart(axes: tuple[VariedSetting, ...], i: int, place: str) -> dict[str, Any]:
    values = {axis.key: axis.values[i] for axis in axes}
    return {"folder": place, **{key: ";".join(v) if isinstance(v, tuple) else v for key, v in values.items()}}


def _record(run: Run, axes: tuple[VariedSetting, ...], i: int, place: str) -> dict[str, Any]:
    result, revision = run.result, run.result.get("revision") or {}
    data = result["data"]
    after: dict[str, float] = {}
    for name in METRIC_NAMES:
        told = EVALUATED_METRICS[name].of(run)
        after |= {name: told.value, f"{name}_low": told.low, f"{name}_high": told.high}
    sizes = {figure.key: figure.of(run).value for figure in map(set_size_at, COMPARED_COVERAGES)}
    return {
        **_apart(axes, i, place),
        "experiment": result["experiment"],
        "seed": result.get("seed"),
        **{key: data[key] for key in ("train", "calibration", "validation", "tags", "skipped")},
        **after,
        **sizes,
        "temperature": result["calibration"].get("temperature"),
        "images_per_second": embedding_rate().of(run).value,
        "seconds": total_seconds(run),
        "peak_memory_bytes": result.get("peak_memory_bytes"),
        "data": data["name"],
        "data_fingerprint": data["fingerprint"],
        "pictures_fingerprint": result["pictures"]["fingerprint"],
        "config_digest": result["config_digest"],
        "commit": revision.get("commit"),
        "changed": revision.get("changed"),
    }


def sorts(cell: Cell) -> str:
    """Return what a cell is sorted by, as the page's script reads it: a number, or nothing for none."""
    return "" if cell.value is None or not math.isfinite(cell.value) else repr(cell.value)
