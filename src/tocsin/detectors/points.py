"""Single odd steps."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.data.usual import usual
from tocsin.data.window import first_rows

_CELLS = 1 << 20  # neighbouring values held at once, 8 MB


class Points(Detector):
    """Single odd steps: how far a step is from its neighbours, sharp to the step.

    Two distances are added, each in units of its usual size (median-based) in training: to the median of the ``window`` − 1 nearest steps,
    and to the mean of the step before and the step after. Nothing is smoothed: of a spike, the spike itself scores highest (of one at a
    segment's very end, the last two steps alike). The score of a step is the mean over the quarter of its channels that stand out most
    (at least one).

    Works for outages of one or a few steps: wrong readings, missed samples, glitches. Blind to odd stretches longer than half a window and
    to odd shapes; on a coarse, steep or noisy series every step looks much like a spike: take ``autoregression`` there.
    ``window``: steps, the one in the middle included; None for 21. The map holds the distance of each cell. Shapes: X (t, c).
    Raises ConfigError TOC-202 for a window below 3.
    Source: Hampel's identifier (1974), with the second difference.

    >>> wave = np.sin(np.arange(400) / 5)
    >>> odd = wave.copy(); odd[200] += 0.5
    >>> int(Points().fit(wave).anomaly_score(odd).argmax())
    200
    """

    tags = Tags(modality="series", min_rows=4, gives_map=True, judges_own=True, own_held_out=True)

    def __init__(self, window: int | None = None) -> None:
        self.window = window

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        window: Any = self.window
        if window is not None and (isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 3):
            raise ConfigError("TOC-202", "Points: window must be at least 3", came=repr(window), todo="give a whole number from 3, or None")
        self.half_ = (int(window) if window is not None else 21) // 2
        self.mean_, std = moments(X)
        self.std_ = spread(self.mean_, std)
        far, bent = self._distances(standardise(X, self.mean_, self.std_), groups)
        self.far_, self.bent_ = usual(far), usual(bent)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        cells = self._map(X, groups)
        most = -(-X.shape[1] // 4)
        scores: np.ndarray = np.partition(cells, -most, axis=1)[:, -most:].mean(axis=1)
        return scores

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)  # a step is never among its own neighbours

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        far, bent = self._distances(standardise(X, self.mean_, self.std_), groups)
        cells: np.ndarray = far / self.far_ + bent / self.bent_
        return cells

    def _distances(self, Z: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(t, c) to the median of the neighbours, (t, c) to the mean of the two next ones; of those that the segment has.

        Neighbours are taken in pairs to both sides, so that a slope cancels out; a segment's first and last step, which have none on one
        side, are compared with the line through the next two, at half the distance, which is as noisy as the mean of two.
        """
        t, row = len(Z), np.arange(len(Z))
        first, last = first_rows(groups), t - 1 - first_rows(groups[::-1])[::-1]
        room = np.minimum(np.minimum(row - first, last - row), self.half_)  # steps to the nearer end
        middle = np.where(room > 0, row, np.clip(row + np.where(row == first, 1, -1), first, last))
        bent = np.abs((Z[np.maximum(middle - 1, first)] + Z[np.minimum(middle + 1, last)]) / 2 - Z[middle])
        far = bent.copy()
        steps = np.r_[np.arange(-self.half_, 0), np.arange(1, self.half_ + 1)]
        size, inner = max(1, _CELLS // (len(steps) * Z.shape[1])), np.flatnonzero(room > 0)
        for at in range(0, len(inner), size):
            rows = inner[at:at + size]
            reach = room[rows, None]
            near = rows[:, None] + np.clip(steps, -reach, reach)  # (b, 2 · half); near an end the outermost pair counts repeatedly
            far[rows] = np.abs(Z[rows] - np.median(Z[near], axis=1))
        return far, bent
