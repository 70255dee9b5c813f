import functools
import re

import numpy as np
import pytest

from imagetagger.data.dataset import Skip
from imagetagger.experiment.record import BaselineRecord, ParityRecord
from imagetagger.report.formatting import number, probability, share_in_words
from imagetagger.report.run.page import render_run_report, write_run_report
from tests.helpers.made import RULES_MADE, missing, outcome, some
from tests.helpers.pages import page
from tests.helpers.pictures import encode, noisy, picture

pytestmark = pytest.mark.slow

EVIL = {
    "script": "<script>alert(1)</script>",
    "quotes": '" onload="x" \' `',
    "entity": "&amp; &#60;b&#62; {{ 7*7 }} {% raw %}",
    "comment": "--> </style></svg> <!--",
    "emoji": "🦄 café",
    "rtl": "\u202eright to left שלום",
    "surrogate": "half \udce4",
    "long": "w" * 3000,
    "newline": "two\nlines\t",
    "dollars": "$x_1$ \\frac",
}


def read(i):
    return picture(("red", "green", "blue")[i % 3], i)


def only(share, n=20, tags=4):
    return some(n, tags, right=share)


def two_tags_each():
    scores, labels_onehot = some(tags=6)
    return scores, labels_onehot | np.roll(labels_onehot, 1, axis=1)


KINDS = {
    "usual": some(),
    "many tags": some(400, 40),
    "no pictures": tuple(part[:0] for part in some()),
    "one picture, right": only(1.0, 1),
    "one picture, wrong": only(0.0, 1),
    "all right": only(1.0),
    "all wrong": only(0.0),
    "two tags": some(tags=2),
    "several tags a picture": two_tags_each(),
    **{f"sets by {rule}": some(200) for rule in RULES_MADE},
    "an impossible tag": (np.where(np.arange(4) == 3, -np.inf, some()[0]).astype(np.float32), some()[1]),
}


@pytest.fixture(params=KINDS, scope="module")
def kind(request):
    """An outcome of each kind, its page's source, and what is in it."""
    decision = RULES_MADE.get(request.param.removeprefix("sets by "), RULES_MADE["lac"])
    output = outcome(*KINDS[request.param], read=read, decision=decision)
    return output, *page(output)


def test_a_page_of_any_outcome_has_unique_ids_and_is_the_same_twice(kind):
    output, source, parsed = kind
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", source)
    assert set(targets) <= set(ids)
    assert source == render_run_report(output, examples=4, seed=0)


