import base64
import csv
import hashlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from imagetagger.report.main import main
from PIL import Image

from imagetagger.report.comparison.page import TABLES, comparison_context, write_comparison
from imagetagger.report.comparison.runs import read_runs
from imagetagger.report.template import render_page
from tests.helpers.pages import Page
from tests.helpers.pictures import picture
from tests.helpers.sweeps import fail, grow, leave

EVIL = "</script><script>alert(1)</script> \" ' & {{ 7*7 }} \u202e $x_1$ שלום"


def read_picture(i):
    return picture(("red", "green", "blue")[i % 3], i)


def single(folder):
    leave(folder / "a")


def unmeasured(folder):
    leave(folder / "a", n=0)
    leave(folder / "b", "seed=1", n=0)


def apart(folder):
    """Runs on pictures of their own."""
    for i in range(3):
        leave(folder / str(i), f"seed={i}", keys=[f"{i}{k}" for k in range(30 + i)], n=30 + i)


def quantized(folder):
    float32 = {"top1": 0.7, "top5": 0.8, "top10": 0.9, "log_loss": 1.0, "ece": 0.1, "coverage": 0.9, "set_size": 2.0}
    float32 |= {"cosine_to_float": 1.0, "bytes": 9_000_000, "images_per_second": 200.0}
    int8 = float32 | {"top1": 0.69, "bytes": 2_000_000, "images_per_second": 500.0, "cosine_to_float": 0.99}
    leave(folder / "a", "export=all", variants={"float32": float32, "int8": int8})
    leave(folder / "b", "export=all", "seed=1", variants={"float32": float32, "int8": int8 | {"top1": None}})


def searched(folder):
    for i in range(5):
        leave(folder / str(i), f"classifier.variance_prior_strength={3**i}", f"classifier.shrinkage=0.{i}", right=0.2 * i)


def evil(folder):
    names = (EVIL, "plain", "third", "fourth")
    leave(folder / "a", names=names, experiment=EVIL, read=read_picture)
    leave(folder / "b", f"data.path='{EVIL.replace(chr(39), '')}'", names=names, experiment=EVIL, right=0.2)
    fail(folder / "c", EVIL, EVIL)
    (folder / "d").mkdir()
    (folder / "d" / "result.json").write_text(json.dumps({"schema": EVIL}))


KINDS = {
    "a sweep": grow,
    "one run": single,
    "no pictures": unmeasured,
    "other pictures each": apart,
    "quantized": quantized,
    "a search": searched,
    "evil names": evil,
}


@pytest.fixture(params=KINDS, scope="module")
def kind(request, tmp_path_factory):
    """A set of runs of each kind, its page's source, and what is in it."""
    folder = tmp_path_factory.mktemp("runs")
    KINDS[request.param](folder)
    found = read_runs([folder])
    source = render_page("many.html.jinja", **comparison_context(found))
    parsed = Page(source)
    assert parsed.complaints == []
    return found, source, parsed


def test_a_page_of_any_runs_has_unique_ids_and_is_the_same_twice(kind):
    found, source, parsed = kind
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", source)) <= set(ids)
    assert source == render_page("many.html.jinja", **comparison_context(found))


def test_a_page_of_any_runs_asks_the_network_for_nothing_and_runs_its_own_script_only(kind):
    _, source, parsed = kind
    assert not re.search(r"url\((?!#)|@import|javascript:", source)
    for tag, attributes in parsed.elements:
        assert not {name for name in attributes if name.startswith("on")}
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                assert value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
    policy = next(a["content"] for _, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    digests = re.fullmatch(
        r"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-(.*)'", policy
    )
    scripts = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts] == [digests[1]]
    assert {a.get("type") for tag, a in parsed.elements if tag == "script"} <= {None, "application/json"}


def test_every_plot_and_picture_of_any_runs_has_a_text_for_the_blind(kind):
    found, _, parsed = kind
    plots = [attributes for tag, attributes in parsed.elements if tag == "svg"]
    assert len(plots) == len(comparison_context(found)["plots"])
    assert all(plot["role"] == "img" and len(plot["aria-label"]) > 20 for plot in plots)
    assert all(len(attributes["alt"]) > 5 for tag, attributes in parsed.elements if tag == "img")


def test_no_runs_show_nan_or_none(kind):
    text = kind[2].said().replace("transform none", "").split('"use strict"')[0]
    assert not re.search(r"\b(nan|None|inf|Undefined)\b", text)


def test_every_run_has_a_row_and_the_table_says_its_figures(kind):
    found, source, parsed = kind
    assert source.count("<tr") >= len(found.runs)
    for run in found.runs:
        if run.figures["top1"] is not None:
            assert f"{100 * run.figures['top1']:.2f} %" in parsed.said()
            assert f'data-v="{run.figures["top1"]!r}"' in source


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = grow(tmp_path_factory.mktemp("sweep"), n=200)
    fail(folder / "bad", "it went wrong", "seed=7")
    (folder / "worse").mkdir()
    (folder / "worse" / "result.json").write_text("{")
    return folder


def told(folder):
    source = render_page("many.html.jinja", **comparison_context(read_runs([folder])))
    return Page(source).said()


def test_the_page_says_what_it_is_of(sweep):
    text = told(sweep)
    assert "12 runs that differ in per class, transform and seed. 1 job failed. 1 file could not be used." in text
    assert "it went wrong" in text
    assert "seed=7" in text
    assert "How much do more pictures help?" in text


def test_the_best_run_is_named_and_others_are_compared_with_it(sweep):
    text = told(sweep)
    assert re.search(r"Beside per class 50, whitened, seed \d , the best on these 200 pictures:", text)
    assert "over 66 pairs" in text
    assert re.search(r"< 0.0001 real", text)
    assert "may be chance" in text


