import numpy as np

from imagetagger.report.run.examples import choose_examples, describe_examples
from tests.helpers.made import outcome


def test_half_of_the_wrong_examples_are_the_most_confident_mistakes():
    rng = np.random.default_rng(0)
    confidence, is_correct = rng.random(100), rng.random(100) < 0.5
    correct, wrong = choose_examples(confidence, is_correct, 7, 0)
    assert is_correct[correct].all()
    assert not is_correct[wrong].any()
    worst = np.flatnonzero(~is_correct)[np.argsort(-confidence[~is_correct])]
    np.testing.assert_array_equal(wrong[:4], worst[:4])
    assert len(set(wrong)) == len(wrong) == len(set(correct)) == 7


def test_a_card_shows_the_set_and_every_true_tag_outside_it():
    p = np.array([[0.5, 0.3, 0.15, 0.04, 0.01]])
    labels_onehot = np.array([[False, True, False, False, True]])
    output = outcome(np.log(p).astype(np.float32), labels_onehot, names=tuple("abcde"))
    (example,) = describe_examples(np.array([0]), output.tags, output.validation, p, labels_onehot, p > 0.2)
    assert [(chip.name, chip.rank, chip.is_true, chip.in_set) for chip in example.chips] == [
        ("a", 1, False, True),
        ("b", 2, True, True),
        ("e", 5, True, False),
    ]
    assert (example.size, example.predicted, example.names, example.true.name) == (2, "a", ("b", "e"), "b")
