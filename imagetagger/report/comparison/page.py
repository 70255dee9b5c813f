"""The report of many runs: one page that asks the network for nothing, a CSV, and its plots as files."""

import base64
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from imagetagger.evaluation.metrics import HIGHER_IS_BETTER
from imagetagger.report.canvas import Plot, paper
from imagetagger.report.comparison.coverage_curves import CoverageCurves, coverage_curves
from imagetagger.report.comparison.curves import MOST_LINES, Panel, SettingCurves, setting_curves
from imagetagger.report.comparison.line_plot import Scale, line_plot
from imagetagger.report.comparison.provenance import comparability_warnings, run_provenance, shared_versions
from imagetagger.report.comparison.run_metrics import ECE, TOP1, RunMetric, best_run, objective_metric, set_size_at
from imagetagger.report.comparison.runs import Run, Runs
from imagetagger.report.comparison.significance import ComparedGroup, compare_groups
from imagetagger.report.comparison.table import (
    curve_table,
    run_table,
    setting_curve_table,
    sorts,
    table_columns,
    table_rows,
    variant_table,
)
from imagetagger.report.comparison.variants import LISTED_VARIANTS, variant_panels, variant_rows
from imagetagger.report.comparison.varied_settings import (
    VariedSetting,
    independent,
    relative_folders,
    run_labels,
    setting_text,
    varied_settings,
)
from imagetagger.report.formatting import PERCENT, SummaryMetric, count, number, percent
from imagetagger.report.plots import reliability_plot, unpack_bins
from imagetagger.report.template import TEMPLATE_FOLDER, render_page, write_page
from imagetagger.system.atomic_files import atomic_write

PAGE, PLOTS = "report.html", "plots"
TABLES = {
    "runs.csv": run_table,
    "demands.csv": curve_table,
    "variants.csv": variant_table,
    "studies.csv": setting_curve_table,
}
SIDE_BY_SIDE = 6
"""Runs of which all settings that differ are laid side by side."""
LISTED = 12
"""Hardest tags that are listed."""


def write_comparison(runs: Runs, folder: Path) -> None:
    """Write report.html, the TABLES and plots/NAME.svg and .png into a folder, each whole or not at all.

    Args:
        runs: at least one.
        folder: not that of a single run, whose own report tells more of it.

    Raises:
        ValueError: the folder is that of a run.
    """
    if (folder / "result.json").exists():
        raise ValueError(f"{folder} is the folder of one run, whose report.html is its own: choose another with --out")
    context = comparison_context(runs)
    write_page(render_page("many.html.jinja", **context), folder / PAGE)
    for name, told in TABLES.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(told(runs.runs, context["axes"]), "utf-8", "replace")
    left = set()
    for plot in context["plots"].values():
        for form, drawn in paper(plot).items():
            place = folder / PLOTS / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', plot.name)}.{form}"  # keys come from files
            with atomic_write(place) as partial:
                partial.write_bytes(drawn)
            left.add(place)
    for form in ("svg", "png"):
        for old in set((folder / PLOTS).glob(f"*.{form}")) - left:  # of another report in this folder
            old.unlink()


def comparison_context(found: Runs) -> dict[str, Any]:
    """Return all that the page shows; `plots` by name."""
    runs = found.runs
    axes = varied_settings(runs)
    labels, sought = run_labels(runs, axes), objective_metric(runs)
    best, studied, tried = best_run(runs), setting_curves(runs, axes), coverage_curves(runs, axes)
    measured, (groups, alone) = variant_rows(runs), compare_groups(runs)
    script = Markup((TEMPLATE_FOLDER / "many.js").read_text("utf-8"))
    study_plots = [[_studied(study, panel) for panel in study.panels] for study in studied]
    set_plots = _sets(tried)
    model_plots = [
        line_plot(f"variants_{name}", panel, scale, joined=False) for name, panel, scale in variant_panels(measured)
    ]
    best_plots = _reliability(runs[best]) if best is not None else []
    every = [*(plot for some in study_plots for plot in some), *set_plots, *model_plots, *best_plots]
    return {
        "found": found,
        "runs": runs,
        "title": title(runs),
        "lead": lead_text(found, axes),
        "headlines": comparison_metrics(runs, labels),
        "axes": axes,
        "follows": [(axis.key, axis.follows) for axis in axes if axis.follows],
        "labels": labels,
        "best": best,
        "by": "top-1" if sought is TOP1 else sought.label,
        "words": search_texts(runs, axes, labels),
        "differing": [(axis.key, [setting_text(v, axis.key) for v in axis.values]) for axis in axes]
        if 1 < len(runs) <= SIDE_BY_SIDE
        else [],
        "studies": list(zip(studied, study_plots, strict=True)),
        "most_lines": MOST_LINES,
        "tried": tried,
        "set_plots": set_plots,
        "models": measured[:LISTED_VARIANTS],
        "models_left": len(measured[LISTED_VARIANTS:]),
        "model_plots": model_plots,
        "best_plots": best_plots,
        "hardest": _hardest(runs[best]) if best is not None else [],
        "groups": groups,
        "alone": alone,
        "choices": _choices(groups, labels),
        "columns": table_columns(axes),
        "rows": table_rows(runs, axes),
        "sorts": sorts,
        "records": [run_provenance(run) for run in runs],
        "warnings": comparability_warnings(runs),
        "shared": shared_versions(runs),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "plots": {plot.name: plot for plot in every},
    }


