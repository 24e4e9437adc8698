from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.seed import generator
from tocsin.data.window import batches, contexts, first_rows, spread, spread_cells, take, window_ends

_GROUPS = np.array([0] * 6 + [1] * 2 + [2] * 4)
_SEGMENTS = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(lambda sizes: np.repeat(np.arange(len(sizes)), sizes))


def test_ends_of_full_windows_and_of_each_segment() -> None:
    assert window_ends(_GROUPS, 3).tolist() == [2, 3, 4, 5, 7, 10, 11]


def test_stride_counts_within_a_segment() -> None:
    assert window_ends(_GROUPS, 3, stride=2).tolist() == [2, 4, 5, 7, 10, 11]


def test_windows_are_the_rows_up_to_their_end() -> None:
    X = np.arange(12.0)[:, None]
    first = first_rows(_GROUPS)
    assert take(X, first, np.array([4]), 3)[0, :, 0].tolist() == [2, 3, 4]


def test_short_segments_repeat_their_first_row() -> None:
    X = np.arange(12.0)[:, None]
    assert take(X, first_rows(_GROUPS), np.array([7]), 4)[0, :, 0].tolist() == [6, 6, 6, 7]


def test_contexts_are_the_rows_before() -> None:
    X = np.arange(12.0)[:, None]
    made = contexts(X, first_rows(_GROUPS), np.array([0, 6, 7, 11]), 3)[:, :, 0]
    assert made.tolist() == [[0, 0, 0], [6, 6, 6], [6, 6, 6], [8, 9, 10]]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_batches_are_all_windows_in_order(size: int) -> None:
    X, ends = generator(0, "x").normal(size=(12, 2)), window_ends(_GROUPS, 3)
    parts = list(batches(X, _GROUPS, ends, 3, size))
    assert np.concatenate([part for part, _ in parts]).tolist() == list(range(len(ends)))
    assert max(len(part) for part, _ in parts) <= size
    np.testing.assert_array_equal(np.concatenate([windows for _, windows in parts]), take(X, first_rows(_GROUPS), ends, 3))


def _spread_slowly(scores: np.ndarray, ends: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    made = []
    for row in range(len(groups)):
        covering = [score for score, end in zip(scores, ends)
                    if groups[end] == groups[row] and end - length < row <= end]
        following = [score for score, end in zip(scores, ends) if end >= row]
        made.append(np.mean(covering) if covering else following[0])
    return np.array(made)


@settings(max_examples=60, deadline=None)
@given(groups=_SEGMENTS, length=st.integers(1, 6), stride=st.integers(1, 8), seed=st.integers(0, 99))
def test_spread_is_the_mean_over_covering_windows(groups: np.ndarray, length: int, stride: int, seed: int) -> None:
    ends = window_ends(groups, length, stride)
    scores = generator(seed, "scores").normal(size=len(ends))
    np.testing.assert_allclose(spread(scores, ends, groups, length), _spread_slowly(scores, ends, groups, length), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(groups=_SEGMENTS, length=st.integers(1, 6), stride=st.integers(1, 8))
def test_window_cells_spread_back_to_the_series(groups: np.ndarray, length: int, stride: int) -> None:
    X, ends = generator(1, "x").normal(size=(len(groups), 2)), window_ends(groups, length, stride)
    made = spread_cells(take(X, first_rows(groups), ends, length), ends, groups, length)
    if stride <= length:
        np.testing.assert_allclose(made, X, rtol=1e-12)
    assert np.isfinite(made).all()


def test_a_huge_score_far_away_costs_no_precision() -> None:
    groups = np.zeros(40, dtype=int)
    ends, scores = window_ends(groups, 4), np.full(37, 0.1)
    scores[0] = 1e200
    assert spread(scores, ends, groups, 4)[10:].tolist() == pytest.approx([0.1] * 30, rel=1e-14)


def test_no_windows_cross_into_another_segment() -> None:
    X = np.where(_GROUPS == 1, 1e9, 0.0)[:, None]
    ends = window_ends(_GROUPS, 5)
    for end, window in zip(ends, take(X, first_rows(_GROUPS), ends, 5)):
        assert (window == X[end]).all()
