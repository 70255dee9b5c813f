import numpy as np

from imagetagger.report.run.examples import choose_examples, describe_examples
from tests.helpers.made import outcome, some


def split(read):
    return outcome(*some(), read=read).validation


def test_half_of_the_wrong_examples_are_the_most_confident_mistakes():
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(100), rng.random(100) < 0.5
    right, wrong = choose_examples(confidence, correct, 7, 0)
    assert correct[right].all()
    assert not correct[wrong].any()
    worst = np.flatnonzero(~correct)[np.argsort(-confidence[~correct])]
    np.testing.assert_array_equal(wrong[:4], worst[:4])
    assert len(set(wrong)) == len(wrong) == len(set(right)) == 7


def test_a_card_shows_the_set_and_every_true_tag_outside_it():
    p = np.array([[0.5, 0.3, 0.15, 0.04, 0.01]])
    truth = np.array([[False, True, False, False, True]])
    made = outcome(np.log(p).astype(np.float32), truth, names=tuple("abcde"))
    (example,) = describe_examples(np.array([0]), made.tags, made.validation, p, truth, p > 0.2)
    assert [(chip.name, chip.rank, chip.true, chip.member) for chip in example.chips] == [
        ("a", 1, False, True),
        ("b", 2, True, True),
        ("e", 5, True, False),
    ]
    assert (example.size, example.said, example.names, example.true.name) == (2, "a", ("b", "e"), "b")
