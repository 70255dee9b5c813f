import numpy as np
import pytest

from imagetagger.data import near_twins
from imagetagger.data.near_twins import connect, star_pairs, twin_clusters, twin_features, unit_rows


def bursts(groups: int, size: int, noise: float = 0.3, shared: float = 0.0, seed: int = 0) -> np.ndarray:
    """Embeddings of bursts: `shared` is what all pictures have in common, in units of what bursts differ by."""
    rng = np.random.default_rng(seed)
    scenes = np.repeat(rng.normal(size=(groups, 64)), size, 0) + shared * rng.normal(size=64)
    return (scenes + noise * rng.normal(size=scenes.shape)).astype(np.float32)


def same(clusters: np.ndarray) -> np.ndarray:
    return clusters[:, None] == clusters


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize(("groups", "size"), [(6, 4), (40, 2), (3, 10), (10, 1)])
def test_bursts_are_found_also_where_other_pictures_of_the_tag_are_alike(groups, size, shared):
    x = unit_rows(bursts(groups, size, shared=shared))
    clusters = twin_clusters(twin_features(x, np.zeros(64, np.float32)))
    np.testing.assert_array_equal(same(clusters), same(np.repeat(np.arange(groups), size)))


def test_a_tag_that_is_a_single_burst_is_one_cluster():
    x = unit_rows(bursts(1, 6))
    assert len(set(twin_clusters(twin_features(x, np.zeros(64, np.float32))))) == 1


def test_chains_do_not_become_one_cluster():
    angles = np.arange(12) * 0.5  # each cosine to the next is 0.88
    x = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert len(set(twin_clusters(x, 0.85))) >= 4


def test_blocks_and_large_components_change_no_clear_clusters(monkeypatch):
    x = unit_rows(bursts(30, 5))
    expected = same(twin_clusters(x))
    monkeypatch.setattr(near_twins, "COMPARED_ROWS", 7)
    np.testing.assert_array_equal(same(twin_clusters(x)), expected)
    monkeypatch.setattr(near_twins, "MAX_LINKED", 5)
    np.testing.assert_array_equal(same(twin_clusters(x)), expected)


def test_more_equal_pictures_than_are_clustered_at_once_are_one_cluster(monkeypatch):
    monkeypatch.setattr(near_twins, "MAX_LINKED", 5)
    x = np.zeros((20, 8), np.float32)
    x[:, 0] = 1
    assert len(set(twin_clusters(x))) == 1


def test_pairs_connect_what_shares_a_value():
    groups = np.array([3, 1, 3, 2, 1, 3])
    assert star_pairs(groups).tolist() == [[0, 2], [1, 4], [0, 5]]
    np.testing.assert_array_equal(same(connect(star_pairs(groups), 6)), same(groups))
    assert connect(np.zeros((0, 2), np.int64), 3).tolist() == [0, 1, 2]


def test_no_pictures_have_no_clusters():
    assert twin_clusters(np.zeros((0, 8), np.float32)).shape == (0,)


def test_rows_of_zeros_stay_zeros():
    assert unit_rows(np.zeros((2, 3), np.float32)).tolist() == [[0] * 3] * 2
