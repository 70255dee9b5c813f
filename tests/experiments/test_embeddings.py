"""Studies on embeddings of Tiny ImageNet, shrunk to three colours and a small network."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.classifiers import rivals
from experiments.classifiers import run as classifiers
from experiments.common import embeddings
from experiments.common.classifiers import evaluate_run, fit_run
from experiments.common.embeddings import compose_settings
from experiments.common.tables import read_csv
from experiments.online_learning import methods
from experiments.online_learning import run as online_learning
from experiments.online_learning import stream as stream_study
from experiments.prediction_sets import novelty
from experiments.prediction_sets import run as prediction_sets
from experiments.quantization import recovery
from experiments.reproduction import run as reproduction
from imagetagger.classifier.fit import fit_embedding_scatter
from imagetagger.classifier.reference import fit_reference
from imagetagger.experiment.stage_cache import StageResult
from tests.experiments.data import FEATURES, OVERRIDES, arguments, embed_few_features, tiny_imagenet_folder
from tests.helpers.composed import small_weights

pytestmark = pytest.mark.slow

DIMENSIONS = 40
"""Of made reference statistics."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_imagenet_folder(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture
def few_features(monkeypatch):
    for study in (classifiers, online_learning, prediction_sets, recovery, reproduction):
        monkeypatch.setattr(study, "embed_tiny_imagenet", embed_few_features)


def check_figure(out):
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_all_pictures_are_embedded(source, capsys):
    embeddings.main(arguments(source))
    assert "float32: (60, 1280) to fit, (12, 1280) to evaluate" in capsys.readouterr().out


def test_reference_statistics_are_used_where_the_settings_ask_for_them(source):
    embedded = embed_few_features(source, str(small_weights()))
    scatter = fit_embedding_scatter(embedded.x, embedded.splits.value.labels, embedded.tags)
    embedded = embedded._replace(reference=StageResult("made", fit_reference(scatter, None, DIMENSIONS)))
    settings = compose_settings("+experiment=whitened", *OVERRIDES)
    assert fit_run(embedded, settings.classifier).transform.weights.shape == (FEATURES, DIMENSIONS)
    plug_in = replace(settings.classifier, reference="none")
    assert fit_run(embedded, plug_in).transform.weights.shape == (FEATURES, FEATURES)
    evaluation = evaluate_run(settings, embedded)
    assert evaluation.classifier.transform.weights.shape == (FEATURES, DIMENSIONS)
    assert evaluation.train == 30
    assert evaluation.metrics["top1"] > 0.4  # chance is 0.33


def test_classifiers(few_features, source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classifiers, "NETWORKS", (("mobilenet_v2", "float32"),))
    monkeypatch.setattr(rivals, "PROJECTIONS", 50)
    with jax.numpy_dtype_promotion("standard"):  # optax relies on it
        classifiers.main(arguments(source, tmp_path))
    rows = {row["classifier"]: row for row in read_csv(tmp_path / "results.csv")}
    assert set(rows) == {*classifiers.CORNERS, "RanPAC", "linear probe"}
    assert all(float(row["top1"]) > 0.4 for row in rows.values())  # chance is 0.33
    assert int(rows["gnb"]["bytes_per_tag"]) == 4 * (1 + 2 * FEATURES)
    assert int(rows["RanPAC"]["bytes_per_tag"]) == 4 * 50
    assert "| mobilenet_v2 float32 | whitened |" in capsys.readouterr().out
    check_figure(tmp_path)


def test_prediction_sets(few_features, source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(novelty, "NEW_TAGS", 1)
    monkeypatch.setattr(novelty, "DRAWS", 2)
    monkeypatch.setattr(prediction_sets, "CURVE_TARGETS", np.array([0.5, 0.75]))
    prediction_sets.main(arguments(source, tmp_path))
    rows = read_csv(tmp_path / "results.csv")
    assert {row["variant"] for row in rows} == {"float32", "int8"}
    assert {row["rule"] for row in rows} == {*prediction_sets.RULES, "top_k"}
    assert all(0 <= float(row["coverage"]) <= 1 <= float(row["size"]) for row in rows)
    assert {row["size"] for row in rows if (row["rule"], row["target"]) == ("top_k", "3")} == {"3.0"}
    assert "| | above the background | first probability |" in capsys.readouterr().out
    check_figure(tmp_path)


def test_online_learning(few_features, source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(methods, "NEW_TAGS", 1)
    monkeypatch.setattr(online_learning, "PICTURES", (1, 5))
    monkeypatch.setattr(stream_study, "WINDOW", 5)
    monkeypatch.setattr(stream_study, "COVERAGE", 0.75)
    online_learning.main([*arguments(source, tmp_path), "--splits", "2"])
    rows = read_csv(tmp_path / "results.csv")
    assert {row["method"] for row in rows} == {online_learning.BATCH, *methods.ALL_METHODS}
    assert {row["pictures"] for row in rows} == {"all", "1", "5"}
    exact = [float(row["new"]) for row in rows if (row["method"], row["pictures"]) == ("exact", "5")]
    assert min(exact) > 0.5
    printed = capsys.readouterr().out
    assert "| adapted |" in printed
    assert "in LiteRT: 100.00 % of first predictions equal JAX's" in printed
    check_figure(tmp_path)


def test_recovery_of_quantization(few_features, source, capsys):
    recovery.main(arguments(source))
    lines = capsys.readouterr().out.splitlines()
    pairs = [line.split("|")[1:4] for line in lines[2:]]
    assert [[cell.strip() for cell in pair] for pair in pairs] == [
        [classifier, *pair] for classifier in ("gnb", "whitened") for pair in recovery.PAIRS
    ]


def test_reproduction(few_features, source, tmp_path):
    reproduction.main(arguments(source, tmp_path))
    rows = read_csv(tmp_path / "results.csv")
    formulas = ["published", "evaluation", "app", "ours, gnb", "ours, whitened"]
    assert [(row["network"], row["formula"]) for row in rows] == [
        (network, formula) for network in ("float32", "int8") for formula in formulas
    ]
    assert rows[0]["coverage"] == ""
    assert all(0 <= float(row["coverage"]) <= 1 for row in rows if row["formula"] != "published")
    check_figure(tmp_path)
