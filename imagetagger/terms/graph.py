"""Broader terms of tags as a graph: which tags are below a term. NumPy only."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class TermGraph(NamedTuple):
    """Terms, and the tags below each of them.

    Attributes:
        ids: (T,) of the terms.
        below: bool (T, C), whether a tag is the term or below it.
        inside: bool (T, T), whether a term is another one or below it: that of the column, of the row.
        breadth: int (T,), the number of tags below each term.
    """

    ids: tuple[str, ...]
    below: np.ndarray
    inside: np.ndarray
    breadth: np.ndarray


def term_graph(tags: Mapping[str, Sequence[str]], terms: Mapping[str, Sequence[str]]) -> TermGraph:
    """Find the tags below each term.

    A tag that has the id of a term, as one that a user taught, is below that term.

    Args:
        tags: ids of the broader terms of each of C tags, by id.
        terms: ids of the broader terms of each of T terms, by id; without circles.

    >>> terms = {"dog": ["animal"], "fish": ["animal"], "animal": []}
    >>> term_graph({"beagle": ["dog"], "goldfish": ["fish"]}, terms).below.tolist()
    [[True, False], [False, True], [True, True]]
    """
    index = {term: i for i, term in enumerate(terms)}
    above: dict[str, frozenset[int]] = {}
    for start in terms:
        stack = [start]
        while stack:  # depth first, without recursion: files decide how deep the graph is
            term = stack[-1]
            missing = [other for other in terms[term] if other in index and other not in above]
            if missing:
                stack += missing
                continue
            stack.pop()
            above[term] = frozenset({index[term]}.union(*(above[other] for other in terms[term] if other in index)))
    below = np.zeros((len(terms), len(tags)), bool)
    for column, (tag, broader) in enumerate(tags.items()):
        for term in (tag, *broader):
            if term in above:
                below[list(above[term]), column] = True
    inside = np.zeros((len(terms), len(terms)), bool)
    for term, others in above.items():
        inside[list(others), index[term]] = True
    return TermGraph(tuple(terms), below, inside, below.sum(1))
