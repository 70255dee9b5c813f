"""What is written beside each picture: tags at or above their thresholds, without those that people decided about."""

from collections.abc import Iterable, Sequence

import numpy as np

from imagetagger.archive.keywords.fields import Keyword, keyword_key
from imagetagger.archive.keywords.marks import MachineTag
from imagetagger.archive.tagging.labelled import SetKeywords, is_at_or_below, is_deleted_by, mark_tags


def settled_tags(
    keywords: Sequence[Keyword], pictures: Sequence[SetKeywords], *, leave_tagged: bool = False
) -> np.ndarray:
    """Return which tags people decided about, bool (N, C): those that they set, those above, and those they deleted.

    Whoever deleted a broader tag does not want one below it either.

    Args:
        keywords: C tags.
        pictures: what people did with N pictures.
        leave_tagged: take all tags of a picture as decided about that has one by a person: it was learned from.
    """
    people = mark_tags(keywords, [one.people for one in pictures], is_at_or_below)
    if leave_tagged:
        people |= people.any(1, keepdims=True)
    return people | mark_tags(keywords, [one.withdrawn for one in pictures], is_deleted_by)


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
    chosen = [keywords[i] for i in np.flatnonzero(is_written).tolist()]
    above = {keyword_key(keyword[:end]) for keyword in chosen for end in range(1, len(keyword))}
    return [
        MachineTag((*under, *keyword), round(float(probability[i]), 4), bundle, written)
        for i, keyword in enumerate(keywords)
        if is_written[i] and keyword_key(keyword) not in above
    ]
