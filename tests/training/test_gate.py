import numpy as np

from imagetagger.training.gate import compare, compare_by_folds

FOLDS = np.arange(300) % 3


def classifier(is_correct, calls=None):
    def classify(fitted, judged):
        assert not set(fitted) & set(judged)
        if calls is not None:
            calls.append(len(judged))
        return is_correct[judged]

    return classify


def right(count, total=300):
    return np.arange(total) < count


def test_tuning_is_used_if_it_wins_by_more_than_a_standard_error():
    frozen = right(200)
    better, as_good = right(204), np.roll(frozen, 50)
    comparison = compare_by_folds(FOLDS, classifier(frozen), classifier(better))
    assert (comparison.is_used, comparison.won, comparison.lost, comparison.folds) == (True, 4, 0, 3)
    assert (comparison.top1_frozen, comparison.top1_tuned) == (200 / 300, 204 / 300)
    assert not compare_by_folds(FOLDS, classifier(frozen), classifier(as_good)).is_used
    assert not compare(frozen, frozen, folds=1).is_used


def test_the_standard_error_grows_with_the_pictures_that_differ():
    frozen = np.array([True] * 9 + [False] * 16)
    tuned = ~frozen  # 16 won, 9 lost: 7 more, and an error of 5
    assert compare(frozen, tuned, folds=1).is_used
    frozen = np.array([True] * 10 + [False] * 15)
    assert not compare(frozen, ~frozen, folds=1).is_used  # 5 more, and an error of 5


def test_a_trial_ends_once_it_is_seen_to_lose():
    calls = []
    comparison = compare_by_folds(FOLDS, classifier(right(200)), classifier(right(100), calls))
    assert (calls, comparison.folds, comparison.pictures, comparison.is_used) == ([100], 1, 100, False)


def test_a_trial_ends_once_it_is_seen_clearly_to_win():
    calls = []
    comparison = compare_by_folds(FOLDS, classifier(right(200)), classifier(right(230), calls))
    assert (calls, comparison.won, comparison.is_used) == ([100], 10, True)


def test_nothing_is_tried_where_frozen_features_leave_nothing_to_gain():
    calls = []
    comparison = compare_by_folds(FOLDS, classifier(right(295)), classifier(right(300), calls))
    assert (calls, comparison.folds, comparison.is_used, comparison.pictures) == ([], 0, False, 300)
    assert comparison.top1_frozen == 295 / 300
    assert np.isnan(comparison.top1_tuned)