def test_a_page_of_any_outcome_asks_the_network_for_nothing(kind):
    _, source, parsed = kind
    assert not re.search(r"url\((?!#)|@import|javascript:", source)
    assert "script" not in {tag for tag, _ in parsed.elements}
    for tag, attributes in parsed.elements:
        assert not {name for name in attributes if name.startswith("on")}
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                assert value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
            elif not name.startswith("xmlns"):
                assert "//" not in value
    policy = next(a["content"] for _, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_every_plot_and_picture_of_any_outcome_has_a_text_for_the_blind(kind):
    output, _, parsed = kind
    plots = [attributes for tag, attributes in parsed.elements if tag == "svg"]
    assert len(plots) == (6 if len(output.evaluation.data.labels_onehot) else 0)
    assert all(plot["role"] == "img" and len(plot["aria-label"]) > 20 for plot in plots)
    assert all(len(attributes["alt"]) > 5 for tag, attributes in parsed.elements if tag == "img")
    assert parsed.elements[0] == ("html", {"lang": "en"})


def test_no_outcome_shows_nan_or_none(kind):
    assert not re.search(r"\b(nan|None|inf|Undefined)\b", kind[2].all_text())


def test_the_metrics_shown_are_those_of_the_record():
    output = outcome(*some(200, 12))
    record = output.record
    metrics, before, text = record.calibration.after, record.calibration.before, page(output)[1].all_text()
    for name, label in (("top1", "Top-1"), ("top5", "Top-5"), ("top10", "Top-10"), ("coverage", "Coverage")):
        low, high = record.confidence_intervals[name]
        assert f"{label} {100 * getattr(metrics, name):.1f} % 95 %: {100 * low:.1f} to {100 * high:.1f} %" in text
    assert f"Set size {metrics.set_size:.2f} " in text
    assert f"Calibration error {100 * metrics.ece:.1f} % " in text
    assert f"Log loss {metrics.log_loss:.2f} " in text
    assert f"Calibration error {100 * before.ece:.1f} %, log loss {before.log_loss:.2f}." in text
    selected = re.search(r"0\.9 this run ([\d.]+) % ([\d.]+)", text)
    assert selected.groups() == (f"{100 * metrics.coverage:.1f}", f"{metrics.set_size:.2f}")
    assert "12 tags learned from 100 pictures and evaluated on 200 pictures never seen before" in text
    assert "seed 0" in text


def test_without_validation_pictures_the_page_says_so_and_shows_no_metrics():
    text = page(outcome(*KINDS["no pictures"]))[1].all_text()
    assert "4 tags learned from 100 pictures, and no pictures to evaluate them on." in text
    assert "nothing could be evaluated" in text
    assert "Top-1" not in text


@pytest.mark.parametrize(
    ("name", "there", "absent"), [("all right", "Right", "Wrong"), ("all wrong", "Wrong", "Right")]
)
def test_a_kind_of_example_that_does_not_exist_has_no_heading(name, there, absent):
    source, _ = page(outcome(*KINDS[name], read=read))
    assert f"<h3>{there}</h3>" in source
    assert f"<h3>{absent}</h3>" not in source
    assert ("Most frequent confusions" in source) == (name == "all wrong")


def test_as_many_examples_are_shown_as_configured():
    output = outcome(*some(), read=read)
    for count in (0, 1, 3):
        source, parsed = page(output, count)
        assert len([1 for _, attributes in parsed.elements if attributes.get("class") == "picture"]) == 2 * count
        assert ("<h2>Examples</h2>" in source) == (count > 0)


def test_a_picture_that_cannot_be_read_any_more_is_named_as_such():
    source, parsed = page(outcome(*some(), read=missing))
    assert source.count("cannot be shown") == 8
    assert "img" not in {tag for tag, _ in parsed.elements}


@pytest.mark.parametrize("data", [b"", b"no picture", picture("red", 0)[:200], encode(noisy((1, 2, 3), 0, (1, 900)))])
def test_odd_pictures_do_not_cost_the_page(data):
    page(outcome(*some(), read=lambda i: data))


@functools.cache
def plain_elements():
    parsed = page(outcome(*some(), read=read, skipped=(Skip("a", "b"),)))[1]
    return [(tag, set(attributes)) for tag, attributes in parsed.elements]


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_evil_names_are_shown_as_text(evil, tmp_path):
    skipped = (Skip(evil, f"reason {evil}"),)
    keys = [f"{evil}/{i}.png" for i in range(60)]
    tag = evil.encode("utf-8", "replace").decode()  # as loading requires of the names of tags
    names = (tag, "plain", f"{tag}!", "other")
    output = outcome(*some(), names=names, keys=keys, skipped=skipped, experiment=evil, read=read)
    source, parsed = page(output)
    assert [(tag, set(attributes)) for tag, attributes in parsed.elements] == plain_elements()
    assert evil in "".join(parsed.text)
    assert "<script>alert" not in source
    write_run_report(output, tmp_path / "report.html", examples=4, seed=0)
    (tmp_path / "report.html").read_text("utf-8")


def test_skipped_pictures_are_listed_and_the_unlisted_counted():
    skipped = tuple(Skip(f"bad/{i}.png", f"reason {i}") for i in range(1203))
    text = page(outcome(*some(), skipped=skipped))[1].all_text()
    assert "1,203 pictures skipped" in text
    assert "bad/999.png reason 999" in text
    assert "bad/1000.png" not in text
    assert "and 203 more" in text


def test_tags_without_validation_pictures_are_counted():
    scores, labels_onehot = some(tags=4)
    rows = ~labels_onehot[:, 3]
    text = page(outcome(scores[rows], labels_onehot[rows]))[1].all_text()
    assert "1 tag of 4 had no validation picture and is left out." in text


def test_another_seed_shows_other_pictures():
    output = outcome(*some(200), read=read)
    assert render_run_report(output, examples=4, seed=0) != render_run_report(output, examples=4, seed=1)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "almost always"),
        (0.0, "almost never"),
        (0.5, "about 5 times in 10"),
        (0.02, "about 2 times in 100"),
        (0.26, "about 1 time in 4"),
        (0.75, "about 3 times in 4"),
        (0.78, "about 8 times in 10"),
        (0.1, "about 1 time in 10"),
        (None, "an unknown share of the time"),
        (float("nan"), "an unknown share of the time"),
    ],
)
def test_shares_in_words(share, text):
    assert share_in_words(share) == text


