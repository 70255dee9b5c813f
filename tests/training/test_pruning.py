import math

import pytest

from imagetagger.training.pruning import MIN_RIVALS, prune_reason, stop_reason

RIVALS = [[1.5, 1.2, 1.0, 0.9], [1.4, 1.1, 1.0, 1.0], [1.6, 1.3, 1.2, 1.1], [2.0, 1.8, 1.7, 1.7]]


def test_a_training_above_the_median_at_the_same_share_is_pruned():
    assert prune_reason([1.9], 4, RIVALS) == (
        "pruned after 1 of 4 epochs: the tuning loss 1.900 is above 1.550, the median of 4 trainings"
    )
    assert prune_reason([1.9, 1.7], 8, RIVALS).startswith("pruned after 2 of 8")  # a quarter of both
    assert prune_reason([1.54], 4, RIVALS) is None
    assert prune_reason([1.54, 1.9], 4, RIVALS) is not None  # above 1.25, what they had by then


def test_its_best_epoch_counts_and_so_does_theirs():
    assert prune_reason([1.2, 5.0], 4, RIVALS) is None
    assert prune_reason([1.2, 5.0], 4, [[1.1, 9.0, 9.0, 9.0]] * 4) is not None


@pytest.mark.parametrize(
    ("losses", "epochs", "rivals"),
    [
        ([9.0], 4, RIVALS[: MIN_RIVALS - 1]),
        ([9.0] * 4, 4, RIVALS),
        ([], 4, RIVALS),
        ([9.0], 4, []),
        ([math.nan], 4, RIVALS),
    ],
)
def test_few_rivals_and_complete_trainings_prune_nothing(losses, epochs, rivals):
    assert prune_reason(losses, epochs, rivals) is None


def test_a_training_stops_whose_loss_has_not_fallen_for_some_epochs():
    assert stop_reason([3.0, 2.0, 2.5], 9, 2) is None
    assert stop_reason([3.0, 2.0, 2.5, 2.0], 9, 2) == "the loss of the tuning pictures has not fallen for 2 epochs"
    assert stop_reason([3.0, 2.0, 2.5, 2.1], 4, 2) is None  # it has ended
    assert stop_reason([3.0, 2.0, 2.5, 2.1], 9, None) is None
    assert stop_reason([], 9, 1) is None
