from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.window import spread_cells, take, window_ends
from tocsin.memory import piece
from tocsin.memory.piece import Cover, chunks, flat, full_ends, levelled, places, z_normal


def _noise(*shape: int) -> np.ndarray:
    return generator(0, "piece").normal(size=shape)


def test_z_normal_is_mean_0_and_deviation_1_by_channel() -> None:
    windows = _noise(5, 40, 2) * [3.0, 100.0] + [7.0, -2.0]
    made, mean, deviation = z_normal(windows)
    np.testing.assert_allclose(made.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(made.std(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(made * deviation + mean, windows, rtol=1e-5, atol=1e-4)


def test_flat_windows_stay_flat() -> None:
    noise = np.full((1, 20, 1), 4.0) + 1e-6 * _noise(1, 20, 1)
    assert np.abs(z_normal(noise)[0]).max() < 1e-3
    assert (z_normal(np.full((1, 20, 1), 4.0))[0] == 0).all()


def test_levelled_values_are_bounded_and_constant_channels_are_zero() -> None:
    made = levelled(np.array([[1e300, 3.0], [-1e300, 3.0]]), np.array([0.0, 3.0]), np.array([1.0, 0.0]))
    assert made.dtype == np.float32
    assert made.tolist() == [[1e9, 0.0], [-1e9, 0.0]]


def test_full_ends_are_of_whole_windows_where_there_are_any() -> None:
    groups = np.repeat([0, 1, 2], [6, 2, 5])
    assert full_ends(groups, 4).tolist() == [3, 4, 5, 11, 12]
    assert full_ends(groups, 9).tolist() == [5, 7, 12]


def test_windows_of_other_segments_are_out_of_the_zone() -> None:
    groups = np.repeat([0, 1], [5, 5])
    at = places(np.arange(10), groups, 4)
    gaps = np.abs(at[:, None] - at)
    apart = groups[:, None] != groups
    assert (gaps[apart] >= 4).all()
    assert np.array_equal(gaps[~apart], np.abs(np.arange(10)[:, None] - np.arange(10))[~apart])


@pytest.mark.parametrize("cells", [1 << 22, 60])
def test_short_segments_are_completed_by_the_window_that_ends_most_alike(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece, "_CELLS", cells)
    bank = np.stack([np.arange(5.0), np.arange(5.0) + 100])[:, :, None].astype(np.float32)
    X = np.r_[np.arange(7.0), 103.2, 104.1][:, None].astype(np.float32)
    groups = np.repeat([0, 1], [7, 2])
    ends = window_ends(groups, 5)
    made = np.concatenate([windows for _, windows in chunks(X, groups, ends, 5, bank)])
    np.testing.assert_allclose(made[:-1, :, 0], [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6]])
    np.testing.assert_allclose(made[-1, :, 0], [100, 101, 102, 103.2, 104.1], rtol=1e-6)
    assert (np.concatenate([part for part, _ in chunks(X, groups, ends, 5, bank)]) == np.arange(4)).all()


def test_the_cover_is_the_covering_mean() -> None:
    groups = np.repeat([0, 1, 2], [30, 3, 27])
    ends = window_ends(groups, 8)
    cells = _noise(len(ends), 8, 2)
    cover = Cover(groups, 2)
    for part in np.array_split(np.arange(len(ends)), 5):
        cover.add(ends[part], cells[part])
    np.testing.assert_allclose(cover.mean(), spread_cells(cells, ends, groups, 8), rtol=1e-9)


def test_flat_keeps_steps_before_channels() -> None:
    X = _noise(9, 2)
    windows = take(X, np.zeros(9, int), np.array([3, 8]), 4)
    assert np.array_equal(flat(windows)[1], X[5:9].ravel())
