"""What a backbone saw in a picture as rows that can be compared: one for each cell of its finest map.

Letters: c channels, h w cells of a map, n rows, e columns of a row in the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError

_TINY = 1e-12


def rows(maps: Sequence[np.ndarray]) -> np.ndarray:
    """(h·w, c) float32: the ``maps`` (c, h, w) of one picture, each cell the mean of itself and its neighbours, coarser maps brought to the
    cells of the finest, all channels side by side; a row is divided by the root of its length.

    So how strongly the network answered counts for less, beside what it answered: contrast, and the dark edges that it makes itself.

    >>> rows([np.ones((2, 4, 4), np.float32), np.ones((1, 2, 2), np.float32)]).shape
    (16, 3)
    """
    h, w = max((each.shape[1:] for each in maps), key=lambda shape: shape[0] * shape[1])
    joined = np.concatenate([_finer(averaged(each), h, w) for each in maps]).reshape(-1, h * w)  # (c, h·w)
    made = np.ascontiguousarray(joined.T, dtype=np.float32)
    made /= np.sqrt(np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(_TINY)))
    return made


def averaged(cells: np.ndarray) -> np.ndarray:
    """(c, h, w): each cell of ``cells`` (c, h, w) as the mean over it and those of its eight neighbours that exist.

    >>> averaged(np.array([[[0.0, 3.0, 3.0]]])).tolist()
    [[[1.5, 2.0, 3.0]]]
    """
    for axis in (1, 2):
        size = cells.shape[axis]
        total, count = cells.copy(), np.ones(size, dtype=cells.dtype)
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(0, size - 1), slice(1, size)
        total[tuple(low)] += cells[tuple(high)]
        total[tuple(high)] += cells[tuple(low)]
        count[:-1] += 1
        count[1:] += 1
        cells = total / (count[:, None] if axis == 1 else count)
    return cells


def _finer(cells: np.ndarray, h: int, w: int) -> np.ndarray:
    """(c, h, w) by straight lines between the centres of the cells of ``cells`` (c, a, b)."""
    for axis, size in ((1, h), (2, w)):
        have = cells.shape[axis]
        if have != size:
            at = np.clip((np.arange(size) + 0.5) * have / size - 0.5, 0, have - 1)
            low = np.minimum(at.astype(int), have - 1)
            high = np.minimum(low + 1, have - 1)
            part = (at - low).astype(cells.dtype)
            part = part[:, None] if axis == 1 else part
            cells = cells.take(low, axis) * (1 - part) + cells.take(high, axis) * part
    return cells


@dataclass(frozen=True)
class Basis:
    """The directions in which normal rows differ most: a few columns hold nearly all of their distances.

    mean (c,) and axes (c, e) float32; ``spread``, the root of the mean squared distance of a normal row from the mean.

    >>> basis = Basis.learn(np.array([[0.0, 1.0], [0.0, 3.0]]), 1)
    >>> abs(basis.project(np.array([[0.0, 4.0]], np.float32))).tolist(), basis.spread
    ([[2.0]], 1.0)
    """

    mean: np.ndarray
    axes: np.ndarray
    spread: float

    @classmethod
    def learn(cls, rows: np.ndarray, columns: int) -> Basis:
        """Principal axes of ``rows`` (n, c), at most ``columns`` of them."""
        wide = rows.astype(np.float64)
        mean = wide.mean(axis=0)
        wide -= mean
        covariance = wide.T @ wide / len(wide)  # (c, c)
        _, axes = np.linalg.eigh(covariance)
        axes = np.ascontiguousarray(axes[:, ::-1][:, :columns])
        return cls(mean.astype(np.float32), axes.astype(np.float32), max(float(np.sqrt(np.trace(covariance))), _TINY))

    def project(self, rows: np.ndarray) -> np.ndarray:
        """(n, e) float32 of ``rows`` (n, c)."""
        made: np.ndarray = (rows - self.mean) @ self.axes
        return made

    def state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"mean": self.mean, "axes": self.axes, "spread": self.spread}

    @classmethod
    def from_state(cls, state: Any) -> Basis:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-410 for anything else."""
        given = state if isinstance(state, dict) else {}
        mean, axes, spread = given.get("mean"), given.get("axes"), given.get("spread")
        fits = (isinstance(mean, np.ndarray) and isinstance(axes, np.ndarray) and mean.dtype == axes.dtype == np.float32
                and mean.ndim == 1 and axes.ndim == 2 and len(axes) == len(mean) and isinstance(spread, (int, float)))
        if not fits:
            raise ArtifactError("TOC-410", "the stored basis of patches is not of the expected form", came=str(sorted(given))[:200],
                                todo="load a file that this version of tocsin wrote")
        assert isinstance(mean, np.ndarray) and isinstance(axes, np.ndarray) and isinstance(spread, (int, float))
        return cls(mean, axes, float(spread))