def test_runs_on_other_pictures_are_not_compared_and_it_is_said(tmp_path):
    apart(tmp_path)
    assert "No two runs were tried on the same pictures, so none are compared." in told(tmp_path)
    leave(tmp_path / "like 0", "evaluate.bootstrap_resamples=7", right=0.1, keys=[f"0{k}" for k in range(30)], n=30)
    text = told(tmp_path)
    assert "Runs tried on different pictures are not compared; 2 runs had pictures" in text


def test_settings_that_come_with_another_are_named_below_the_table(sweep):
    assert "classifier.variance_prior_strength (classifier.transform)" in told(sweep)


def test_other_code_packages_machines_and_data_are_warned_of(tmp_path):
    leave(tmp_path / "a", change={"revision": {"commit": "a" * 40, "changed": False}})
    other = {"revision": {"commit": "b" * 40, "changed": True}, "versions": {"jax": "0.0.1"}, "machine": {"cores": 96}}
    leave(tmp_path / "b", change={**other, "data": {"fingerprint": "other"}})
    text = told(tmp_path)
    assert "The code differs: aaaaaaaa (1 run), bbbbbbbb and changes (1 run)." in text
    assert "1 of 2 runs came from code that differed from its commit" in text
    assert re.search(r"The version of jax differs: [\d.]+ \(1 run\), 0.0.1 \(1 run\)", text)
    assert "The machine differs" in text
    assert "the same settings of the data gave different data" in text


def test_runs_made_alike_are_warned_of_nothing(tmp_path):
    for seed in (0, 1):
        leave(tmp_path / str(seed), f"seed={seed}", change={"revision": {"commit": "a" * 40, "changed": False}})
    assert "differs" not in told(tmp_path)


def test_the_folder_holds_the_page_a_table_and_every_plot_twice(sweep, tmp_path):
    write_comparison(read_runs([sweep]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", *TABLES, "plots"}
    names = {path.stem for path in (tmp_path / "plots").iterdir()}
    assert {"top1_by_pictures", "reliability_after", "set_size_by_held"} <= names
    for name in names:
        with Image.open(tmp_path / "plots" / f"{name}.png") as drawn:
            assert 900 < drawn.width < 1300
        source = (tmp_path / "plots" / f"{name}.svg").read_text()
        assert ET.fromstring(source).tag.endswith("svg")
        assert "#1b6ca8" in source
        assert "var(--" not in source


def test_the_table_file_has_every_figure_in_full(sweep, tmp_path):
    found = read_runs([sweep])
    write_comparison(found, tmp_path)
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    assert len(rows) == 12
    for row, run in zip(rows, found.runs, strict=True):
        assert float(row["top1"]) == run.figures["top1"]
        assert [float(row["top1_low"]), float(row["top1_high"])] == run.result["confidence_intervals"]["top1"]
        assert row["data.per_class"] == str(run.settings["data.per_class"])
        assert row["classifier.transform"] == run.settings["classifier.transform"]
        assert row["config_digest"] == run.result["config_digest"]
        assert "nan" not in row.values()


def test_the_other_tables_have_every_demand_and_every_variant(sweep, tmp_path):
    found = read_runs([sweep])
    write_comparison(found, tmp_path)
    demands, variants = (
        list(csv.DictReader((tmp_path / name).read_text().splitlines())) for name in ("demands.csv", "variants.csv")
    )
    told = [run.result["demands"] for run in found.runs]
    assert [float(row["set_size"]) for row in demands] == [size for one in told for size in one["set_size"]]
    assert {row["classifier.transform"] for row in demands} == {"none", "whitened"}
    assert [float(row["top1"]) for row in variants] == [run.figures["top1"] for run in found.runs]
    assert {row["variant"] for row in variants} == {"float32"}
    points = list(csv.DictReader((tmp_path / "studies.csv").read_text().splitlines()))
    assert {row["axis"] for row in points} == {"data.per_class"}
    assert {(row["line"], row["x"]) for row in points} >= {("transform none", "8.0"), ("whitened", "200.0")}
    assert {row["runs"] for row in points} == {"2"}


def call(*arguments, capsys):
    try:
        main(list(map(str, arguments)))
    except SystemExit as stopped:
        return str(stopped.code), *capsys.readouterr()
    return "", *capsys.readouterr()


def test_the_command_says_what_it_read_and_where_it_wrote(sweep, tmp_path, capsys):
    code, out, err = call(sweep, "--out", tmp_path / "out", capsys=capsys)
    assert code == ""
    assert out == f"12 runs, 1 failed, 1 skipped. Report in {tmp_path / 'out' / 'report.html'}\n"
    assert "worse/result.json: skipped: is no JSON" in err
    assert (tmp_path / "out" / "report.html").exists()


def test_a_report_goes_into_the_folder_of_its_runs_and_never_over_that_of_a_single_run(tmp_path, monkeypatch, capsys):
    run = leave(tmp_path / "sweep" / "run")
    (run / "report.html").write_text("its own")
    monkeypatch.chdir(tmp_path)
    assert "Report in report/report.html" in call(run, capsys=capsys)[1]
    assert str(tmp_path / "sweep" / "report.html") in call(tmp_path / "sweep", capsys=capsys)[1]
    assert "its own: choose another with --out" in call(tmp_path, "--out", run, capsys=capsys)[0]
    assert (run / "report.html").read_text() == "its own"


def test_without_runs_the_command_says_what_it_looked_for(tmp_path, capsys):
    assert f"looked for result.json in {tmp_path} and below" in call(tmp_path, capsys=capsys)[0]


def test_the_report_needs_no_jax():
    code = "import sys; from imagetagger.report import many, runs; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
