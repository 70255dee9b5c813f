import numpy as np
import pytest

from imagetagger.archive.promise.tag_promises import pooled_candidates, promise_tags, promised_tags


def made(counts, seed=0, wrong=0.0):
    """Labelled pictures of tags that exclude each other, and probabilities that are right but for a share."""
    rng = np.random.default_rng(seed)
    tag = np.repeat(np.arange(len(counts)), counts)
    labels = np.eye(len(counts), dtype=bool)[tag]
    guess = np.where(rng.random(len(tag)) < wrong, rng.integers(0, len(counts), len(tag)), tag)
    probability = np.where(np.eye(len(counts), dtype=bool)[guess], 0.99, 0.01) - rng.random(labels.shape) / 1000
    return probability, labels, np.ones_like(labels)


def test_tags_with_many_pictures_are_promised_alone_and_those_with_few_together():
    promises = promise_tags(*made([100, 40, 30, 0]))
    assert [promise.pooled for promise in promises] == [False, True, True, False]
    assert [promise.evidence for promise in promises] == [100, 70, 70, 0]
    assert promises[3].threshold is None
    assert promises[1].threshold == promises[2].threshold
    assert {promise.needed for promise in promises} == {59}
    assert promises[0].expected_precision == 100.5 / 101
    assert [promise.expected_recall for promise in promises] == [1, 1, 1, None]


def test_too_few_pictures_in_all_promise_nothing_and_say_how_many_it_takes():
    promises = promise_tags(*made([20, 30]))
    assert [promise.threshold for promise in promises] == [None, None]
    assert [(promise.evidence, promise.needed) for promise in promises] == [(20, 59), (30, 59)]
    assert not any(promise.pooled for promise in promises)


def test_a_tag_with_many_pictures_that_fails_does_not_hide_among_those_with_few():
    probability, labels, is_evidence = made([150, 40, 40])
    probability[:50, 0] = 0.001
    probability[150:200, 0] = 0.999  # wrong
    promises = promise_tags(probability, labels, is_evidence)
    assert promises[0].threshold is None
    assert promises[0].evidence == 150
    assert promises[0].needed > 1000  # with 50 wrong ones
    assert promises[1].pooled


def test_a_tag_that_affords_no_wrong_picture_and_has_one_is_pooled():
    probability, labels, is_evidence = made([70, 200, 50])
    labels[75, 0] = False
    probability[75, 0] = 0.9999
    promises = promise_tags(probability, labels, is_evidence)
    assert [promise.pooled for promise in promises] == [True, False, True]
    assert promises[0].needed == 93


def test_pictures_of_one_group_count_once():
    probability, labels, is_evidence = made([100])
    groups = np.arange(100) // 2
    assert promise_tags(probability, labels, is_evidence)[0].evidence == 100
    assert promise_tags(probability, labels, is_evidence, groups=groups)[0].threshold is None


def test_pictures_that_are_no_evidence_do_not_count():
    probability, labels, is_evidence = made([100, 0])
    probability = np.concatenate([probability, np.full((50, 2), 0.999)])
    labels = np.concatenate([labels, np.zeros((50, 2), bool)])
    assert promise_tags(probability, labels, np.concatenate([is_evidence, ~labels[100:]]))[0].threshold is None
    assert promise_tags(probability, labels, np.concatenate([is_evidence, labels[100:]]))[0].evidence == 100


def test_a_picture_has_at_most_one_pooled_tag_its_most_probable():
    p = np.array([[0.9, 0.8, 0.99], [0.2, 0.3, 0.1]])
    np.testing.assert_array_equal(
        pooled_candidates(p, np.array([True, True, False])), [[True, False, False], [False, True, False]]
    )
    assert not pooled_candidates(p, np.zeros(3, bool)).any()
    promises = promise_tags(*made([40, 30, 100]))
    np.testing.assert_array_equal(
        promised_tags(np.array([[0.995, 0.999, 0.999], [0.5, 0.5, 0.5]]), promises),
        [[False, True, True], [False, False, False]],
    )


@pytest.mark.parametrize("tags", [1, 12])
def test_promises_of_tags_and_of_pools_are_kept_as_often_as_stated(tags):
    """A tag of 80 pictures, or tags of 7 each, whose scores are no better than they must be."""
    rng, draws, broken, promised = np.random.default_rng(tags), 300, 0, 0

    def draw(pictures):
        labels = np.eye(tags + 1, dtype=bool)[rng.integers(0, tags + 1, pictures)][:, :tags]
        score = rng.normal(size=labels.shape) + 3.6 * labels
        return 1 / (1 + np.exp(-(3.6 * (score - 1.8) - np.log(tags)))), labels

    new, truth = draw(40_000)
    for _ in range(draws):
        probability, labels = draw(160 if tags == 1 else 91)
        promises = promise_tags(probability, labels, np.ones_like(labels), precision=0.9, confidence=0.9)
        written = promised_tags(new, promises)
        assert {promise.pooled for promise in promises if promise.threshold is not None} <= {tags > 1}
        promised += written.any()
        broken += written.any() and truth[written].mean() < 0.9
    assert promised > draws / 2
    assert broken <= draws * 0.1 + 2 * np.sqrt(draws * 0.1 * 0.9)
