"""The report of many runs: one page that asks the network for nothing, a CSV, and its plots as files."""

import base64
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from imagetagger.files import whole
from imagetagger.metrics import MORE_IS_BETTER
from imagetagger.report import axes as settings
from imagetagger.report import canvas, figures, lines, models, plots, records, table, template, verdicts
from imagetagger.report.axes import Axis
from imagetagger.report.canvas import Plot
from imagetagger.report.lines import Scale
from imagetagger.report.runs import Run, Runs
from imagetagger.report.studies import MOST_LINES, Panel, Study, studies
from imagetagger.report.thresholds import Thresholds, thresholds
from imagetagger.report.words import PERCENT, Headline, count, number, percent

PAGE, PLOTS = "report.html", "plots"
TABLES = {
    "runs.csv": table.text,
    "demands.csv": table.demands,
    "variants.csv": table.variants,
    "studies.csv": table.studied,
}
SIDE_BY_SIDE = 6
"""Runs of which all settings that differ are laid side by side."""
LISTED = 12
"""Hardest tags that are listed."""


def write(runs: Runs, folder: Path) -> None:
    """Write report.html, the TABLES and plots/NAME.svg and .png into a folder, each whole or not at all.

    Args:
        runs: at least one.
        folder: not that of a single run, whose own report tells more of it.

    Raises:
        ValueError: the folder is that of a run.
    """
    if (folder / "result.json").exists():
        raise ValueError(f"{folder} is the folder of one run, whose report.html is its own: choose another with --out")
    context = contents(runs)
    template.write(template.render("many.html.jinja", **context), folder / PAGE)
    for name, told in TABLES.items():
        with whole(folder / name) as partial:
            partial.write_text(told(runs.runs, context["axes"]), "utf-8", "replace")
    left = set()
    for plot in context["plots"].values():
        for form, drawn in canvas.paper(plot).items():
            place = folder / PLOTS / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', plot.name)}.{form}"  # keys come from files
            with whole(place) as partial:
                partial.write_bytes(drawn)
            left.add(place)
    for form in ("svg", "png"):
        for old in set((folder / PLOTS).glob(f"*.{form}")) - left:  # of another report in this folder
            old.unlink()


def contents(found: Runs) -> dict[str, Any]:
    """Return all that the page shows; `plots` by name."""
    runs = found.runs
    axes = settings.find(runs)
    labels, sought = settings.labels(runs, axes), figures.sought(runs)
    best, studied, tried = figures.best(runs), studies(runs, axes), thresholds(runs, axes)
    measured, (groups, alone) = models.models(runs), verdicts.groups(runs)
    script = Markup((template.FOLDER / "many.js").read_text("utf-8"))
    study_plots = [[_studied(study, panel) for panel in study.panels] for study in studied]
    set_plots = _sets(tried)
    model_plots = [
        lines.plot(f"variants_{name}", panel, scale, joined=False) for name, panel, scale in models.panels(measured)
    ]
    best_plots = _reliability(runs[best]) if best is not None else []
    every = [*(plot for some in study_plots for plot in some), *set_plots, *model_plots, *best_plots]
    return {
        "found": found,
        "runs": runs,
        "title": title(runs),
        "lead": lead(found, axes),
        "headlines": headlines(runs, labels),
        "axes": axes,
        "follows": [(axis.key, axis.follows) for axis in axes if axis.follows],
        "labels": labels,
        "best": best,
        "by": "top-1" if sought is figures.TOP1 else sought.label,
        "words": words(runs, axes, labels),
        "differing": [(axis.key, [settings.text(v, axis.key) for v in axis.values]) for axis in axes]
        if 1 < len(runs) <= SIDE_BY_SIDE
        else [],
        "studies": list(zip(studied, study_plots, strict=True)),
        "most_lines": MOST_LINES,
        "tried": tried,
        "set_plots": set_plots,
        "models": measured[: models.LISTED],
        "models_left": len(measured[models.LISTED :]),
        "model_plots": model_plots,
        "best_plots": best_plots,
        "hardest": _hardest(runs[best]) if best is not None else [],
        "groups": groups,
        "alone": alone,
        "choices": _choices(groups, labels),
        "columns": table.columns(axes),
        "rows": table.rows(runs, axes),
        "sorts": table.sorts,
        "records": [records.record(run) for run in runs],
        "warnings": records.warnings(runs),
        "shared": records.shared(runs),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "plots": {plot.name: plot for plot in every},
    }


