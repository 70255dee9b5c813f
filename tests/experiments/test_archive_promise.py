"""The study on promised precision, on made-up pictures and a small bundle."""

import numpy as np
import pytest

from experiments.archive_promise import run
from experiments.archive_promise.draws import believed, measure, observed, probabilities, promised, score_draw
from experiments.common.tables import read_csv
from imagetagger.bundle.archive import write_folder
from tests.helpers.bundles import WHITENED, bundle_files
from tests.helpers.pictures import colour_folder

TAGS, FEATURES = 4, 6


@pytest.fixture(scope="module")
def draw():
    rng = np.random.default_rng(0)
    y = np.arange(240) % TAGS
    x = (5 * rng.normal(size=(TAGS, FEATURES))[y] + rng.normal(size=(240, FEATURES))).astype(np.float32)
    truth = np.eye(TAGS, dtype=bool)[y]

    def score(embedding, rows):
        return -np.square(embedding - rows.mean).sum(1) / 2

    others = 20 * rng.normal(size=(30, FEATURES)).astype(np.float32)
    return score_draw(x, truth, np.arange(240) < 120, truth, others, score)


def test_a_draw_scores_labelled_pictures_the_rest_and_others(draw):
    assert draw.labelled.shape == draw.rest.shape == (120, TAGS + 1)
    assert draw.others.shape == (30, TAGS + 1)
    assert (draw.rest[:, :TAGS].argmax(1) == draw.truth.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("rule", [promised, observed, believed])
@pytest.mark.parametrize("with_rivals", [True, False])
def test_every_rule_is_measured(draw, rule, with_rivals):
    p = probabilities(draw, with_rivals=with_rivals)
    measured = measure(draw, p, rule(draw, p, 0.95))
    assert measured["precision"] >= 0.95
    assert measured["recall"] > 0.3
    assert measured["beside_others"] <= measured["precision"]
    assert (measured["pooled"] > 0) == (rule is promised)


@pytest.mark.slow
def test_the_study_runs_and_is_laid_out(tmp_path, monkeypatch, capsys):
    write_folder(bundle_files(*WHITENED), tmp_path / "bundle")
    folder, others = colour_folder(tmp_path / "pictures", 30), colour_folder(tmp_path / "others", 2)
    monkeypatch.setattr(run, "BROADER", {"colour": {path.name for path in list(folder.iterdir())[:2]}})
    run.main(
        [str(folder), str(others), "--bundle", str(tmp_path / "bundle"), "--draws", "2", "--out", str(tmp_path / "out")]
    )
    printed = capsys.readouterr().out
    assert "| names, a third | 90 % |" in printed
    assert "| probability at its word | 95 % |" in printed
    rows = read_csv(tmp_path / "out" / "results.csv")
    assert len(rows) == len(run.SETTINGS) * 2 * len(run.RULES) * len(run.TARGETS)
    assert (tmp_path / "out" / "figure.png").exists()
