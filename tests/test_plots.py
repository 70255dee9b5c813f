import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from made import some

from imagetagger import metrics
from imagetagger.calibration import probabilities
from imagetagger.report import plots

THRESHOLDS = np.array([1e-9, 0.3, 0.5, 0.9, 0.99, 1.0])


def drawn(n=60, tags=8):
    scores, truth = some(n, tags)
    return plots.curve(probabilities(scores, 60.0), truth, THRESHOLDS)


def draw_all(threshold=0.9, bins=15, n=60, name=""):
    count = np.zeros(bins)
    count[-1] = n
    return [
        plots.reliability(f"reliability{name}", count, count * 0.98, np.floor(count * 0.6)),
        plots.coverage(f"coverage{name}", drawn(), threshold),
        plots.size(f"size{name}", drawn(), threshold),
        plots.size_histogram(f"histogram{name}", np.arange(1, n + 1).astype(float)),
    ]


def test_a_curve_agrees_with_the_metrics_at_every_threshold():
    scores, truth = some(200, 8)
    truth = truth | np.roll(truth, 3, axis=1) & (np.arange(200) % 2 == 0)[:, None]
    found = plots.curve(probabilities(scores, 60.0), truth, THRESHOLDS)
    for threshold, coverage, size in zip(*found, strict=True):
        figures = metrics.compute(metrics.total(metrics.observe(scores, truth, 60.0, threshold)))
        assert coverage == pytest.approx(figures["coverage"])
        assert size == pytest.approx(figures["set_size"])


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_a_plot_is_an_element_that_scales_with_its_place_and_has_a_text(threshold, n):
    for svg in draw_all(threshold, n=n):
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
    svg = plots.size_histogram("h", np.arange(1, 1001).astype(float))
    assert "from 1 to 1000, median 500.5" in svg
    assert svg.count("<path") < 3 * plots.MOST_BARS


def test_the_texts_say_what_is_drawn():
    curve, scores = drawn(), np.array([0.0, 4, 6])
    at = np.flatnonzero(THRESHOLDS == 0.9)[0]
    assert f"{100 * curve.coverage[at]:.1f} % at 0.9" in plots.coverage("c", curve, 0.9)
    assert f"{curve.size[at]:.1f} at 0.9" in plots.size("s", curve, 0.9)
    said = plots.reliability("r", np.array([0, 10, 10]), scores, np.array([0, 5, 9]))
    assert "confidence 40 %: 50 % right; confidence 60 %: 90 % right." in said
