"""A picture described by few words: the most specific tags and broader terms that contain its prediction set.

A prediction set of twelve breeds of dogs is right, and tells little; "dog" contains the same tags. So a set is covered
by terms: what is below any of them contains the set, and the true tag as often as the set does.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from imagetagger.terms.graph import TermGraph

MAX_WORDS = 3
"""Tags and terms of a description."""

CONFIDENCE = 0.5
"""A tag or term less probable than this is replaced by a broader one that is as probable, where there is one."""


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

    From the least probable word on, a word that is hidden, or less probable than `confidence`, is replaced by the most
    specific usable term above it that is as probable as that, if there is one. While there are too many words, those
    two or more that have the most specific term in common are replaced by it. Words that have none in common are
    dropped, the least probable first: only then may the words not contain the whole set.

    Args:
        graph: of C tags and T terms.
        probability: (C,), of the tags.
        in_set: bool (C,), the prediction set.
        is_usable: bool (T,), whether a picture may be described by a term.
        is_hidden: bool (C,), tags that are never shown.
        max_words: see above.
        confidence: see above.
    """
    terms = probability @ graph.below.T
    members = np.flatnonzero(in_set)
    tags = sorted(members.tolist(), key=lambda tag: float(probability[tag]))
    chosen: list[int] = []  # terms
    remaining: list[int] = []  # tags
    for tag in tags:
        if graph.below[chosen, tag].any():
            continue
        if not is_hidden[tag] and probability[tag] >= confidence:
            remaining.append(tag)
            continue
        above = np.flatnonzero(graph.below[:, tag] & is_usable)
        sure = above[terms[above] >= confidence - 1e-9]
        if len(sure):
            chosen.append(_most_specific(graph, sure, terms))
        elif not is_hidden[tag]:
            remaining.append(tag)
        elif len(above):
            chosen.append(_most_specific(graph, above, terms))
    chosen, remaining = _drop_covered(graph, chosen, remaining)
    while len(chosen) + len(remaining) > max_words:
        merged = _merge(graph, chosen, remaining, is_usable, terms)
        if merged is None:
            break
        chosen, remaining = _drop_covered(graph, [*chosen, merged], remaining)
    words = [Word(term, True, float(min(terms[term], 1.0))) for term in chosen]
    words += [Word(tag, False, float(probability[tag])) for tag in remaining]
    return sorted(words, key=lambda word: -word.probability)[:max_words]


def most_specific_visible(graph: TermGraph, tag: int, is_usable: np.ndarray) -> int | None:
    """Return the row of the most specific usable term above a tag; None without one."""
    above = np.flatnonzero(graph.below[:, tag] & is_usable)
    return min(above.tolist(), key=lambda term: (int(graph.breadth[term]), term)) if len(above) else None


def _most_specific(graph: TermGraph, terms: Iterable[int], probability: np.ndarray) -> int:
    return min(terms, key=lambda term: (int(graph.breadth[term]), -float(probability[term]), term))


def _merge(
    graph: TermGraph, chosen: list[int], remaining: list[int], is_usable: np.ndarray, probability: np.ndarray
) -> int | None:
    """Return the most specific usable term above two words or more; None without one."""
    covered = graph.below[:, remaining].sum(1) + graph.inside[:, chosen].sum(1)
    candidates = np.flatnonzero((covered >= 2) & is_usable)
    return _most_specific(graph, candidates.tolist(), probability) if len(candidates) else None


def _drop_covered(graph: TermGraph, chosen: list[int], remaining: list[int]) -> tuple[list[int], list[int]]:
    """Leave out words that are below another one."""
    terms = list(dict.fromkeys(chosen))
    kept = [term for term in terms if not any(other != term and graph.inside[other, term] for other in terms)]
    return kept, [tag for tag in remaining if not graph.below[kept, tag].any()]
