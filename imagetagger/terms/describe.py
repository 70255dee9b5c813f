"""A picture described by few words: the most specific tags and broader terms that contain its prediction set.

A prediction set of twelve breeds of dogs is right, and says little; "dog" contains the same tags. So a set is covered
by terms: what is below any of them contains the set, and the true tag as often as the set does.
"""

from typing import NamedTuple

import numpy as np

from imagetagger.terms.graph import TermGraph

MAX_WORDS = 3
"""Tags and terms of a description."""

CONFIDENCE = 0.5
"""A tag or term less probable than this is replaced by a broader one that is as probable, where there is one."""


MIN_PROBABILITY = 0.01
"""Less probable words say nothing, though sets may need them."""

ROUNDING = 1e-9
"""Of sums of probabilities."""


class Word(NamedTuple):
    """A tag or term of a description: its row among the tags or the terms, and its probability."""

    row: int
    is_term: bool
    probability: float


def describe_set(
    graph: TermGraph,
    probability: np.ndarray,
    in_set: np.ndarray,
    is_usable: np.ndarray,
    is_hidden: np.ndarray,
    *,
    max_words: int = MAX_WORDS,
    confidence: float = CONFIDENCE,
) -> list[Word]:
    """Describe a picture by at most `max_words` tags and terms, the most probable first.

    A tag that is hidden, or less probable than `confidence`, is replaced by the most specific usable term above it that
    is as probable as that, if there is one. While there are too many words, the two or more that have the most specific
    term in common are replaced by it. What is below another word is left out, but for a tag that is probable enough by
    itself: "dog 99 %, English setter 84 %". Words that have no term in common are dropped, the least probable first:
    only then, and where a word is less probable than MIN_PROBABILITY, may the words not contain the whole set.

    Args:
        graph: of C tags and T terms.
        probability: (C,), of the tags.
        in_set: bool (C,), the prediction set.
        is_usable: bool (T,), whether a picture may be described by a term.
        is_hidden: bool (C,), tags that are never shown.
        max_words: see above.
        confidence: see above.
    """
    above_set = np.flatnonzero(graph.below[:, in_set].any(1))
    terms = np.zeros(len(graph.ids))
    terms[above_set] = graph.below[above_set] @ probability
    is_sure = (probability >= confidence) & ~is_hidden
    chosen: list[int] = []  # terms
    remaining: list[int] = []  # tags
    for tag in np.flatnonzero(in_set).tolist():
        above = np.flatnonzero(graph.below[:, tag] & is_usable)
        sure = above[terms[above] >= confidence - ROUNDING]
        if is_sure[tag]:
            remaining.append(tag)
        elif len(sure) or (is_hidden[tag] and len(above)):
            chosen.append(_most_specific(graph, (sure if len(sure) else above).tolist()))
        elif not is_hidden[tag]:
            remaining.append(tag)
    chosen, remaining = _drop_covered(graph, chosen, remaining, is_sure)
    while len(chosen) + len(remaining) > max_words:
        unsure = [tag for tag in remaining if not is_sure[tag]]
        replaced = graph.below[:, unsure].sum(1) + graph.inside[:, chosen].sum(1)
        candidates = np.flatnonzero((replaced >= 2) & is_usable)
        if not len(candidates):
            break
        chosen.append(_most_specific(graph, candidates.tolist()))
        chosen, remaining = _drop_covered(graph, chosen, remaining, is_sure)
    words = [Word(term, True, float(min(terms[term], 1.0))) for term in chosen]
    words += [Word(tag, False, float(probability[tag])) for tag in remaining]
    shown = sorted(words, key=lambda word: -word.probability)[:max_words]
    return [word for word in shown if word.probability >= min(MIN_PROBABILITY, float(probability.max(initial=0)))]


def most_specific_visible(graph: TermGraph, tag: int, is_usable: np.ndarray) -> int | None:
    """Return the row of the most specific usable term above a tag; None without one."""
    above = np.flatnonzero(graph.below[:, tag] & is_usable).tolist()
    return _most_specific(graph, above) if above else None


def _most_specific(graph: TermGraph, terms: list[int]) -> int:
    return min(terms, key=lambda term: (int(graph.breadth[term]), term))


def _drop_covered(
    graph: TermGraph, chosen: list[int], remaining: list[int], is_sure: np.ndarray
) -> tuple[list[int], list[int]]:
    """Leave out words that are below another one, but for sure tags."""
    terms = list(dict.fromkeys(chosen))
    kept = [term for term in terms if not any(other != term and graph.inside[other, term] for other in terms)]
    return kept, [tag for tag in remaining if is_sure[tag] or not graph.below[kept, tag].any()]
