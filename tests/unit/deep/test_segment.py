"""Segments and how they are divided."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.deep.segment import segments


def test_runs_become_segments() -> None:
    found = segments(np.array([0, 0, 1, 0, 0, 0]))
    assert found.first.tolist() == [0, 2, 3] and found.last.tolist() == [1, 2, 5]


@pytest.mark.parametrize("length", [1, 3, 7])
def test_blocks_cover_every_row_once(length: int) -> None:
    groups = np.repeat([0, 1, 2], [10, 1, 6])
    starts, bounds = segments(groups).blocks(length)
    rows = np.concatenate([np.arange(start, min(start + length, last + 1)) for start, (_, last) in zip(starts, bounds)])
    assert rows.tolist() == list(range(17))


def test_the_bounds_of_rows() -> None:
    assert segments(np.array([0, 0, 1, 1, 1])).bounds_of(np.array([1, 2, 4])).tolist() == [[0, 1], [2, 4], [2, 4]]


def test_held_out_rows_are_the_last_ones_and_never_learned() -> None:
    learned, held = segments(np.repeat([0, 1], [100, 50])).divided(0.2, 8)
    assert learned.last.tolist() == [79, 139] and held.first.tolist() == [80, 140]
    assert held.last.tolist() == [99, 149] and held.low.tolist() == [0, 100]


def test_short_segments_are_held_out_whole() -> None:
    learned, held = segments(np.repeat(np.arange(20), 5)).divided(0.1, 8)
    assert len(held.first) == 2 and len(learned.first) == 18
    assert not set(held.first) & set(learned.first)


def test_an_only_short_segment_is_learned() -> None:
    learned, held = segments(np.zeros(5, int)).divided(0.9, 8)
    assert len(learned.first) == 1 and len(held.first) == 0


def test_no_share_holds_out_nothing() -> None:
    assert len(segments(np.zeros(100, int)).divided(0, 8)[1].first) == 0