def words(runs: tuple[Run, ...], axes: tuple[Axis, ...], labels: list[str]) -> list[str]:
    """Return what a reader may find each run by: its name, its settings that vary as key=value, its folder."""
    told = [[f"{axis.key}={settings.text(axis.values[i], axis.key)}" for axis in axes] for i in range(len(runs))]
    places = settings.places(runs)
    return [" ".join([labels[i], *told[i], places[i]]).lower() for i in range(len(runs))]


def title(runs: tuple[Run, ...]) -> str:
    """Return what the runs are of."""
    names = list(dict.fromkeys(run.result["experiment"] for run in runs))
    return ", ".join(names) if len(names) <= 3 else count(len(names), "experiment")


def lead(found: Runs, axes: tuple[Axis, ...]) -> str:
    """Return what the page is about in a sentence or three."""
    apart = [axis.name for axis in settings.free(axes)]
    differ = " and ".join(filter(None, [", ".join(apart[:-1]), *apart[-1:]]))
    said = count(len(found.runs), "run") + (f" that differ in {differ}." if differ else ".")
    if found.failed:
        said += f" {count(len(found.failed), 'job')} failed."
    if found.damaged:
        said += f" {count(len(found.damaged), 'file')} could not be used."
    return said


def headlines(runs: tuple[Run, ...], labels: list[str]) -> list[Headline]:
    """Return the best of the main figures, and which run has it."""

    def headline(figure: figures.Figure, label: str, sign: int, form: Any) -> Headline | None:
        told = [figure.of(run) for run in runs]
        if not (known := [i for i, one in enumerate(told) if math.isfinite(one.value)]):
            return None
        first = min(known, key=lambda i: sign * told[i].value)
        value, low, high = told[first]
        equal = [i for i in known if told[i].value == value]
        shown = best if best in equal else first  # the same run is the best all over the page
        interval = f"{form(low).removesuffix(PERCENT)} to {form(high)}" if math.isfinite(low + high) else ""
        also = f", and {count(len(equal) - 1, 'other')}" if len(equal) > 1 else ""
        return Headline(label, form(value), interval, labels[shown] + also)

    best = figures.best(runs)
    by = figures.sought(runs)
    first = (
        [] if by is figures.TOP1 else [headline(by, f"Best {by.label}", -1 if by.key in MORE_IS_BETTER else 1, number)]
    )
    told = [
        *first,
        headline(figures.TOP1, "Best top-1", -1, percent),
        headline(figures.size_at(0.9), "Smallest sets that hold 90\u00a0%", 1, number),
        headline(figures.ECE, "Least calibration error", 1, percent),
    ]
    return [one for one in told if one]


def _studied(study: Study, panel: Panel) -> Plot:
    scale = Scale(study.label, study.key == "calibrate.coverage", study.is_log)
    name = "pictures" if study.is_size else study.key
    return lines.plot(f"{panel.key}_by_{name}", panel, scale, joined=study.is_joined)


def _sets(tried: Thresholds | None) -> list[Plot]:
    if tried is None:
        return []
    out = []
    for one in tried.demanded:
        if one.coverage.lines:
            diagonal = one.key != "tags"
            out.append(lines.plot(f"coverage_by_{one.key}", one.coverage, one.scale, diagonal=diagonal))
            out.append(lines.plot(f"set_size_by_{one.key}", one.size, one.scale))
    if tried.size_at.lines:
        out.append(lines.plot("set_size_by_held", tried.size_at, Scale("sets that hold the right tag", True)))
    return out


def _hardest(run: Run) -> list[dict[str, Any]]:
    return [tag for tag in run.result["tags"] if tag["right"] < tag["pictures"]][:LISTED]


def _reliability(run: Run) -> list[Plot]:
    bins = run.result["reliability"]
    return [plots.reliability(f"reliability_{name}", *plots.unbinned(bins[name])) for name in ("before", "after")]


def _choices(groups: tuple[verdicts.Group, ...], labels: list[str]) -> dict[str, Any]:
    """Return what the page's script lets a reader choose from: any two runs of a group, with all their figures."""
    some = [group for group in groups if group.choices]
    rows = sorted({i for group in some for pair in group.choices for i in pair[:2]})
    pairs = [[*pair, group.pictures] for group in some for pair in group.choices]
    return json.loads(json.dumps({"names": {str(i): labels[i] for i in rows}, "pairs": pairs}))
