from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tocsin.core.seed import generator
from tocsin.memory import neighbours
from tocsin.memory.neighbours import mean_distance, nearest, nearest_of_each, thinned


def _rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return generator(seed, "rows", n, d).normal(size=(n, d))


def _naive(Q: np.ndarray, reference: np.ndarray, k: int, at: np.ndarray, places: np.ndarray, zone: int) -> np.ndarray:
    """All differences, one query after the other."""
    made = np.full((len(Q), k), np.inf)
    for i, q in enumerate(Q):
        far = np.abs(places - at[i])
        allowed = far >= zone
        if not allowed.any():
            allowed[far.argmax()] = True
        found = np.sort(np.square(reference[allowed] - q).sum(axis=1))[:k]
        made[i, :len(found)] = found
    return made


@pytest.mark.parametrize(("n", "d", "k"), [(3000, 40, 3), (700, 7, 1), (50, 100, 5), (3, 4, 9), (1, 2, 1)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_distances_are_those_of_all_pairs(n: int, d: int, k: int, kind: type) -> None:
    reference, Q = _rows(n, d).astype(kind), _rows(300, d, 1).astype(kind)
    squared, index = nearest(Q, reference, k)
    wanted = np.sort(cdist(Q, reference, "sqeuclidean"), axis=1)[:, :k]
    np.testing.assert_allclose(squared, wanted, rtol=1e-5)
    np.testing.assert_allclose(np.square(Q[:, None] - reference[index]).sum(axis=2), squared, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 400), k=st.integers(1, 4), zone=st.integers(1, 60), step=st.integers(1, 7))
def test_the_zone_is_left_out(seed: int, n: int, k: int, zone: int, step: int) -> None:
    rows = _rows(n, 5, seed)
    places = np.arange(0, n, step)
    squared, _ = nearest(rows, rows[places], k, at=np.arange(n), places=places, zone=zone)
    wanted = _naive(rows, rows[places], min(k, len(places)), np.arange(n), places, zone)
    np.testing.assert_allclose(squared, wanted, rtol=1e-5)


def test_equally_near_rows_come_in_their_order() -> None:
    reference = np.repeat(_rows(4, 3), 2, axis=0)
    assert nearest(reference[::2], reference, 2)[1].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize("level", [0.0, 1e5])
def test_copies_are_at_distance_zero(level: float) -> None:
    reference = (_rows(2000, 30) + level).astype(np.float32)
    assert (nearest(reference[::7], reference, 1)[0] == 0).all()


def test_close_rows_are_told_apart_where_float32_is_too_coarse() -> None:
    """Two thousand rows within 1e-5 of a long one: their products differ by less than float32 rounding."""
    reference = np.concatenate([10 + 1e-5 * _rows(2000, 30), -10 + 1e-5 * _rows(2000, 30, 2)])
    Q = 10 + 1e-5 * _rows(40, 30, 1)
    wanted = np.sort(cdist(Q, reference, "sqeuclidean"), axis=1)[:, :2]
    np.testing.assert_allclose(nearest(Q, reference, 2)[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("zone", [0, 20])
def test_a_result_does_not_depend_on_its_company(zone: int) -> None:
    reference, Q = _rows(1500, 20).astype(np.float32), _rows(600, 20, 1).astype(np.float32)
    at, places = np.arange(600), np.arange(1500)
    whole, whole_index = nearest(Q, reference, 2, at=at, places=places, zone=zone)
    for part in (slice(0, 1), slice(3, 300), slice(255, 600), slice(599, 600)):
        squared, index = nearest(Q[part], reference, 2, at=at[part], places=places, zone=zone)
        assert np.array_equal(squared, whole[part]) and np.array_equal(index, whole_index[part])


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_the_size_of_blocks_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, Q = _rows(1500, 20).astype(np.float32), _rows(300, 20, 1).astype(np.float32)
    starts = np.array([0, 10, 900])
    wanted, each = nearest(Q, reference, 3), nearest_of_each(Q, reference, starts)
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    squared, index = nearest(Q, reference, 3)
    np.testing.assert_allclose(squared, wanted[0], rtol=1e-6)
    assert np.array_equal(index, wanted[1])
    np.testing.assert_allclose(nearest_of_each(Q, reference, starts), each, rtol=1e-6)


def test_far_values_stay_finite() -> None:
    reference = _rows(500, 50).astype(np.float32)
    reference[3], reference[7] = 1e9, -1e9
    squared, index = nearest(np.vstack([reference[3], reference[100] + 1e-3]), reference, 1)
    assert np.isfinite(squared).all()
    assert index.ravel().tolist() == [3, 100]


@pytest.mark.parametrize("starts", [[0], [0, 1, 2], [0, 300, 301, 850]])
def test_nearest_of_each_piece(starts: list[int]) -> None:
    reference, Q = _rows(900, 12), _rows(280, 12, 1)
    parts = np.split(cdist(Q, reference, "sqeuclidean"), starts[1:], axis=1)
    wanted = np.stack([part.min(axis=1) for part in parts], axis=1)
    np.testing.assert_allclose(nearest_of_each(Q, reference, np.array(starts)), wanted, rtol=1e-4)


def test_mean_distance_leaves_out_what_is_missing() -> None:
    assert mean_distance(np.array([[1.0, np.inf, np.inf], [0.0, 4.0, 16.0]])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("n", "most"), [(5, 5), (5, 9), (1000, 7), (10, 1)])
def test_thinning_is_even(n: int, most: int) -> None:
    kept = thinned(np.arange(n), most)
    assert len(kept) == len(np.unique(kept)) == min(n, most) and kept[0] == 0
    assert np.ptp(np.diff(kept)) <= 1 if len(kept) > 1 else True


def test_memory_is_bounded_by_blocks() -> None:
    reference, Q = _rows(4000, 8).astype(np.float32), _rows(20_000, 8, 1).astype(np.float32)
    tracemalloc.start()
    nearest(Q, reference, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # all pairs are 320 MB
