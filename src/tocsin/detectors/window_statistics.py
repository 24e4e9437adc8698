"""Plain statistics of each window, compared with those of the training windows."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.moments import moments
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, take, window_ends
from tocsin.data.window import spread as covering_mean
from tocsin.memory.neighbours import mean_distance, nearest, thinned
from tocsin.memory.piece import chunks, full_ends, levelled, places

_TINY = 1e-3  # in deviations of the channel: below it, sizes of windows and steps are not told apart
_BANK = 64  # training windows that short segments are completed from


class WindowStatistics(Detector):
    """Twelve statistics per window and channel, and how far they are from those of the nearest training windows.

    Level (mean), size (log deviation), range (maximum, minimum), roughness (log mean step, log largest step, steepest rise and fall),
    skewness, slope, and likeness to itself one step and a quarter window later. Robust where exact shapes never repeat (machine and cloud
    metrics, many sensors), quick and small; the strongest single detector for series here. ``level=False`` takes the mean off first: a
    drifting level is then no evidence, a changed behaviour at any level is. Blind to a changed shape of the same statistics. The score is
    the mean over the windows that cover a step of the mean distance to the ``k`` nearest training windows in standardised statistics, over
    the square root of their number: about 0.1 to 1 for normal windows.

    ``window``: steps l, or None for one period of it. ``k``: neighbours. ``most``: at most so many training windows, evenly spaced, are
    remembered (twelve numbers per channel each). ``fit_score`` leaves out all windows that overlap the one that is judged. Windows
    never cross from one segment to the next; a segment shorter than the window is completed on the left by the training window that
    ends most alike. Shapes: X (t, c).
    Raises ConfigError TOC-202 for a number below its least.
    Source: features as in Hyndman, Wang and Laptev, "Large-scale unusual time series detection" (2015); nearest neighbours: Ramaswamy,
    Rastogi and Shim (2000).

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(400) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(WindowStatistics().fit(wave).anomaly_score(bent).argmax()) in range(245, 265)
    True
    """

    tags = Tags(modality="series", min_rows=16, judges_own=True, own_held_out=True)

    def __init__(self, window: int | None = None, k: int = 3, level: bool = True, most: int = 4000) -> None:
        self.window = window
        self.k = k
        self.level = level
        self.most = most

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, window=2, k=1, most=2)
        self.window_ = self.window or window_length(X)
        self.mean_, self.std_ = moments(X)
        Z, ends = levelled(X, self.mean_, self.std_), full_ends(groups, self.window_)
        self.bank_ = take(Z, first_rows(groups), thinned(ends, max(1, min(_BANK, 2**20 // (self.window_ * X.shape[1])))), self.window_)
        known = np.concatenate([statistics(windows, level=self.level) for _, windows in chunks(Z, groups, ends, self.window_, self.bank_)])
        self.level_, self.size_ = moments(known)
        self.rows_ = levelled(known[thinned(np.arange(len(ends)), self.most)], self.level_, self.size_)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judge(X, groups, zone=0)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judge(X, groups, zone=self.window_)

    def _judge(self, X: np.ndarray, groups: np.ndarray, zone: int) -> np.ndarray:
        ends = window_ends(groups, self.window_)
        at = places(ends, groups, zone)
        own = places(thinned(full_ends(groups, self.window_), self.most), groups, zone) if zone else None
        scores = np.empty(len(ends))
        for part, windows in chunks(levelled(X, self.mean_, self.std_), groups, ends, self.window_, self.bank_):
            rows = levelled(statistics(windows, level=self.level), self.level_, self.size_)
            squared, _ = nearest(rows, self.rows_, self.k, at=at[part], places=own, zone=zone)
            scores[part] = mean_distance(squared)
        return covering_mean(scores / np.sqrt(self.rows_.shape[1]), ends, groups, self.window_)


def statistics(windows: np.ndarray, *, level: bool = True) -> np.ndarray:
    """(b, 12 · c) from levelled windows (b, l, c): log deviation, log mean and log largest step, maximum, minimum, likeness after one
    step and after a quarter window, skewness, slope, steepest rise, steepest fall, and the mean; without ``level`` (b, 11 · c), the mean
    taken off maximum and minimum."""
    wide = windows.astype(np.float64)
    mean = wide.mean(axis=1)  # (b, c)
    around = wide - mean[:, None]
    size = np.sqrt(np.square(around).mean(axis=1))  # (b, c)
    steps = np.diff(wide, axis=1)  # (b, l - 1, c)
    least = np.maximum(size, _TINY)
    rough, rise, fall = np.abs(steps).mean(axis=1), steps.max(axis=1), steps.min(axis=1)
    ramp = np.linspace(-1.0, 1.0, wide.shape[1])
    slope = np.einsum("blc,l->bc", around, ramp) / wide.shape[1]
    skew = np.clip(np.einsum("blc,blc,blc->bc", around, around, around) / wide.shape[1] / least**3, -5.0, 5.0)
    own = [mean] if level else []
    off = 0.0 if level else mean
    sizes = [np.log(size + _TINY), np.log(rough + _TINY), np.log(np.maximum(rise, -fall) + _TINY)]
    kinds = [*sizes, wide.max(axis=1) - off, wide.min(axis=1) - off,
             _likeness(around, 1) / least**2, _likeness(around, max(2, wide.shape[1] // 4)) / least**2, skew, slope, rise, fall, *own]
    return np.concatenate(kinds, axis=1)


def _likeness(around: np.ndarray, lag: int) -> np.ndarray:
    """(b, c) mean product of values ``lag`` steps apart; 0 where the window is too short."""
    if lag >= around.shape[1]:
        return np.zeros((len(around), around.shape[2]))
    return np.asarray(np.einsum("blc,blc->bc", around[:, lag:], around[:, :-lag]) / (around.shape[1] - lag))
