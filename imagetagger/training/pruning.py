"""Whether a training ends early: its tuning loss rises, or, in a sweep, is worse than that of half of those before it.

The latter is the median stopping rule. Source: Golovin et al. 2017, Google Vizier: a service for black-box
optimization, section 3.2.
"""

from collections.abc import Sequence

import numpy as np

MIN_RIVALS = 4
"""Trainings to compare with, at least."""


def stop_reason(losses: Sequence[float], epochs: int, patience: int | None) -> str | None:
    """Return why a training stops: the tuning loss has not fallen for `patience` epochs; None if it goes on.

    Args:
        losses: of the tuning pictures, of the epochs so far, in nats.
        epochs: of the complete training.
        patience: None if tuning pictures stop nothing.
    """
    if patience is None or not losses or len(losses) >= epochs:
        return None
    since = len(losses) - 1 - int(np.nanargmin(losses))
    return f"the loss of the tuning pictures has not fallen for {since} epochs" if since >= patience else None


def prune_reason(losses: Sequence[float], epochs: int, rivals: Sequence[Sequence[float]]) -> str | None:
    """Return why a training is pruned; None if it goes on.

    It is pruned if its best tuning loss so far is above the median of the best ones that other trainings had at the
    same share of their epochs.

    Args:
        losses: of the tuning pictures, of the epochs so far, in nats; with nan among them nothing is pruned.
        epochs: of the complete training.
        rivals: losses of complete trainings, epoch by epoch.

    >>> prune_reason([1.9], 4, [[1.5, 1.2], [1.4, 1.1], [1.6, 1.3], [2.0, 1.8]])
    'pruned after 1 of 4 epochs: the tuning loss 1.900 is above 1.550, the median of 4 trainings'
    """
    done = len(losses)
    if not done or done >= epochs or len(rivals) < MIN_RIVALS or not np.isfinite(losses).all():
        return None
    at_same_share = [np.min(rival[: max(1, round(done / epochs * len(rival)))]) for rival in rivals]
    best, median = float(np.min(losses)), float(np.median(at_same_share))
    if best <= median:
        return None
    return (
        f"pruned after {done} of {epochs} epochs: the tuning loss {best:.3f} is above {median:.3f}, the median of "
        f"{len(rivals)} trainings"
    )