def test_a_probability_never_rounds_to_certain_or_impossible():
    assert probability(1 - 1e-9).startswith(">99.9")
    assert probability(1e-9).startswith("<0.1")
    assert probability(0.5).startswith("50.0")


def test_numbers_that_are_missing_or_infinite_have_a_sign():
    values = (None, float("nan"), float("inf"), -float("inf"), 1.234, np.float64(-1.5))
    assert [number(value) for value in values] == ["–", "–", "∞", "−∞", "1.23", "−1.50"]


def variant(**changed):
    shares = {"top1": 0.5, "top5": 0.7, "top10": 0.8, "coverage": 0.9, "set_size": 2.5}
    return {**shares, "bytes": 2_714_392, "images_per_second": 528.2, "cosine_to_float": 0.9952, **changed}


def exported(train=100, **record):
    float32 = variant(bytes=8_869_872, cosine_to_float=1.0, train=train)
    return outcome(*some(), "export=int8", variants={"float32": float32, "int8": variant()}, **record)


def test_the_variant_that_leads_comes_first_and_the_one_in_the_bundle_is_marked():
    text = page(exported(bundled_variant="int8"))[1].all_text()
    assert "All metrics are those of int8, the variant in the bundle." in text
    assert "float32 8.87 MB 528 1.0000 50.00 %" in text
    assert "int8 in the bundle 2.71 MB 528 0.9952 50.00 % 70.00 % 80.00 % 90.0 % 2.50" in text
    assert "The bundle holds int8." in text
    assert text.index("int8 in the bundle") < text.index("float32 8.87 MB")
    refused = page(exported())[1].all_text()
    assert "All metrics are those of int8." in refused
    assert "in the bundle" not in refused


def test_training_pictures_of_variants_are_shown_if_they_differ():
    text = page(exported(train=40))[1].all_text()
    assert "Variant Training pictures Size" in text
    assert "float32 40 8.87 MB" in text
    assert "int8 100 2.71 MB" in text
    assert "Training pictures" not in page(exported())[1].all_text()


@pytest.mark.parametrize(("p", "text"), [(0.0213, "p = 0.021."), (1e-9, "p < 0.0001.")])
def test_parity_with_the_reference_is_shown_with_its_paired_test(p, text):
    parity = ParityRecord("float32", 20_000, 1_234, 0.99521, 31, 17, p, 0.6012, 0.6125)
    shown = page(exported(parity=parity))[1].all_text()
    assert (
        "int8 beside float32, both fitted on the same 20,000 training pictures and evaluated on 1,234: "
        "cosine 0.9952; top-1 60.12 % and 61.25 %. Only float32 got 31 pictures right, only int8 17: McNemar's " + text
    ) in shown
    assert "McNemar" not in page(exported())[1].all_text()


def test_without_an_export_the_page_has_no_variants():
    text = page(outcome(*some()))[1].all_text()
    assert "Which variant is bundled?" not in text
    assert "All metrics are those of" not in text


def test_baselines_are_rows_beside_the_run_with_their_paired_test():
    baselines = [
        BaselineRecord("linear_svm", 41, 60, 0.6833, 0.6712, 3, 9, 0.146),
        BaselineRecord("nearest_centroid", 20, 60, 0.3333, None, 0, 24, 1e-8),
    ]
    output = outcome(*some(), baselines=baselines)
    text = page(output)[1].all_text()
    top1 = output.record.calibration.after.top1
    assert f"this run {100 * top1:.2f} % {100 * top1:.2f} %" in text  # each tag has as many pictures
    assert "linear SVM 68.33 % 67.12 % 3 9 0.15" in text
    assert "nearest centroid 33.33 % – 0 24 < 0.0001" in text
    assert "How good are other classifiers?" not in page(outcome(*some()))[1].all_text()
