"""The report of many runs: one page that loads nothing from the network, tables as CSV, and its plots as files."""

import base64
import hashlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from imagetagger.experiment.evaluation_record import TagRecord
from imagetagger.options import HIGHER_IS_BETTER
from imagetagger.report.canvas import Plot, paper
from imagetagger.report.comparison.coverage_curves import CoverageCurves, coverage_curves
from imagetagger.report.comparison.curves import MAX_LINES, Panel, SettingCurves, average_metric, setting_curves
from imagetagger.report.comparison.line_plot import Scale, line_plot
from imagetagger.report.comparison.provenance import comparability_warnings, run_provenance, shared_versions
from imagetagger.report.comparison.run_metrics import ECE, TOP1, RunMetric, best_group, objective_metric, set_size_at
from imagetagger.report.comparison.runs import Run, Runs
from imagetagger.report.comparison.significance import ComparedGroup, compare_groups
from imagetagger.report.comparison.table import (
    curve_table,
    run_table,
    setting_curve_table,
    table_columns,
    table_rows,
    variant_table,
)
from imagetagger.report.comparison.training_curves import TrainingCurves, training_curves
from imagetagger.report.comparison.variants import LISTED_VARIANTS, variant_panels, variant_rows
from imagetagger.report.comparison.varied_settings import (
    VariedSetting,
    group_label,
    independent,
    relative_folders,
    run_labels,
    seed_groups,
    setting_text,
    varied_settings,
)
from imagetagger.report.formatting import SummaryMetric, count, interval, number, percent
from imagetagger.report.plots import reliability_plot
from imagetagger.report.template import TEMPLATE_FOLDER, render_page, write_page
from imagetagger.system.atomic_files import atomic_write

PAGE, PLOTS = "report.html", "plots"
TEMPLATE, SCRIPT = "comparison/comparison.html.jinja", "comparison/comparison.js"
TABLES = {
    "runs.csv": run_table,
    "coverage_curves.csv": curve_table,
    "variants.csv": variant_table,
    "setting_curves.csv": setting_curve_table,
}
MAX_SIDE_BY_SIDE = 6
"""Runs whose differing settings are shown side by side."""
LISTED_HARDEST = 12
"""Hardest tags that are listed."""


def write_comparison(runs: Runs, folder: Path) -> None:
    """Write report.html, the TABLES and plots/NAME.svg and .png into a folder, each atomically.

    Args:
        runs: at least one.
        folder: not that of a single run, which has a report of its own.

    Raises:
        ValueError: the folder is that of a run.
    """
    if (folder / "result.json").exists():
        raise ValueError(f"{folder} is the folder of one run, with its own report.html: choose another with --out")
    context = comparison_context(runs)
    write_page(render_page(TEMPLATE, **context), folder / PAGE)
    for name, table in TABLES.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(table(runs.runs, context["settings"]), "utf-8", "replace")
    written = set()
    for plot in context["plots"]:
        for form, drawn in paper(plot).items():
            path = folder / PLOTS / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', plot.name)}.{form}"  # keys come from files
            with atomic_write(path) as partial:
                partial.write_bytes(drawn)
            written.add(path)
    for form in ("svg", "png"):
        for old in set((folder / PLOTS).glob(f"*.{form}")) - written:  # of another report in this folder
            old.unlink()


