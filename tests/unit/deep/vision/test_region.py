"""Regions of a map."""

from __future__ import annotations

import numpy as np

from tocsin.deep.vision.region import regions


def test_touching_cells_are_one_region_and_the_fullest_comes_first() -> None:
    cells = np.ones((8, 8))
    cells[1, 1], cells[2, 2], cells[6, 3:6] = 9.0, 8.0, 10.0
    first, second = regions(cells, 80, 160)
    assert first.box == (60, 60, 120, 70)
    assert second.box == (20, 10, 60, 30)
    assert (first.peak, second.peak) == (10.0, 9.0)
    np.testing.assert_allclose([first.share, second.share], [30 / 47, 17 / 47])


def test_most_and_limit() -> None:
    cells = np.zeros((9, 9))
    cells[::2, ::2] = np.arange(1, 26).reshape(5, 5)
    assert len(regions(cells, 9, 9, limit=0.5)) == 3
    assert len(regions(cells, 9, 9, limit=0.5, most=100)) == 25
    assert [region.peak for region in regions(cells, 9, 9, limit=1e9)] == [25.0]


def test_a_flat_map_has_its_cells_as_region() -> None:
    (only,) = regions(np.full((4, 4), 2.0), 3, 5)
    assert only.box == (0, 0, 5, 3)
    assert only.share == 1.0


def test_boxes_lie_within_a_picture_of_kept_aspect() -> None:
    cells = np.zeros((8, 8))
    cells[0, 0] = cells[7, 7] = 1.0
    for height, width in ((50, 100), (100, 50), (1, 400)):
        for region in regions(cells, height, width, "aspect"):
            left, top, right, bottom = region.box
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
