"""Large pictures in tiles of the size that a backbone looks at, in their native resolution, and the tiles' maps as one.

A picture that is squashed to 256 pixels loses a defect of ten pixels in twelve hundred. Cut into overlapping tiles, nothing is lost; the
price is a pass through the backbone for each tile. Tiles begin on multiples of a cell, so that their maps lie on one grid; where tiles
overlap, cells are averaged, and those near a tile's edge, which see least around them, count least.

Letters: g cells along a tile, t tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional as F

from tocsin.core.errors import ConfigError

_OVERLAP = 0.25  # of a tile, at least, between neighbours


@dataclass(frozen=True)
class Tiling:
    """How a picture of ``height`` by ``width`` pixels is cut into squares of ``tile`` pixels with ``cells`` cells along each.

    >>> tiling = Tiling(500, 1250, 256, 16)
    >>> tiling.tops, tiling.lefts, tiling.shape
    ((0, 8, 16), (0, 10, 21, 32, 42, 52, 63), (32, 79))

    Raises ConfigError TOC-202 where a tile is no whole number of cells wide.
    """

    height: int
    width: int
    tile: int
    cells: int

    def __post_init__(self) -> None:
        if self.cells < 1 or self.tile < self.cells or self.tile % self.cells:
            raise ConfigError("TOC-202", "a tile is a whole number of cells wide", came=f"tile={self.tile}, {self.cells} cells",
                              todo=f"give tile a multiple of {self.cells}, for example {16 * self.cells}")

    @property
    def pitch(self) -> int:
        """Pixels along a cell."""
        return self.tile // self.cells

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of cells of the whole picture; the last ones may reach beyond it."""
        return -(-self.height // self.pitch), -(-self.width // self.pitch)

    @cached_property
    def tops(self) -> tuple[int, ...]:
        """First row of cells of each row of tiles."""
        return _starts(self.shape[0], self.cells)

    @cached_property
    def lefts(self) -> tuple[int, ...]:
        """First column of cells of each column of tiles."""
        return _starts(self.shape[1], self.cells)

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def cut(self, picture: np.ndarray) -> Iterator[np.ndarray]:
        """The tiles (tile, tile, 3) of ``picture`` (height, width, 3), row by row. Beyond its edge the picture is mirrored."""
        size = [max(cells, self.cells) * self.pitch for cells in self.shape]
        wide = np.pad(picture, ((0, size[0] - self.height), (0, size[1] - self.width), (0, 0)), mode="symmetric")
        for top, left in self._places():
            yield wide[top * self.pitch:top * self.pitch + self.tile, left * self.pitch:left * self.pitch + self.tile]

    def stitch(self, maps: np.ndarray) -> np.ndarray:
        """(rows, columns) float32: the maps (t, g, g) of the tiles as one."""
        g = self.cells
        ramp = np.minimum(np.arange(1, g + 1), np.arange(g, 0, -1)).astype(np.float64)
        weight = np.outer(ramp, ramp)
        rows, columns = (max(cells, g) for cells in self.shape)
        total, weights = np.zeros((rows, columns)), np.zeros((rows, columns))
        for (top, left), cells in zip(self._places(), maps):
            total[top:top + g, left:left + g] += weight * cells
            weights[top:top + g, left:left + g] += weight
        made: np.ndarray = (total / weights)[:self.shape[0], :self.shape[1]].astype(np.float32)
        return made

    def own_size(self, cells: np.ndarray) -> np.ndarray:
        """A map (rows, columns) of the whole picture as (height, width) float32, bilinear."""
        grid = torch.from_numpy(np.array(cells, dtype=np.float32))[None, None]
        size = (self.shape[0] * self.pitch, self.shape[1] * self.pitch)
        made = F.interpolate(grid, size, mode="bilinear", align_corners=False)[0, 0, :self.height, :self.width]
        return made.contiguous().numpy()

    def _places(self) -> Iterator[tuple[int, int]]:
        return ((top, left) for top in self.tops for left in self.lefts)


def _starts(length: int, cells: int) -> tuple[int, ...]:
    """First cells of the fewest tiles that cover ``length`` cells with the overlap, evenly spread."""
    if length <= cells:
        return (0,)
    step = max(1, int(cells * (1 - _OVERLAP)))
    count = -(-(length - cells) // step) + 1
    return tuple(int(start) for start in np.linspace(0, length - cells, count).round())