def comparison_context(found: Runs) -> dict[str, Any]:
    """All that the page shows."""
    runs = found.runs
    settings = varied_settings(runs)
    labels, by_setting = run_labels(runs, settings), seed_groups(runs, settings)
    best_rows = best_group(runs, by_setting)
    best = best_rows[0] if best_rows else None
    curves_and_plots = [
        (curves, [_setting_plot(curves, panel) for panel in curves.panels]) for curves in setting_curves(runs, settings)
    ]
    sets = coverage_curves(runs, settings)
    set_plots = _set_plots(sets) if sets else []
    trainings = training_curves(runs, settings)
    training_plots = _training_plots(trainings) if trainings else []
    variants = variant_rows(runs)
    variant_plots = [
        line_plot(f"variants_{name}", panel, scale, joined=False) for name, panel, scale in variant_panels(variants)
    ]
    best_plots = _reliability_plots(runs[best]) if best is not None else []
    groups, single = compare_groups(runs, by_setting)
    group_labels = {rows[0]: group_label(labels, settings, rows) for group in groups for rows in group.settings}
    script = Markup((TEMPLATE_FOLDER / SCRIPT).read_text("utf-8"))
    return {
        "found": found,
        "runs": runs,
        "title": title(runs),
        "lead": lead_text(found, settings),
        "summary_metrics": comparison_metrics(runs, settings, labels),
        "settings": settings,
        "follows": [(setting.key, setting.follows) for setting in settings if setting.follows],
        "labels": labels,
        "best": best,
        "best_label": group_label(labels, settings, sorted(best_rows)) if best_rows else "",
        "best_seeds": len(best_rows or ()),
        "is_tie": len({objective_metric(runs).of(run).value for run in runs}) == 1,
        "has_settings": len(by_setting) > 1,
        "has_other_pictures": len({run.record.pictures.fingerprint for run in runs}) > 1,
        "objective": "top-1" if objective_metric(runs) is TOP1 else objective_metric(runs).label,
        "search_texts": search_texts(runs, settings, labels),
        "side_by_side": [(setting.key, [setting_text(v, setting.key) for v in setting.values]) for setting in settings]
        if 1 < len(runs) <= MAX_SIDE_BY_SIDE
        else [],
        "setting_curves": curves_and_plots,
        "max_lines": MAX_LINES,
        "sets": sets,
        "set_plots": set_plots,
        "trainings": trainings,
        "training_plots": training_plots,
        "variants": variants[:LISTED_VARIANTS],
        "has_train": len({row.record.train for row in variants}) > 1,
        "variants_left": len(variants[LISTED_VARIANTS:]),
        "variant_plots": variant_plots,
        "best_plots": best_plots,
        "hardest": _hardest(runs[best]) if best is not None else [],
        "groups": groups,
        "group_labels": group_labels,
        "has_pooled": _has_pooled(groups),
        "single": single,
        "selectable": _selectable(groups, group_labels),
        "columns": table_columns(runs, settings),
        "rows": table_rows(runs, settings),
        "provenance": [run_provenance(run) for run in runs],
        "warnings": comparability_warnings(runs),
        "shared": shared_versions(runs),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "plots": [
            *(plot for _, plots in curves_and_plots for plot in plots),
            *training_plots,
            *set_plots,
            *variant_plots,
            *best_plots,
        ],
    }


def search_texts(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...], labels: list[str]) -> list[str]:
    """The text that the filter searches for each run: label, varied settings as key=value, folder."""
    folders = relative_folders(runs)
    return [
        " ".join([labels[i], *(f"{s.key}={setting_text(s.values[i], s.key)}" for s in settings), folders[i]]).lower()
        for i in range(len(runs))
    ]


def title(runs: tuple[Run, ...]) -> str:
    """The experiments that the runs belong to."""
    names = list(dict.fromkeys(run.record.experiment for run in runs))
    return ", ".join(names) if len(names) <= 3 else count(len(names), "experiment")


def lead_text(found: Runs, settings: tuple[VariedSetting, ...]) -> str:
    """The subject of the page in a few sentences."""
    names = [setting.name for setting in independent(settings)]
    differ = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    text = count(len(found.runs), "run") + (f" that differ in {differ}." if differ else ".")
    if len(variants := {run.record.variant for run in found.runs}) == 1:
        text += f" All metrics are those of {variants.pop()}."
    if found.failed:
        text += f" {count(len(found.failed), 'job')} failed."
    if found.damaged:
        text += f" {count(len(found.damaged), 'file')} could not be used."
    return text


