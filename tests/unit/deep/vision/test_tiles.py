"""Tiles of large pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.deep.vision.tiles import Tiling


@pytest.mark.parametrize(("height", "width"), [(500, 1250), (256, 256), (257, 640), (40, 90), (1, 1000), (300, 17)])
def test_every_pixel_is_looked_at_and_tiles_overlap(height: int, width: int) -> None:
    tiling = Tiling(height, width, 256, 16)
    for starts, cells in ((tiling.tops, tiling.shape[0]), (tiling.lefts, tiling.shape[1])):
        assert starts[0] == 0 and starts[-1] + 16 == max(16, cells)
        assert all(0 < step <= 13 for step in np.diff(starts))
    tiles = list(tiling.cut(np.random.default_rng(0).random((height, width, 3), dtype=np.float32)))
    assert len(tiles) == len(tiling) and all(tile.shape == (256, 256, 3) for tile in tiles)


def test_tiles_are_the_pictures_own_pixels() -> None:
    picture = np.random.default_rng(0).random((70, 100, 3))
    tiling = Tiling(70, 100, 32, 4)
    places = [(top * 8, left * 8) for top in tiling.tops for left in tiling.lefts]
    for (top, left), tile in zip(places, tiling.cut(picture)):
        seen = picture[top:top + 32, left:left + 32]
        np.testing.assert_array_equal(tile[:seen.shape[0], :seen.shape[1]], seen)
    np.testing.assert_array_equal(tile[70 - top], tile[69 - top])  # mirrored beyond the edge


def test_a_map_that_agrees_with_itself_is_stitched_unchanged() -> None:
    tiling = Tiling(70, 100, 32, 4)
    whole = np.random.default_rng(1).random(tiling.shape).astype(np.float32)
    maps = np.stack([whole[top:top + 4, left:left + 4] for top in tiling.tops for left in tiling.lefts])
    np.testing.assert_allclose(tiling.stitch(maps), whole, rtol=1e-6)


def test_a_tiles_middle_counts_more_than_its_edge() -> None:
    tiling = Tiling(32, 56, 32, 4)
    assert tiling.lefts == (0, 3)
    overlap = tiling.stitch(np.stack([np.zeros((4, 4)), np.ones((4, 4))]))[0, 3]
    assert overlap == pytest.approx(0.5)
    closer = Tiling(32, 48, 32, 4)
    assert closer.lefts == (0, 2)
    row = closer.stitch(np.stack([np.zeros((4, 4)), np.ones((4, 4))]))[0]
    np.testing.assert_allclose(row, [0, 0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)


def test_maps_have_the_pictures_own_size() -> None:
    tiling = Tiling(70, 100, 32, 4)
    grid = np.zeros(tiling.shape, np.float32)
    grid[3, 8] = 1
    made = tiling.own_size(grid)
    assert made.shape == (70, 100)
    top, left = np.unravel_index(made.argmax(), made.shape)
    assert 24 <= top < 32 and 64 <= left < 72


@pytest.mark.parametrize(("tile", "cells"), [(100, 16), (8, 16), (32, 0)])
def test_a_tile_of_part_of_a_cell_is_refused(tile: int, cells: int) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Tiling(70, 100, tile, cells)
