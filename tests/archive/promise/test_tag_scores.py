import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.archive.promise.evidence import find_evidence
from imagetagger.archive.promise.tag_scores import rival_tags, tag_scores


def test_a_score_is_the_ratio_to_the_background_or_the_best_rival():
    scores = np.array([[10.0, 4.0, -3.0], [-5.0, -1.0, -2.0]])
    rivals = np.array([[False, True, False], [True, False, False], [False, False, False]])
    background, prior = np.array([1.0, 0.0]), np.zeros(3)
    np.testing.assert_array_equal(tag_scores(scores, background, prior), [[9, 3, -4], [-5, -1, -2]])
    np.testing.assert_array_equal(tag_scores(scores, background, prior, rivals), [[6, -6, -4], [-5, -1, -2]])


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_the_best_rival_is_found_in_any_order(seed, tags):
    rng = np.random.default_rng(seed)
    scores, background = rng.normal(size=(9, tags)).round(1), rng.normal(size=9).round(1)
    rivals = rng.random((tags, tags)) < 0.4
    np.fill_diagonal(rivals, False)
    log_prior = np.where(rng.random(tags) < 0.2, -np.inf, rng.normal(size=tags))
    likelihood = np.where(np.isfinite(log_prior), scores - np.where(np.isfinite(log_prior), log_prior, 0), -np.inf)
    expected = [
        [row[k] - max([b, *row[rivals[k]]]) for k in range(tags)] for row, b in zip(likelihood, background, strict=True)
    ]
    np.testing.assert_allclose(tag_scores(scores, background, log_prior, rivals), expected, atol=1e-12)


def test_tags_that_are_hardly_ever_together_are_rivals():
    labels = np.zeros((60, 4), bool)
    labels[:20, 0] = labels[19:40, 1] = True  # once together, of 20
    labels[:3, 2] = True  # always with the first
    assert rival_tags(labels).tolist() == [
        [False, True, False, True],
        [True, False, True, True],
        [False, True, False, True],
        [True, True, True, False],
    ]


def test_what_is_evidence_is_an_explicit_assumption():
    labels = np.array([[True, False], [False, False]])
    assert find_evidence(labels).tolist() == [[True, True], [False, False]]
    assert find_evidence(labels, "all").all()
    with pytest.raises(ValueError, match="got negatives='some', expected 'tagged' or 'all'"):
        find_evidence(labels, "some")
