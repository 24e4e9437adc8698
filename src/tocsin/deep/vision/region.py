"""Where in a picture a map of cells is high: regions of cells that touch, as boxes in the picture's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.deep.vision.preprocess import placement


@dataclass(frozen=True)
class Region:
    """``box`` (left, top, right, bottom) in pixels, the last two not included; ``share`` of what the map holds above ``limit``;
    ``peak``."""

    box: tuple[int, int, int, int]
    share: float
    peak: float


def regions(cells: np.ndarray, height: int, width: int, resize: str = "squash", limit: float | None = None, most: int = 3) -> list[Region]:
    """The regions of a map (g, g) over a picture (height, width), the one that holds most first, at most ``most``.

    A cell belongs to one when it lies above ``limit``; None takes the middle between the map's median and its peak, as factors go where the
    median is above 0. Never empty: where no cell is above the limit, the peak alone.

    >>> map = np.zeros((4, 4)); map[1, 2] = 5.0
    >>> [(region.box, region.share) for region in regions(map, 80, 40)]
    [((20, 20, 30, 40), 1.0)]
    """
    peak = float(cells.max())
    limit = _between(float(np.median(cells)), peak) if limit is None else limit
    high = cells > min(limit, np.nextafter(peak, -np.inf))
    found = sorted(_touching(high), key=lambda spots: -sum(float(cells[spot]) for spot in spots))
    whole = sum(float(cells[spot]) for spots in found for spot in spots)
    made = []
    for spots in found[:most]:
        rows, columns = [spot[0] for spot in spots], [spot[1] for spot in spots]
        held = sum(float(cells[spot]) for spot in spots)
        box = _pixels(min(rows), max(rows) + 1, min(columns), max(columns) + 1, len(cells), height, width, resize)
        made.append(Region(box, held / whole if whole > 0 else 1 / len(found), max(float(cells[spot]) for spot in spots)))
    return made


def _between(middle: float, peak: float) -> float:
    return float(np.sqrt(middle * peak)) if middle > 0 else (middle + peak) / 2


def _touching(high: np.ndarray) -> list[list[tuple[int, int]]]:
    """Groups of True cells that touch, corners included."""
    left = {(int(i), int(j)) for i, j in np.argwhere(high)}
    groups = []
    while left:
        group, edge = [], [left.pop()]
        while edge:
            i, j = edge.pop()
            group.append((i, j))
            near = {(i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1)} & left
            left -= near
            edge.extend(sorted(near))
        groups.append(sorted(group))
    return sorted(groups)


def _pixels(top: int, bottom: int, left: int, right: int, g: int, height: int, width: int, resize: str) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = placement(height, width, 4096, resize)

    def along(first: int, last: int, start: int, end: int, size: int) -> tuple[int, int]:
        a, b = ((cell * 4096 / g - start) / (end - start) * size for cell in (first, last))
        low = min(max(int(np.floor(a)), 0), size - 1)
        return low, min(max(int(np.ceil(b)), low + 1), size)

    (across, end), (down, foot) = along(left, right, x0, x1, width), along(top, bottom, y0, y1, height)
    return across, down, end, foot