def search_texts(runs: tuple[Run, ...], axes: tuple[VariedSetting, ...], labels: list[str]) -> list[str]:
    """Return what a reader may find each run by: its name, its settings that vary as key=value, its folder."""
    told = [[f"{axis.key}={setting_text(axis.values[i], axis.key)}" for axis in axes] for i in range(len(runs))]
    places = relative_folders(runs)
    return [" ".join([labels[i], *told[i], places[i]]).lower() for i in range(len(runs))]


def title(runs: tuple[Run, ...]) -> str:
    """Return what the runs are of."""
    names = list(dict.fromkeys(run.result["experiment"] for run in runs))
    return ", ".join(names) if len(names) <= 3 else count(len(names), "experiment")


def lead_text(found: Runs, axes: tuple[VariedSetting, ...]) -> str:
    """Return what the page is about in a sentence or three."""
    apart = [axis.name for axis in independent(axes)]
    differ = " and ".join(filter(None, [", ".join(apart[:-1]), *apart[-1:]]))
    said = count(len(found.runs), "run") + (f" that differ in {differ}." if differ else ".")
    if found.failed:
        said += f" {count(len(found.failed), 'job')} failed."
    if found.damaged:
        said += f" {count(len(found.damaged), 'file')} could not be used."
    return said


def comparison_metrics(runs: tuple[Run, ...], labels: list[str]) -> list[SummaryMetric]:
    """Return the best of the main figures, and which run has it."""

    def headline(figure: RunMetric, label: str, sign: int, form: Any) -> SummaryMetric | None:
        told = [figure.of(run) for run in runs]
        if not (known := [i for i, one in enumerate(told) if math.isfinite(one.value)]):
            return None
        first = min(known, key=lambda i: sign * told[i].value)
        value, low, high = told[first]
        equal = [i for i in known if told[i].value == value]
        shown = best if best in equal else first  # the same run is the best all over the page
        interval = f"{form(low).removesuffix(PERCENT)} to {form(high)}" if math.isfinite(low + high) else ""
        also = f", and {count(len(equal) - 1, 'other')}" if len(equal) > 1 else ""
        return SummaryMetric(label, form(value), interval, labels[shown] + also)

    best = best_run(runs)
    by = objective_metric(runs)
    first = [] if by is TOP1 else [headline(by, f"Best {by.label}", -1 if by.key in HIGHER_IS_BETTER else 1, number)]
    told = [
        *first,
        headline(TOP1, "Best top-1", -1, percent),
        headline(set_size_at(0.9), "Smallest sets that hold 90\u00a0%", 1, number),
        headline(ECE, "Least calibration error", 1, percent),
    ]
    return [one for one in told if one]


def _studied(study: SettingCurves, panel: Panel) -> Plot:
    scale = Scale(study.label, study.key == "calibrate.coverage", study.is_log)
    name = "pictures" if study.is_size else study.key
    return line_plot(f"{panel.key}_by_{name}", panel, scale, joined=study.is_joined)


def _sets(tried: CoverageCurves | None) -> list[Plot]:
    if tried is None:
        return []
    out = []
    for one in tried.demanded:
        if one.coverage.lines:
            diagonal = one.key != "tags"
            out.append(line_plot(f"coverage_by_{one.key}", one.coverage, one.scale, diagonal=diagonal))
            out.append(line_plot(f"set_size_by_{one.key}", one.size, one.scale))
    if tried.size_at.lines:
        out.append(line_plot("set_size_by_held", tried.size_at, Scale("sets that hold the right tag", True)))
    return out


def _hardest(run: Run) -> list[dict[str, Any]]:
    return [tag for tag in run.result["tags"] if tag["right"] < tag["pictures"]][:LISTED]


def _reliability(run: Run) -> list[Plot]:
    bins = run.result["reliability"]
    return [reliability_plot(f"reliability_{name}", *unpack_bins(bins[name])) for name in ("before", "after")]


def _choices(groups: tuple[ComparedGroup, ...], labels: list[str]) -> dict[str, Any]:
    """Return what the page's script lets a reader choose from: any two runs of a group, with all their figures."""
    some = [group for group in groups if group.choices]
    rows = sorted({i for group in some for pair in group.choices for i in pair[:2]})
    pairs = [[*pair, group.pictures] for group in some for pair in group.choices]
    return json.loads(json.dumps({"names": {str(i): labels[i] for i in rows}, "pairs": pairs}))
