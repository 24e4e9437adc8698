"""Distance of each window to the most similar windows of the training series."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, take, window_ends
from tocsin.data.window import spread as covering_mean
from tocsin.memory.neighbours import mean_distance, nearest, thinned
from tocsin.memory.piece import Cover, chunks, flat, full_ends, levelled, places, z_normal

_CELLS = 1 << 24  # window values remembered at most, 64 MB


class Profile(Detector):
    """Matrix profile: how far each window is from the most similar window of the training series.

    With ``normalise`` windows are compared by shape (mean 0, deviation 1 in each channel): finds what never looked like this before, at any
    level and amplitude. Without it, windows are compared as they are: finds odd levels and sizes, too, and is confused by drift. Strong on
    periodic series of any form. Weak where normal windows never repeat, and on anomalies that come twice and alike (take a larger ``k``).
    The score is the mean over the windows that cover a step of distance / sqrt(l · c); with ``normalise`` it has no unit (0 a copy, about
    1.4 unrelated), else the unit is the channels' training deviations.

    ``window``: steps l, or None for ``periods`` periods of the training series (within a third of it). ``k``: the mean of the k nearest is
    taken. ``most``: at most so many training windows, evenly spaced, are remembered (fewer where they would exceed 64 MB): thinning
    costs sharp shapes some precision, as no remembered window is in phase. Windows whose deviation is below 5 % of their channel's count as
    flat. Several channels are compared together. ``fit_score`` leaves out all windows that overlap the one that is judged. ``expected`` is
    the covering mean of the nearest windows, brought to the level and size of the judged ones. Windows never cross from one segment to the
    next; a segment shorter than the window is completed on the left by the remembered window that ends most alike. Shapes: X (t, c).
    Raises ConfigError TOC-202 for a number below its least.
    Source: Yeh et al., "Matrix profile I" (2016); raw windows: Ramaswamy, Rastogi and Shim (2000) on windows.

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(400) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(Profile().fit(wave).anomaly_score(bent).argmax()) in range(245, 265)
    True
    """

    tags = Tags(modality="series", min_rows=16, gives_expected=True, judges_own=True, own_held_out=True)

    def __init__(self, window: int | None = None, k: int = 1, normalise: bool = True, periods: float = 1.0, most: int = 4000) -> None:
        self.window = window
        self.k = k
        self.normalise = normalise
        self.periods = periods
        self.most = most

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, window=2, k=1, most=2)
        if not 0 < self.periods < np.inf:
            raise ConfigError("TOC-202", "Profile: periods must be a finite number above 0", came=repr(self.periods), todo="try 1 or 2")
        self.window_ = self.window or max(4, round(min(self.periods * window_length(X), len(X) // 3)))
        self.mean_, self.std_ = moments(X)
        self.bank_ = take(levelled(X, self.mean_, self.std_), first_rows(groups), self._learned_ends(groups, X.shape[1]), self.window_)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judge(X, groups, zone=0)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judge(X, groups, zone=self.window_)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        cover, memory = Cover(groups, X.shape[1]), self._compared(self.bank_)[0]
        ends = window_ends(groups, self.window_)
        for part, windows in chunks(levelled(X, self.mean_, self.std_), groups, ends, self.window_, self.bank_):
            rows, mean, deviation = self._compared(windows)
            index = nearest(rows, memory, self.k)[1]
            near = sum(memory[index[:, j]].astype(np.float64) for j in range(index.shape[1])) / index.shape[1]
            cover.add(ends[part], near.reshape(windows.shape) * deviation + mean)
        return np.asarray(self.mean_ + cover.mean() * spread(self.mean_, self.std_))

    def _judge(self, X: np.ndarray, groups: np.ndarray, zone: int) -> np.ndarray:
        ends, memory = window_ends(groups, self.window_), self._compared(self.bank_)[0]
        at = places(ends, groups, zone)
        own = places(self._learned_ends(groups, X.shape[1]), groups, zone) if zone else None
        scores = np.empty(len(ends))
        for part, windows in chunks(levelled(X, self.mean_, self.std_), groups, ends, self.window_, self.bank_):
            squared, _ = nearest(self._compared(windows)[0], memory, self.k, at=at[part], places=own, zone=zone)
            scores[part] = mean_distance(squared)
        return covering_mean(scores / np.sqrt(memory.shape[1]), ends, groups, self.window_)

    def _compared(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Windows (b, l, c) as rows (b, l · c) to compare, and what brings them back: mean and deviation (b, 1, c)."""
        if self.normalise:
            rows, mean, deviation = z_normal(windows)
            return flat(rows), mean, deviation
        return flat(windows), np.zeros((1, 1, 1)), np.ones((1, 1, 1))

    def _learned_ends(self, groups: np.ndarray, channels: int) -> np.ndarray:
        most = max(2, min(self.most, _CELLS // (self.window_ * channels)))
        return thinned(full_ends(groups, self.window_), most)
