import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from imagetagger.evaluation.coverage_curve import coverage_curve
from imagetagger.experiment.evaluation_record import ReliabilityBins
from imagetagger.prediction.calibration import Calibration, probabilities
from imagetagger.prediction.decision import PredictionSetRule
from imagetagger.report.canvas import COLORS, STAND_INS, inline, paper
from imagetagger.report.comparison.curves import Line, Panel, Point
from imagetagger.report.comparison.line_plot import Scale, line_plot
from imagetagger.report.plots import (
    MAX_BARS,
    EpochLine,
    coverage_plot,
    epoch_plot,
    reliability_plot,
    set_size_histogram,
    set_size_plot,
    shares_plot,
)
from imagetagger.report.template import TEMPLATE_FOLDER
from tests.helpers.made import RULES_MADE, some


def curve_of(rule=RULES_MADE["lac"].prediction_set, n=60, tags=4):
    scores, labels_onehot = some(n, tags)
    return coverage_curve(probabilities(scores, Calibration(20.0)), labels_onehot, rule)


def bins_of(count, confidence, correct):
    return ReliabilityBins(list(count), list(confidence), list(correct))


def draw_all(rule=RULES_MADE["lac"].prediction_set, bins=15, n=60, name=""):
    count, curve = np.zeros(bins), curve_of(rule, n)
    count[-1] = n
    plots = [
        reliability_plot(f"reliability{name}", bins_of(count, count * 0.98, np.floor(count * 0.6))),
        coverage_plot(f"coverage{name}", curve),
        set_size_plot(f"size{name}", curve),
        set_size_histogram(f"histogram{name}", np.arange(1, n + 1).astype(float)),
        shares_plot(f"shares{name}", np.arange(1, n + 1) / n, 0.9),
    ]
    return list(map(inline, plots))


EXTREME = {
    **{rule: decision.prediction_set for rule, decision in RULES_MADE.items()},
    **{f"sum {sum_:g}": PredictionSetRule("cumulative", None, sum_) for sum_ in (1e-9, 0.3, 1.0)},
    **{f"{count:g} tags": PredictionSetRule("top_k", None, count) for count in (1.0, 4.0, 30.0)},
}


@pytest.mark.parametrize("rule", EXTREME.values(), ids=EXTREME)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_a_plot_is_an_element_that_fills_its_container_and_has_a_text(rule, n):
    for svg in draw_all(rule, n=n):
        root = ET.fromstring(svg.replace("xlink:href", "href"))
        assert root.tag == "svg"
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"].endswith(".")
        assert "width" not in root.attrib
        assert re.fullmatch(r"0 0 360 \d+", root.attrib["viewBox"])
        assert "nan" not in svg.lower()


def test_ids_of_plots_of_different_names_never_meet():
    ids = [found for svg in draw_all() + draw_all(name="2") for found in re.findall(r'id="([^"]+)"', svg)]
    assert ids
    assert len(ids) == len(set(ids))


def test_colours_and_fonts_are_the_pages_own():
    for svg in draw_all():
        assert not re.findall(r"#[0-9a-f]{6}\b", re.sub(r"url\(#[^)]*\)|href=\"#[^\"]*\"", "", svg))
        assert "var(--accent" in svg
        assert "font-family" not in svg
        assert "<style" not in svg


def test_drawing_leaves_matplotlibs_settings_as_they_were():
    before = dict(matplotlib.rcParams)
    draw_all()
    assert dict(matplotlib.rcParams) == before


def test_many_sizes_share_bars():
    svg = inline(set_size_histogram("h", np.arange(1, 1001).astype(float)))
    assert "from 1 to 1000, median 500.5" in svg
    assert svg.count("<path") < 3 * MAX_BARS


@pytest.mark.parametrize("rule", RULES_MADE)
def test_the_texts_of_curves_describe_what_is_drawn(rule):
    curve = curve_of(RULES_MADE[rule].prediction_set)
    at = {"cumulative": "0.9", "top_k": "2"}.get(rule, "90\u00a0%")
    assert f"{100 * curve.coverage[curve.selected]:.1f} % at {at}," in inline(coverage_plot("c", curve))
    assert f"{curve.size[curve.selected]:.1f} at {at}," in inline(set_size_plot("s", curve))


def test_the_texts_of_diagrams_describe_what_is_drawn():
    plot = reliability_plot("r", bins_of([0, 10, 10], [0.0, 4, 6], [0, 5, 9]))
    assert "confidence 40 %: 50 % correct; confidence 60 %: 90 % correct." in inline(plot)
    assert "from 52 % to 100 % of its pictures." in inline(shares_plot("s", np.array([0.52, 0.9, 1.0]), 0.9))


def test_a_share_on_an_edge_belongs_to_the_bar_above_it():
    edge, above, below = (
        inline(shares_plot("s", np.array([0.9, share]), 0.9)).split(">", 1)[1] for share in (0.9, 0.93, 0.89)
    )
    assert edge == above != below


