"""What is written beside each picture: tags at or above their thresholds, without those that people decided about."""

from collections.abc import Iterable, Sequence

import numpy as np

from imagetagger.archive.keywords.fields import Keyword, keyword_key
from imagetagger.archive.keywords.marks import MachineTag
from imagetagger.archive.tagging.labelled import SetKeywords, is_at_or_below


def settled_tags(keywords: Sequence[Keyword], pictures: Sequence[SetKeywords]) -> np.ndarray:
    """Return which tags people decided about, bool (N, C): those that they set, those above, and those they deleted.

    Whoever deleted a broader tag does not want one below it either.
    """
    settled = np.zeros((len(pictures), len(keywords)), bool)
    for row, one in enumerate(pictures):
        for own in one.people:
            settled[row] |= [is_at_or_below(own, keyword) for keyword in keywords]
        for gone in one.withdrawn:
            settled[row] |= [is_at_or_below(keyword, gone) for keyword in keywords]
    return settled


def machine_tags(
    keywords: Sequence[Keyword],
    probability: np.ndarray,
    is_written: np.ndarray,
    *,
    bundle: str,
    written: str,
    under: Iterable[str] = (),
) -> list[MachineTag]:
    """Return the tags of one picture, the most specific ones: a keyword has its broader ones with it.

    Args:
        keywords: C tags.
        probability: (C,).
        is_written: bool (C,).
        bundle: digest of the bundle.
        written: now, as an ISO date and time.
        under: broader keywords that they all get.
    """
    chosen = [keywords[i] for i in np.flatnonzero(is_written)]
    above = {keyword_key(keyword[:end]) for keyword in chosen for end in range(1, len(keyword))}
    return [
        MachineTag((*under, *keyword), round(float(probability[i]), 4), bundle, written)
        for i, keyword in enumerate(keywords)
        if is_written[i] and keyword_key(keyword) not in above
    ]
