"""Noise reduction along time, an option for series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import savgol_filter

from tocsin.core.errors import ConfigError
from tocsin.core.types import Finding
from tocsin.data.matrix import checked, fitted, segment_slices, value_columns
from tocsin.data.transformer import Transformer

_METHODS = ("median", "savgol")


class Denoise(Transformer):
    """Smooths each channel of a series (t, c) inside its segment. ``width`` is odd, in steps, and centred (it looks ahead by half of it).

    method  "median": removes spikes shorter than half the width, keeps edges.
            "savgol": a parabola fitted in each window; keeps peaks' shape, lowers white noise.

    When it works: noise faster than what is looked for. When not: anomalies that are single spikes; a median of width 3 already removes
    them, so noise reduction is never a default. Columns that are evidence, not measurements (``features`` with another role than
    "value"), are left alone. A segment shorter than the savgol window stays as it is.

    Raises ConfigError TOC-202 for an unknown method or a width that is even or below 3; DataError TOC-110, TOC-111, TOC-115, TOC-116.

    >>> Denoise("median", 3).fit([[0.0]] * 5).transform([[0.0], [0.0], [9.0], [0.0], [0.0]]).ravel().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]

    Source: Savitzky and Golay 1964; running median, Tukey 1977.
    """

    def __init__(self, method: str = "median", width: int = 5) -> None:
        self.method = method
        self.width = width

    def fit(self, X: Any, y: Any = None, *, features: Sequence[dict[str, Any]] | None = None) -> Self:
        """Learn which columns are measurements, and how much of their movement is taken away."""
        if self.method not in _METHODS:
            raise ConfigError("TOC-202", "Denoise: method is unknown", came=repr(self.method), todo=f"use one of {', '.join(_METHODS)}")
        if not isinstance(self.width, int) or self.width < 3 or self.width % 2 == 0:
            raise ConfigError("TOC-202", "Denoise: width must be an odd number of steps, 3 at least", came=repr(self.width), todo="use 5")
        X = checked(X, finite=True)
        self._forget()
        self.value_ = value_columns(features, X.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(np.var(X[:, self.value_], axis=0).sum()) if len(X) else 0.0
            removed = float(np.square(X - self.transform(X))[:, self.value_].mean(axis=0).sum()) if total > 0 else 0.0
        self.removed_ = removed / total if total > 0 and np.isfinite(removed) and np.isfinite(total) else 0.0
        self.rows_ = len(X)
        return self

    def transform(self, X: Any, groups: np.ndarray | None = None) -> np.ndarray:
        """(t, c) smoothed; no window crosses from one run of equal ``groups`` (t,) into the next."""
        value = np.asarray(fitted(self, "value_"), dtype=bool)
        X = checked(X, width=len(value), finite=True)
        smooth = X.copy()
        for rows in segment_slices(groups, len(X)):
            smooth[rows, value] = self._smooth(X[rows, value])
        return smooth

    def changes(self) -> tuple[Finding, ...]:
        """The share of the training rows' variance that was smoothed away."""
        share = fitted(self, "removed_")
        return (Finding("denoised", "info", f"Smoothing ({self.method}, {self.width} steps) took away {share:.1%} of the variance.",
                        None, self.rows_, self.rows_),)

    def _smooth(self, X: np.ndarray) -> np.ndarray:
        if X.size == 0:
            return X
        if self.method == "median":
            return median_filter(X, size=(self.width, 1), mode="nearest")
        if len(X) < self.width:
            return X
        size = np.exp2(np.floor(np.log2(np.maximum(np.abs(X).max(axis=0), 1e-300))))  # a power of two: exact, and sums of 1e308 stay finite
        return savgol_filter(X / size, self.width, 2, axis=0) * size