def made_panel(count=3, points=5, log=False, share=True, label="line"):
    def line(k):
        values = 0.5 + 0.05 * k + 0.01 * np.arange(points)
        return tuple(Point(float(10**i if log else i), y, y - 0.02, y + 0.02, 2) for i, y in enumerate(values))

    return Panel("top1", "first prediction right", share, tuple(Line(f"{label} {k}", line(k)) for k in range(count)))


LINES = {
    "one line": made_panel(1),
    "eight lines": made_panel(8),
    "a logarithmic axis": made_panel(log=True),
    "one point": made_panel(1, 1),
    "many points": made_panel(2, 200),
    "no share": made_panel(share=False),
    "a long label": made_panel(label="w" * 300),
    "an odd label": made_panel(label="$x_1$ \n <b> 🦄 \udce4"),
}


@pytest.mark.slow
@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("panel", LINES.values(), ids=LINES)
def test_lines_of_any_kind_are_drawn_for_page_and_paper(panel, joined):
    plot = line_plot("lines", panel, Scale("target", is_log=panel is LINES["a logarithmic axis"]), joined=joined)
    root = ET.fromstring(inline(plot).replace("xlink:href", "href").encode("utf-8", "replace"))
    assert re.fullmatch(r"0 0 360 [\d.]+", root.attrib["viewBox"])
    assert root.attrib["aria-label"].startswith("First prediction right over target.")
    files = paper(plot)
    assert files["png"].startswith(b"\x89PNG")
    ET.fromstring(files["svg"])


def test_a_page_takes_its_colours_from_its_style_sheet_and_paper_has_those_of_a_light_page():
    plot = line_plot("lines", made_panel(8), Scale("target"))
    on_page, on_paper = inline(plot), paper(plot)["svg"].decode()
    css = (TEMPLATE_FOLDER / "style.css.jinja").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    for word, colour in COLORS.items():
        if name := re.fullmatch(r"var\((--\w+)\)", word):
            assert f"{name[1]}: " in dark
            assert f"{name[1]}: {'#fff' if colour == '#ffffff' else colour};" in light
            assert word in on_page
            assert colour in on_paper
    assert not [stand_in for stand_in in STAND_INS if stand_in in on_page + on_paper]


def test_the_text_of_lines_has_their_first_middle_and_last_points():
    assert line_plot("lines", made_panel(2, 5), Scale("pictures")).alt == (
        "First prediction right over pictures. line 0: 50.0% at 0, 52.0% at 2, 54.0% at 4; "
        "line 1: 55.0% at 0, 57.0% at 2, 59.0% at 4."
    )


EPOCHS = {
    "usual": [0.3, 0.5, 0.6],
    "one epoch": [0.3],
    "100 epochs": list(np.linspace(0.1, 0.9, 100)),
    "all 0": [0.0] * 5,
    "all 1": [1.0] * 5,
    "some unknown": [None, 0.5, float("nan"), 0.6],
}


@pytest.mark.parametrize("is_share", [True, False])
@pytest.mark.parametrize("values", EPOCHS.values(), ids=EPOCHS)
def test_metrics_of_epochs_of_any_kind_are_drawn_for_page_and_paper(values, is_share):
    lines = [EpochLine("tuning", values), EpochLine("training", values[::-1])]
    plot = epoch_plot("epochs", "first prediction right", lines, len(values), is_share=is_share)
    svg = inline(plot)
    root = ET.fromstring(svg.replace("xlink:href", "href"))
    assert re.fullmatch(r"0 0 360 [\d.]+", root.attrib["viewBox"])
    assert "nan" not in svg.lower()
    assert paper(plot)["png"].startswith(b"\x89PNG")


def test_the_text_of_epochs_has_the_first_the_kept_and_the_last():
    lines = [EpochLine("tuning", [0.5, 0.61, 0.6, None]), EpochLine("training", [0.2, 0.4, 0.6, 0.7])]
    assert epoch_plot("e", "first prediction right", lines, 2, is_share=True).alt == (
        "First prediction right of each epoch. tuning: 50.0% after epoch 1, 61.0% after epoch 2, unknown after epoch "
        "4; training: 20.0% after epoch 1, 40.0% after epoch 2, 70.0% after epoch 4."
    )


def test_the_kept_epoch_is_marked():
    lines = [EpochLine("", [3.0, 2.0, 1.0])]
    marked, unmarked = (inline(epoch_plot("e", "loss", lines, kept)) for kept in (2, 0))
    assert marked.count("stroke-dasharray") == unmarked.count("stroke-dasharray") + 1


def test_without_any_value_there_is_no_plot():
    assert epoch_plot("e", "loss", [EpochLine("a", [None, float("inf")]), EpochLine("b", [])], 1) is None
