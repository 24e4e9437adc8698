"""Principal components of the windows of a series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.data.lagged import window_moments
from tocsin.data.moments import moments, standardise
from tocsin.data.period import window_length
from tocsin.data.smooth import covering_mean
from tocsin.data.window import batches, first_rows, window_ends

_CELLS = 1 << 18  # window values held at once, 2 MB
_WIDEST = 512  # window cells in one decomposition: wider series are judged in groups of neighbouring channels
_QUIET = 0.01  # of the mean variance: a direction that varies less counts as varying this much, else noise in silent directions decides


class SubsequencePCA(Detector):
    """Principal components of windows: how far a stretch is from the linear structure of normal stretches.

    Every window of ``window_`` steps and c channels is one point; the covariance of the training windows says in which directions normal
    stretches differ from each other, and how much. ``score="mahalanobis"``: the squared distance to the mean window, each direction in
    units of its usual variance (a hundredth of the mean variance at least); about 1 for normal stretches. ``score="reconstruction"``: what
    lies outside the strongest components, which together hold ``share`` of the variance, in units of its usual size. A step gets the mean
    of the windows that cover it.

    Works for smooth and periodic series at nearly no cost, also when some anomalies were learned from. Weak where normal windows form
    several groups or lie on a curve (any phase of a sharp pulse): take ``windows`` or ``profile``. ``window``: steps; None: ``periods``
    times the window found in the data (``tocsin.data.period.window_length``), within a third of the
    longest segment. The window moments are summed along lags, so memory does not grow with the number of windows.
    A window wider than 512 cells (steps × channels) is judged in groups of neighbouring channels.

    The map tells how far each cell is from what the other cells of its windows say it should be.
    Shapes: X (t, c). Channels are standardised; scores have no unit. Raises ConfigError TOC-202 (a setting out of range) and TOC-207 (fewer
    than two windows, or a ``window`` longer than every segment).
    Source: Hotelling's T² and residual of principal components (Jackson and Mudholkar 1979), on windows as in singular spectrum analysis.

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(400) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(SubsequencePCA().fit(wave).anomaly_score(bent).argmax()) in range(245, 265)
    True
    """

    tags = Tags(modality="series", min_rows=16, gives_map=True, judges_own=True)

    def __init__(self, window: int | None = None, score: str = "mahalanobis", share: float = 0.99, periods: float = 1.0) -> None:
        self.window = window
        self.score = score
        self.share = share
        self.periods = periods

    @classmethod
    def small(cls) -> Self:
        return cls(window=8)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        longest, found = int((np.arange(len(X)) - first_rows(groups)).max()) + 1, window_length(X)
        if self.window is not None and self.window > longest:  # it would hold repeated rows, and cost memory of (l · c)²
            raise ConfigError("TOC-207", "the window is longer than every segment",
                              came=f"{self.window} steps, the longest segment has {longest}",
                              todo="use a smaller window or pass a longer series")
        self.window_ = self.window or max(2, min(round(self.periods * found), max(found, longest // 3)))
        self.mean_, self.std_ = moments(X)
        Z = standardise(X, self.mean_, self.std_)
        many = max(1, _WIDEST // self.window_)
        self.parts_ = {str(i): self._part(np.ascontiguousarray(Z[:, i:i + many]), groups) for i in range(0, X.shape[1], many)}

    def _part(self, Z: np.ndarray, groups: np.ndarray) -> dict[str, np.ndarray]:
        """The mean window (l · c) of some channels, and the directions (l · c, r) in which windows are measured, in their units."""
        w, centre, covariance = window_moments(Z, groups, self.window_)
        if w < 2:
            raise ConfigError("TOC-207", "too few windows to learn from", came=f"{w} of {self.window_} steps from {len(Z)} steps",
                              todo="use a smaller window or pass a longer series")
        variances, axes = np.linalg.eigh(covariance)  # ascending
        variances = np.maximum(variances, 0.0)
        usual = float(variances.mean()) or 1.0  # nothing but constant channels: any unit will do
        if self.score == "mahalanobis":
            return {"centre": centre, "axes": axes / np.sqrt(np.maximum(variances, _QUIET * usual))}
        outside = np.cumsum(variances) <= (1 - self.share) * variances.sum()
        outside[0] = True
        size = max(float(variances[outside].sum()), _QUIET * usual)
        return {"centre": centre, "axes": axes[:, outside] * np.sqrt(len(centre) / size)}

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        ends = window_ends(groups, self.window_)
        squared = np.zeros(len(ends))
        for some, _, along, _ in self._along(X, groups, ends):
            squared[some] += np.square(along).sum(axis=1)
        return covering_mean(squared / (self.window_ * X.shape[1]), ends, groups, self.window_)

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """The squared distance of a cell from what all other cells of its window say it should be: p² / P, with P the cell's own entry of
        the inverse covariance and p the cell's entry of the inverse covariance times the window; mean over the covering windows."""
        ends, first = window_ends(groups, self.window_), first_rows(groups)
        total, count = np.zeros(X.shape), np.zeros((len(X), 1))
        for some, channels, along, axes in self._along(X, groups, ends):
            own = np.square(axes).sum(axis=1)
            cells = np.square(along @ axes.T) / np.maximum(own, 1e-9 * own.max())
            cells = cells.reshape(len(cells), self.window_, -1)
            for offset in range(self.window_):  # of one offset, no two windows meet in a row
                rows = ends[some] - offset
                inside = rows >= first[ends[some]]
                total[rows[inside], channels] += cells[inside, self.window_ - 1 - offset]
                if channels.start == 0:
                    count[rows[inside]] += 1
        made: np.ndarray = total / count
        return made

    def _along(self, X: np.ndarray, groups: np.ndarray,
               ends: np.ndarray) -> Iterator[tuple[np.ndarray, slice, np.ndarray, np.ndarray]]:
        """Batches of (positions in ``ends``, channels of the part, windows along its directions (b, r), directions (l · c, r))."""
        Z = standardise(X, self.mean_, self.std_)
        for start, part in self.parts_.items():
            d = len(part["centre"])
            channels = slice(int(start), int(start) + d // self.window_)
            cells = np.ascontiguousarray(Z[:, channels])
            for some, windows in batches(cells, groups, ends, self.window_, max(1, _CELLS // d)):
                yield some, channels, (windows.reshape(-1, d) - part["centre"]) @ part["axes"], part["axes"]

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)  # one window among many hardly moves a covariance

    def _check(self) -> None:
        window: Any = self.window
        if window is not None and (isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 2):
            raise ConfigError("TOC-202", "SubsequencePCA: window must be at least 2", came=repr(window),
                              todo="give a whole number from 2, or None")
        if self.score not in ("mahalanobis", "reconstruction"):
            raise ConfigError("TOC-202", "SubsequencePCA: score is not known", came=repr(self.score),
                              todo="use 'mahalanobis' or 'reconstruction'")
        if not 0 < self.share < 1:
            raise ConfigError("TOC-202", "SubsequencePCA: share must lie between 0 and 1", came=repr(self.share), todo="try 0.99")
        if not self.periods > 0 or self.periods > 100:
            raise ConfigError("TOC-202", "SubsequencePCA: periods must be above 0 and at most 100", came=repr(self.periods),
                              todo="try 1 or 2")
