"""Groups of pictures that belong together, such as bursts and copies: they never sit on both sides of a split.

Only pictures that share a tag are joined by their looks. A near twin under another tag cannot make the reported
accuracy too good, and joining across tags would chain them. Folders, names, times and a user's own groups join
whatever the tag.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imagetagger.data.dataset import Split, select
from imagetagger.data.file_clues import folder_groups, name_neighbours, time_neighbours
from imagetagger.data.near_twins import COMPARED_ROWS, connect, star_pairs, twin_clusters, twin_features, unit_rows
from imagetagger.options import GroupBy

log = logging.getLogger(__name__)

NEIGHBOUR_SIMILARITY = {"capture time": 0.45, "file name": 0.6}
"""How alike neighbours must be to be joined by `auto`. Names need more: those of a data set are often just numbered."""

MAX_PAIRS = 4e9
"""Pairs of pictures of one tag that `auto` compares: a minute or two."""


class Grouping(NamedTuple):
    """Which pictures belong together.

    Attributes:
        groups: int64 (N,) the number of each picture's group, from 0.
        joined: by clue, the pictures that it joined with others.
    """

    groups: np.ndarray
    joined: dict[str, int]


def group_pictures(split: Split, embeddings: np.ndarray, *, group_by: GroupBy) -> Grouping:
    """Group the pictures that belong together; each other picture is a group of its own.

    A picture that has a group of the user's own is in that group, and joined with nothing else.

    Args:
        split: N pictures.
        embeddings: float32 (N, D) of the network; only read for `auto` and `similarity`.
        group_by: `similarity` joins near twins of a tag; `time` pictures taken in succession; `name` files numbered
            in succession; `folder` those in one folder below the tag's; `auto` near twins, and neighbours in time or
            name that look alike; `none` nothing.
    """
    own = split.groups or [""] * len(split.ids)
    rows = np.array([i for i, group in enumerate(own) if not group], np.int64)
    rest = select(split, rows)
    pairs = {"group column": _pairs_of_names(own)}
    if group_by in ("auto", "similarity"):
        found = _find_alike(rest, embeddings[rows], group_by)
    elif group_by == "time":
        found = {"capture time": time_neighbours(rest)}
    elif group_by == "name":
        found = {"file name": name_neighbours(rest.keys)}
    else:
        found = {"folder": _pairs_of_names(folder_groups(rest.keys, rest.labels))} if group_by == "folder" else {}
    pairs |= {clue: rows[places] for clue, places in found.items()}
    joined = {clue: len(np.unique(places)) for clue, places in pairs.items() if len(places)}
    groups = connect(np.concatenate(list(pairs.values())), len(split.ids))
    if joined:
        log.info("joined pictures: %s", ", ".join(f"{count} by {clue}" for clue, count in joined.items()))
    return Grouping(groups, joined)


def own_groups(split: Split) -> np.ndarray:
    """Return the groups that the user named, int64 (N,); each other picture is a group of its own."""
    names = split.groups or [""] * len(split.ids)
    return connect(_pairs_of_names(names), len(split.ids))


def _find_alike(split: Split, embeddings: np.ndarray, group_by: GroupBy) -> dict[str, np.ndarray]:
    """Return pairs of one tag that look alike, by clue: near twins, and for `auto` neighbours in time or name."""
    neighbours: dict[str, np.ndarray] = {}
    if group_by == "auto":
        neighbours = {"capture time": time_neighbours(split), "file name": name_neighbours(split.keys)}
    members = [np.flatnonzero((split.labels == tag).any(1)) for tag in np.unique(split.labels[split.labels >= 0])]
    directions = unit_rows(embeddings)
    centre = directions.mean(0) if len(directions) else np.zeros(directions.shape[1], np.float32)
    compares_all = group_by == "similarity" or sum(len(rows) ** 2 for rows in members) <= MAX_PAIRS
    if not compares_all:
        log.warning(
            "too many pictures a tag to compare all of them: near twins are only looked for among neighbours in time "
            "or name; group_by=similarity compares all, which takes long"
        )
    pairs: dict[str, list[np.ndarray]] = {"near twins": [], **{clue: [] for clue in neighbours}}
    for rows in members:
        features = twin_features(directions[rows], centre)
        if compares_all:
            pairs["near twins"].append(rows[star_pairs(twin_clusters(features))])
        for clue, places in neighbours.items():
            near = np.searchsorted(rows, places[np.isin(places, rows).all(1)])
            alike = (features[near[:, 0]] * features[near[:, 1]]).sum(1) >= NEIGHBOUR_SIMILARITY[clue]
            pairs[clue].append(rows[near[alike]])
    return {clue: np.concatenate([*found, np.zeros((0, 2), np.int64)]) for clue, found in pairs.items()}


def _pairs_of_names(groups: Sequence[str]) -> np.ndarray:
    """Return pairs that connect the pictures of each named group; "" is none."""
    named = np.array([i for i, group in enumerate(groups) if group], np.int64)
    numbers = np.unique([groups[i] for i in named], return_inverse=True)[1]
    return named[star_pairs(numbers)]


def near_twin_share(embeddings: np.ndarray, others: np.ndarray, threshold: float = 0.9) -> float:
    """Return the share of `embeddings` with a near twin among `others`; 0 if there are none of either.

    Args:
        embeddings: float32 (M, D).
        others: float32 (N, D).
        threshold: least cosine of near twins.
    """
    directions, other_directions = unit_rows(embeddings), unit_rows(others)
    twins = sum(
        int((directions[start : start + COMPARED_ROWS] @ other_directions.T >= threshold).any(1).sum())
        for start in range(0, len(directions), COMPARED_ROWS)
    )
    return twins / max(len(directions), 1)
