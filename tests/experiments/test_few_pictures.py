"""The study on few pictures, on made-up embeddings."""

import numpy as np
import pytest

from experiments.few_pictures import bursts
from experiments.few_pictures.draws import NEW_PICTURES, Pictures, draw_small, draws
from experiments.few_pictures.methods import fit_before, fit_tagger, score_refits, score_taught
from experiments.few_pictures.run import accuracies, accuracy_table, auroc, certainty, certainty_table
from imagetagger.data.folder import load_folder
from tests.helpers.composed import settings
from tests.helpers.pictures import colour_folder

TAGS, FEATURES = 14, 16


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(TAGS), 60)
    x = 3 * rng.normal(size=(TAGS, FEATURES))[y] + rng.normal(size=(len(y), FEATURES))
    return Pictures(x.astype(np.float32), y, None)


def test_draws_are_repeatable_and_never_test_what_they_learn(source):
    first, again = draw_small(source, 3, 8, 1), draw_small(source, 3, 8, 1)
    np.testing.assert_array_equal(first.x, again.x)
    assert first.x.shape == (24, FEATURES)
    assert len(first.x_new) == NEW_PICTURES
    parts = [first.x, first.x_test, first.x_new, first.x_new_test]
    assert len(np.unique(np.concatenate(parts), axis=0)) == sum(map(len, parts))
    assert not np.array_equal(first.x, draw_small(source, 3, 8, 2).x)


def test_every_size_is_drawn_with_every_seed(source):
    keys = [key for *key, _ in draws(dict.fromkeys(("waste", "animals", "tiny"), source), 2)]
    assert len(keys) == 16
    assert ["animals", 12, 40, 1] in keys


@pytest.mark.slow
def test_every_method_is_measured_and_laid_out(source):
    config, rows = settings("+experiment=whitened"), []
    draw = draw_small(source, 3, 8, 0)
    fitted = fit_tagger(draw, config.classifier, 0)
    before = fit_before(draw, config.classifier, 0)
    assert float(np.asarray(before.statistics.count).sum()) == 24 - 6 - 3  # a fifth held out, a tenth to calibrate
    methods = {"imagetagger": score_taught(fitted.classifier, draw), "imagetagger before": score_taught(before, draw)}
    for method, scorer in (methods | score_refits(draw)).items():
        row = {"data": "made", "tags": 3, "pictures": 8, "seed": 0, "method": method} | accuracies(draw, scorer)
        if method == "imagetagger":
            row |= certainty(draw, fitted, config.calibrate, [source.x + 50])
            assert row["unknown_others"] > row["unknown_known"]
        rows.append(row)
    assert len(rows) == 7
    assert all(row["accuracy"] > 0.9 for row in rows if row["method"] in ("LDA (Ledoit-Wolf)", "logistic regression"))
    assert all(0 <= row[key] <= 1 for row in rows for key in row if key.startswith(("new_", "old_")))
    assert "| made 3 x 8 |" in accuracy_table(rows)
    assert "| all |" in certainty_table(rows)


def test_auroc_counts_pairs():
    assert auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == 7 / 8


def test_bursts_of_one_original_are_in_one_folder(tmp_path):
    bursts.main([str(colour_folder(tmp_path / "pictures", 4)), str(tmp_path / "out"), "--originals", "2"])
    learn, test = (load_folder(tmp_path / "out" / name).train for name in ("learn", "test"))
    assert len(learn.ids) == len(test.ids) > 0
    assert not set(learn.ids) & set(test.ids)
