"""Pruning: in a sweep, a training that does worse than half of those before it ends early.

The median stopping rule. Source: Golovin et al. 2017, Google Vizier: a service for black-box optimization, section 3.2.
"""

from collections.abc import Sequence

import numpy as np

MIN_RIVALS = 4
"""Trainings to compare with, at least."""


def prune_reason(losses: Sequence[float], epochs: int, rivals: Sequence[Sequence[float]]) -> str | None:
    """Return why a training is pruned; None if it goes on.

    It is pruned if its best tuning loss so far is above the median of the best ones that other trainings had at the
    same share of their epochs.

    Args:
        losses: of the tuning pictures, of the epochs so far, in nats.
        epochs: of the complete training.
        rivals: losses of complete trainings, epoch by epoch.

    >>> prune_reason([1.9], 4, [[1.5, 1.2], [1.4, 1.1], [1.6, 1.3], [2.0, 1.8]])
    'pruned after 1 of 4 epochs: the tuning loss 1.900 is above 1.550, the median of 4 trainings'
    """
    done = len(losses)
    if not done or done >= epochs or len(rivals) < MIN_RIVALS:
        return None
    at_same_share = [np.min(rival[: max(1, round(done / epochs * len(rival)))]) for rival in rivals]
    best, median = float(np.min(losses)), float(np.median(at_same_share))
    if best <= median:
        return None
    return (
        f"pruned after {done} of {epochs} epochs: the tuning loss {best:.3f} is above {median:.3f}, the median of "
        f"{len(rivals)} trainings"
    )
