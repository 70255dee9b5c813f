"""Near twins by their embeddings: pictures of one tag that are far more alike than others of it are."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

TWIN_SIMILARITY = 0.65
"""Least mean similarity of groups that become one; see `twin_features`.

Chosen on bursts of five made from animals' pictures: 98 % (EfficientNet-Lite0) and 91 % (MobileNetV2) of a burst's
pairs are joined, 1 % of the joined pairs are of different bursts.
"""

CENTRE_STRENGTH = 15
"""Pictures of a tag at which its centre is half its own mean, half that of all pictures."""

MAX_LINKED = 4000
"""Pictures clustered at once, in some 200 MB."""

SIMILARITY_STEP = 0.05
"""By how much the similarity rises where more are connected."""

COMPARED_ROWS = 1024
"""Pictures compared with all others at a time."""


def unit_rows(x: np.ndarray) -> np.ndarray:
    """Return rows of length one, float32 (N, D); a row of zeros stays one."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def twin_features(directions: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return features of one tag's pictures, float32 (n, 2 D), whose inner product is their similarity.

    It is the mean of two cosines: of the embeddings, and of the embeddings less the tag's centre. The first alone
    joins different pictures of a tag whose pictures are all alike, such as one product; the second alone joins
    nothing where a tag is a single burst. The centre is the tag's mean, shrunk to `centre`:
    (n mean + CENTRE_STRENGTH centre) / (n + CENTRE_STRENGTH).

    Args:
        directions: float32 (n, D), rows of length one.
        centre: float32 (D,), the mean of all tags' directions.
    """
    weight = len(directions) / (len(directions) + CENTRE_STRENGTH)
    centred = directions - weight * directions.mean(0) - (1 - weight) * centre
    return unit_rows(np.hstack([directions, unit_rows(centred)]))


def twin_clusters(features: np.ndarray, similarity: float = TWIN_SIMILARITY) -> np.ndarray:
    """Return each picture's cluster, int64 (n,), by average linkage: single linkage would chain whole tags together.

    A cluster's pictures are linked by pairs of at least `similarity`, so the components of that graph are clustered
    one by one. A component of more than `MAX_LINKED` pictures is clustered at a higher similarity.

    Args:
        features: float32 (n, D), rows of length one.
        similarity: least mean inner product of two clusters that become one.
    """
    component = _components(features, similarity)
    result = np.zeros(len(features), np.int64)
    for rows in _rows_by_value(component):
        if len(rows) == 1:
            clusters = np.zeros(1, np.int64)
        elif len(rows) > MAX_LINKED and similarity < 1:
            clusters = twin_clusters(features[rows], similarity + SIMILARITY_STEP)
        elif len(rows) > MAX_LINKED:
            clusters = np.zeros(len(rows), np.int64)  # all the same picture
        else:
            clusters = _average_linkage(features[rows], similarity)
        result[rows] = clusters + result.max(initial=0) + 1
    return np.unique(result, return_inverse=True)[1]


def connect(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return the connected component of each of `count` pictures, from pairs int (P, 2)."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def star_pairs(groups: np.ndarray) -> np.ndarray:
    """Return pairs that connect each group's pictures with its first one, int64 (P, 2)."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    pairs = np.stack([first[inverse], np.arange(len(groups))], 1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _components(features: np.ndarray, similarity: float) -> np.ndarray:
    """Return the components of the graph of pairs that are at least so alike, block by block."""
    tree = np.zeros((0, 2), np.int64)
    for start in range(0, len(features), COMPARED_ROWS):
        alike = features[start : start + COMPARED_ROWS] @ features[start:].T >= similarity
        tree = star_pairs(connect(np.concatenate([tree, np.argwhere(alike) + start]), len(features)))
    return connect(tree, len(features))


def _average_linkage(features: np.ndarray, similarity: float) -> np.ndarray:
    distances = np.maximum(1 - features @ features.T, 0)
    tree = linkage(distances[np.triu_indices(len(features), 1)], "average")
    return fcluster(tree, 1 - similarity, "distance").astype(np.int64)


def _rows_by_value(values: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1) if len(values) else []
