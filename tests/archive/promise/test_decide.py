import numpy as np
import pytest

from imagetagger.archive.promise.decide import decide_tags, summarize, typicality
from imagetagger.archive.promise.tag_promises import TagPromise

PROMISED = TagPromise(0.9, 120, 0.97, 0.8, False, 59)
POOLED = TagPromise(0.95, 80, 0.96, 0.7, True, 59)
UNPROMISED = TagPromise(None, 12, None, None, False, 59)


def test_promised_tags_are_written_and_plausible_ones_want_a_look():
    p = np.array([[0.95, 0.2], [0.6, 0.1], [0.1, 0.7], [0.1, 0.99], [0.1, 0.1]])
    decision = decide_tags(p, [PROMISED, UNPROMISED])
    assert np.argwhere(decision.is_written).tolist() == [[0, 0]]
    assert {group.tag: group.pictures.tolist() for group in decision.looks} == {0: [1], 1: [2, 3]}


def test_what_a_person_settled_is_neither_written_nor_asked_about():
    p = np.array([[0.95, 0.7], [0.6, 0.1]])
    settled = np.array([[True, False], [True, False]])
    decision = decide_tags(p, [PROMISED, UNPROMISED], is_settled=settled)
    assert not decision.is_written.any()
    assert [(group.tag, group.pictures.tolist()) for group in decision.looks] == [(1, [0])]


def test_each_picture_wants_one_look_for_its_most_probable_open_tag():
    decision = decide_tags(np.array([[0.8, 0.7], [0.6, 0.7]]), [UNPROMISED, UNPROMISED])
    assert {group.tag: group.pictures.tolist() for group in decision.looks} == {0: [0], 1: [1]}


def test_the_most_uncertain_and_most_typical_come_first():
    p = np.array([[0.9, 0], [0.5, 0], [0.7, 0]])
    (group,) = decide_tags(p, [UNPROMISED, UNPROMISED]).looks
    assert group.pictures.tolist() == [1, 2, 0]
    np.testing.assert_allclose(group.gain, [0.25, 0.21, 0.09])
    alike = np.array([[1, 0], [0, 1], [1, 0.1]])  # the second one resembles no other
    (group,) = decide_tags(p, [UNPROMISED, UNPROMISED], embeddings=alike).looks
    assert group.pictures.tolist() == [2, 1, 0]


def test_groups_with_the_largest_gain_come_first():
    p = np.array([[0.9, 0.1], [0.1, 0.5], [0.1, 0.5]])
    assert [group.tag for group in decide_tags(p, [UNPROMISED, UNPROMISED]).looks] == [1, 0]


def test_typicality_is_the_mean_cosine():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5)) + 1
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(typicality(x), np.maximum((unit @ unit.T).mean(1), 0))
    np.testing.assert_array_equal(typicality(np.zeros((2, 3))), [0, 0])


def test_the_summary_counts_tags_and_pictures_and_marks_what_is_pooled():
    p = np.concatenate([np.full((4000, 2), [0.99, 0.1]), np.full((310, 2), [0.2, 0.96]), np.full((212, 2), [0.6, 0])])
    promises = [PROMISED, POOLED]
    assert summarize(decide_tags(p, promises), promises, 0.95) == (
        "4,310 tags at least 95 % right (310 of them counted together, as tags with few pictures), "
        "212 pictures want your look"
    )
    assert summarize(decide_tags(p, [PROMISED, UNPROMISED]), [PROMISED, UNPROMISED], 0.975) == (
        "4,000 tags at least 97.5 % right, 522 pictures want your look"
    )
    nothing = decide_tags(np.zeros((3, 1)), [UNPROMISED])
    assert summarize(nothing, [UNPROMISED], 0.95) == "0 tags at least 95 % right, 0 pictures want your look"


def test_probabilities_of_other_tags_are_refused():
    with pytest.raises(ValueError, match="got probabilities of 2 tags, expected 1, the promises'"):
        decide_tags(np.zeros((3, 2)), [PROMISED])