def comparison_metrics(
    runs: tuple[Run, ...], settings: tuple[VariedSetting, ...], labels: list[str]
) -> list[SummaryMetric]:
    """The best value of the main metrics, averaged over seeds, and which setting has it."""
    groups, objective = seed_groups(runs, settings), objective_metric(runs)
    best = best_group(runs, groups)

    def metric(of: RunMetric, label: str, form: Callable[[float | None], str]) -> SummaryMetric | None:
        known = [[i for i in rows if math.isfinite(of.of(runs[i]).value)] for rows in groups]
        means = [(average_metric(runs, of, rows), rows) for rows in known if rows]
        if not means:
            return None
        sign = -1 if of.key in HIGHER_IS_BETTER else 1
        first = min(means, key=lambda mean: sign * mean[0].value)
        equal = [mean for mean in means if mean[0].value == first[0].value]
        # The same setting is the best all over the page.
        (value, low, high), rows = next((mean for mean in equal if best and best[0] in mean[1]), first)
        others = f", and {count(len(equal) - 1, 'other')}" if len(equal) > 1 else ""
        values = [of.of(runs[i]).value for i in rows]
        spread = f": {interval(min(values), max(values), form)}" if len(rows) > 1 else ""
        meaning = group_label(labels, settings, rows) + spread + others
        return SummaryMetric(label, form(value), interval(low, high, form), meaning)

    metrics = [
        None if objective is TOP1 else metric(objective, f"Best {objective.label}", number),
        metric(TOP1, "Best top-1", percent),
        metric(set_size_at(0.9), "Smallest sets at 90\u00a0% coverage", number),
        metric(ECE, "Least calibration error", percent),
    ]
    return [metric for metric in metrics if metric]


def _setting_plot(curves: SettingCurves, panel: Panel) -> Plot:
    scale = Scale(curves.label, curves.key == "calibrate.coverage", curves.is_log)
    name = "pictures" if curves.is_size else curves.key
    return line_plot(f"{panel.key}_by_{name}", panel, scale, joined=curves.is_joined)


def _training_plots(trainings: TrainingCurves) -> list[Plot]:
    return [line_plot(f"{panel.key}_by_epoch", panel, Scale("epoch", is_count=True)) for panel in trainings.panels]


def _set_plots(sets: CoverageCurves) -> list[Plot]:
    plots = []
    for curves in sets.by_target:
        if curves.coverage.lines:
            diagonal = curves.key != "tags"
            plots.append(line_plot(f"coverage_by_{curves.key}", curves.coverage, curves.scale, diagonal=diagonal))
            plots.append(line_plot(f"set_size_by_{curves.key}", curves.size, curves.scale))
    if sets.size_at.lines:
        plots.append(line_plot("set_size_by_reached", sets.size_at, Scale("sets with the right tag", True)))
    return plots


def _hardest(run: Run) -> list[TagRecord]:
    return [tag for tag in run.record.tags if tag.correct < tag.pictures][:LISTED_HARDEST]


def _reliability_plots(run: Run) -> list[Plot]:
    bins = run.record.reliability
    return [reliability_plot("reliability_before", bins.before), reliability_plot("reliability_after", bins.after)]


def _selectable(groups: tuple[ComparedGroup, ...], group_labels: dict[int, str]) -> dict[str, Any]:
    """The pairs of settings that a reader may select, with all their numbers, as the page's script reads them."""
    pairs = [[*pair, group.pictures] for group in groups for pair in group.selectable]
    names = {str(i): group_labels[i] for i in sorted({i for pair in pairs for i in pair[:2]})}
    return {"names": names, "pairs": pairs, "pooled": _has_pooled(groups)}


def _has_pooled(groups: tuple[ComparedGroup, ...]) -> bool:
    return any(len(rows) > 1 for group in groups for rows in group.settings)
