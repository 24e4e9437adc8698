"""A linear forecast of a series, and how far each step is from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.data.period import period, window_length
from tocsin.data.smooth import mean_around
from tocsin.data.usual import usual
from tocsin.data.window import first_rows

_CELLS = 1 << 20  # lagged values held at once, 8 MB
_TOGETHER = 8  # up to so many channels are forecast from all channels' lags, more from their own alone


class Autoregression(Detector):
    """Linear forecast: how far each step is from what the steps before it, and the season before it, foretell.

    Each channel is a weighted sum of the last ``lags`` steps and, with ``seasonal``, of the steps about one period ago (period ± 1, where
    the data show a period), fitted by ridge regression: of all channels up to eight, of the channel's own beyond. The score is the squared
    residual in units of the channel's usual residual (median-based, so a few anomalies learned from do no harm), averaged over channels
    and over ``smooth`` steps around.

    Works when the next step follows from the last ones: spikes, breaks of rhythm, changes of noise. ``smooth=0`` is sharp and best for
    single odd points; smoothing finds stretches. Weak for shapes that are odd only as a whole and for slow drift, which is easy to
    foretell. After an anomaly its own steps are among the lags, so it echoes for a while.

    ``ridge``: penalty, as a share of a standardised channel's variance. ``smooth``: steps to average over, 0 for none, None for the
    window found in the data (``tocsin.data.period.window_length``). ``expected`` is the forecast, in the channel's unit; the map holds
    the (smoothed) squared residual of each cell. Near a segment's start a step is foretold from the lags
    it has, in units of the residual that is usual with so few. Shapes: X (t, c).
    Raises ConfigError TOC-202 for a setting out of range.
    Source: Box and Jenkins, "Time series analysis" (1970); ridge: Hoerl and Kennard (1970).

    >>> wave = np.sin(np.arange(400) / 5)
    >>> odd = wave.copy(); odd[200] += 1
    >>> int(Autoregression(smooth=0).fit(wave).anomaly_score(odd).argmax()) in range(200, 226)
    True
    """

    tags = Tags(modality="series", min_rows=16, gives_map=True, gives_expected=True, judges_own=True, own_held_out=True)

    def __init__(self, lags: int = 24, seasonal: bool = True, ridge: float = 1e-3, smooth: int | None = None) -> None:
        self.lags = lags
        self.seasonal = seasonal
        self.ridge = ridge
        self.smooth = smooth

    @classmethod
    def small(cls) -> Self:
        return cls(lags=8)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        season = period(X) if self.seasonal else None
        lags = {*range(1, self.lags + 1), *((season - 1, season, season + 1) if season else ())}
        self.lags_ = np.array(sorted(lag for lag in lags if 0 < lag <= max(1, len(X) // 3)), dtype=np.int64)
        self.reach_ = (window_length(X) if self.smooth is None else int(self.smooth)) // 2  # steps to either side
        self.mean_, std = moments(X)
        self.std_ = spread(self.mean_, std)
        Z, first = standardise(X, self.mean_, self.std_), first_rows(groups)
        rows = self._examples(first)
        self.weights_, ratio = self._solve(Z, first, rows)
        whole = np.concatenate([Z[part] - made for part, made, _ in self._forecast(Z, first, rows)])
        self.usual_ = usual(whole) * ratio

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._map(X, groups).mean(axis=1)
        return scores

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)  # some dozens of weights cannot learn single steps by heart

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        made, known = self._foretold(Z, groups)
        return mean_around(np.square((Z - made) / self.usual_[known]), groups, self.reach_)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = self.mean_ + self._foretold(standardise(X, self.mean_, self.std_), groups)[0] * self.std_
        return made

    def _foretold(self, Z: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(t, c) forecasts, and (t,) how many lags each could use."""
        parts = list(self._forecast(Z, first_rows(groups), np.arange(len(Z))))
        return np.concatenate([made for _, made, _ in parts]), np.concatenate([known for _, _, known in parts])

    def _forecast(self, Z: np.ndarray, first: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Triples (rows (b,), what is foretold for them (b, c), how many lags they have (b,))."""
        for part, F in self._features(Z, first, rows):
            known = np.searchsorted(self.lags_, part - first[part], side="right")
            made = np.empty((len(part), Z.shape[1]))
            for k in np.unique(known):
                some = known == k
                made[some] = (F[:, some] @ self.weights_[k]).transpose(1, 0, 2).reshape(int(some.sum()), -1)  # (1, b, c) or (c, b, 1)
            yield part, made, known

    def _examples(self, first: np.ndarray) -> np.ndarray:
        """Rows to learn from: those with all their lags; where these are under a third, all that have a step before them."""
        depth = np.arange(len(first)) - first
        for least in (int(self.lags_[-1]), 1):
            rows = np.flatnonzero(depth >= least)
            if 3 * len(rows) >= len(first):
                return rows
        return np.arange(len(first))

    def _solve(self, Z: np.ndarray, first: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights by the number of lags that a step can use, (k + 1, 1, f, c) for all channels from all or (k + 1, c, f, 1) for each
        from its own, and (k + 1, c) how much larger the residual is than with all k lags.

        Near a segment's start the longer lags reach out of it. The weights for the lags that remain follow from the same moments.
        """
        c, k = Z.shape[1], len(self.lags_)
        together = c <= _TOGETHER
        many, each = (1, c) if together else (c, 1)
        moment, target = np.zeros((many, k * each, k * each)), np.zeros((many, k * each, each))
        for part, F in self._features(Z, first, rows):
            moment += F.transpose(0, 2, 1) @ F / len(rows)
            target += F.transpose(0, 2, 1) @ (Z[part][None] if together else Z[part].T[:, :, None]) / len(rows)
        # The ridge is never 0, so that constant channels and repeated lags leave a solution.
        ridged = moment + max(self.ridge, 1e-9) * np.eye(k * each)
        weights, left = np.zeros((k + 1, many, k * each, each)), np.empty((k + 1, c))
        own = np.square(Z[rows]).mean(axis=0)
        for known in range(k + 1):
            f = known * each  # lags ascend, so the known ones come first
            weights[known, :, :f] = np.linalg.solve(ridged[:, :f, :f], target[:, :f])
            w = weights[known]
            left[known] = own + (w * (moment @ w - 2 * target)).sum(axis=1).ravel()
        left = np.maximum(np.maximum(left, left[-1]), 1e-12)
        return weights, np.sqrt(left / left[-1])

    def _features(self, Z: np.ndarray, first: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (rows (b,), their lagged values: (1, b, lags · c) of all channels, or (c, b, lags) of each)."""
        c = Z.shape[1]
        size = max(1, _CELLS // (len(self.lags_) * c))
        for start in range(0, len(rows), size):
            part = rows[start:start + size]
            back = part[:, None] - self.lags_
            F = np.where((back >= first[part][:, None])[:, :, None], Z[np.maximum(back, 0)], 0.0)  # (b, lags, c)
            yield part, F.reshape(1, len(part), -1) if c <= _TOGETHER else np.ascontiguousarray(F.transpose(2, 0, 1))

    def _check(self) -> None:
        for name, least, none in (("lags", 1, False), ("smooth", 0, True)):
            value: Any = getattr(self, name)
            if value is None and none:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ConfigError("TOC-202", f"Autoregression: {name} must be at least {least}", came=repr(value),
                                  todo=f"give a whole number from {least}")
        if not 0 <= self.ridge < np.inf:
            raise ConfigError("TOC-202", "Autoregression: ridge must be 0 or more", came=repr(self.ridge), todo="try 0.001")
