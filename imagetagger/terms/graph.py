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
    above = np.packbits(np.eye(len(terms), dtype=bool), axis=1)  # by row, the terms that it is or is below, as bits
    rows = {term: [index[other] for other in broader if other in index] for term, broader in terms.items()}
    done: set[str] = set()
    for start in terms:
        stack = [start]
        while stack:  # depth first, without recursion: files decide how deep the graph is
            term = stack[-1]
            if term in done:
                stack.pop()
            elif missing := [other for other in terms[term] if other in index and other not in done]:
                stack += missing
            else:
                above[index[term]] |= np.bitwise_or.reduce(above[rows[term]], initial=0)
                done.add(term)
    above_tags = np.zeros((len(tags), above.shape[1]), np.uint8)
    for row, (tag, broader) in enumerate(tags.items()):
        if own := [index[term] for term in (tag, *broader) if term in index]:
            above_tags[row] = np.bitwise_or.reduce(above[own])
    below, inside = (
        np.ascontiguousarray(np.unpackbits(bits, axis=1, count=len(terms)).T).view(bool) for bits in (above_tags, above)
    )
    return TermGraph(tuple(terms), below, inside, below.sum(1))
