"""What a series should be, from its own neighbourhood: the same phase of the periods beside it, or a smooth curve through it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.data.period import period, window_length
from tocsin.data.smooth import local_polynomial, mean_around
from tocsin.data.usual import usual
from tocsin.data.window import first_rows


class Seasonal(Detector):
    """Seasonal or polynomial residual: how far each step is from its own neighbourhood.

    ``method="phase"``: from the mean of the steps 1 … ``neighbours`` periods before and after it; level and slow trend cancel out.
    ``method="polynomial"``: from a polynomial of ``degree`` fitted to half a window of steps around it. The score is the squared residual
    in units of the channel's usual residual, averaged over channels and over ``smooth`` steps around.

    "phase" works on regular series (clocks, machines with a fixed cycle), from the first periods on, and follows drift. It is blind to an
    anomaly that repeats with the period, and weak where the period wanders. "polynomial" works on smooth series with rough spots; it is
    blind to smooth anomalies. Both look only near by: what is learned is the period, the window and the usual residual.

    ``period``: steps; None: found in the training series, or, where it has none, the window. ``window``: steps; None: found in the data
    (``tocsin.data.period.window_length``). ``smooth``: steps to average over, 0 for none, None for a window. ``expected`` is the
    neighbours' mean or the curve, in the channel's unit; the map holds the (smoothed) squared residual of each cell. At a segment's ends
    a step is compared with its one neighbour, in units of what such differences usually are; a step without any with the channel's mean,
    in units of its standard deviation. Shapes: X (t, c). Raises ConfigError TOC-202 for a setting out of range.
    Source: seasonal differences, Box and Jenkins (1970); local polynomials: Savitzky and Golay (1964).

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> odd = wave.copy(); odd[200] += 1
    >>> int(Seasonal(smooth=0).fit(wave).anomaly_score(odd).argmax())
    200
    """

    tags = Tags(modality="series", min_rows=16, gives_map=True, gives_expected=True, judges_own=True)

    def __init__(self, method: str = "phase", period: int | None = None, neighbours: int = 1, degree: int = 4, window: int | None = None,
                 smooth: int | None = None) -> None:
        self.method = method
        self.period = period
        self.neighbours = neighbours
        self.degree = degree
        self.window = window
        self.smooth = smooth

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        self.window_ = self.window or window_length(X)
        self.period_ = self.period or period(X) or self.window_
        self.reach_ = (self.window_ if self.smooth is None else int(self.smooth)) // 2  # steps to either side
        self.mean_, std = moments(X)
        self.std_ = spread(self.mean_, std)
        Z = standardise(X, self.mean_, self.std_)
        made, sides = self._around(Z, groups)
        self.usual_ = np.ones((3, X.shape[1]))  # by the number of sides that have neighbours
        if (sides == 2).any():
            self.usual_[2] = usual((Z - made)[sides == 2])
        later = self._later(groups, self.period_)
        if len(later):
            self.usual_[1] = usual(Z[later] - Z[later - self.period_])

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._map(X, groups).mean(axis=1)
        return scores

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)  # a step is never among its own neighbours, and three numbers learn nothing by heart

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        made, sides = self._around(Z, groups)
        return mean_around(np.square((Z - made) / self.usual_[sides]), groups, self.reach_)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = self.mean_ + self._around(standardise(X, self.mean_, self.std_), groups)[0] * self.std_
        return made

    def _around(self, Z: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the neighbourhood says each step should be (t, c), and (t,) the number of sides it speaks from: 0, 1 or 2."""
        if self.method == "polynomial":
            width = max(self.window_ // 2, self.degree + 2) | 1
            return local_polynomial(Z, groups, width, self.degree), np.full(len(Z), 2)
        made, sides = np.zeros(Z.shape), np.zeros(len(Z), dtype=np.int64)
        later = self._later(groups, self.period_)
        made[later - self.period_] = Z[later]
        made[later] = Z[later - self.period_]
        sides[later - self.period_] = sides[later] = 1
        total, count = np.zeros(Z.shape), np.zeros(len(Z))
        for distance in (self.period_ * k for k in range(1, self.neighbours + 1)):
            rows = self._later(groups, 2 * distance) - distance  # with neighbours on both sides: a trend cancels out
            total[rows] += (Z[rows - distance] + Z[rows + distance]) / 2
            count[rows] += 1
        both = count > 0
        made[both], sides[both] = total[both] / count[both, None], 2
        return made, sides

    @staticmethod
    def _later(groups: np.ndarray, distance: int) -> np.ndarray:
        """Rows that have a step ``distance`` before them in their segment."""
        return np.flatnonzero(np.arange(len(groups)) - first_rows(groups) >= distance)

    def _check(self) -> None:
        if self.method not in ("phase", "polynomial"):
            raise ConfigError("TOC-202", "Seasonal: method is not known", came=repr(self.method), todo="use 'phase' or 'polynomial'")
        for name, least, none in (("period", 2, True), ("window", 2, True), ("neighbours", 1, False), ("degree", 0, False),
                                  ("smooth", 0, True)):
            value: Any = getattr(self, name)
            if value is None and none:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ConfigError("TOC-202", f"Seasonal: {name} must be at least {least}", came=repr(value),
                                  todo=f"give a whole number from {least}")
        if self.degree > 20:
            raise ConfigError("TOC-202", "Seasonal: degree must be at most 20", came=repr(self.degree), todo="try 4")
