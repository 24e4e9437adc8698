"""Columns in comparable units, learned on training rows, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.stats import norm

from tocsin.core.errors import ConfigError
from tocsin.core.types import Finding
from tocsin.data.matrix import checked, fitted, value_columns
from tocsin.data.transformer import Transformer

_METHODS = ("standard", "robust", "quantile", "log", "none")
_FAR = 1e6  # scaled values beyond are clipped: nothing downstream tells 1e6 from 1e300 spreads, but squares of the latter overflow
_KNOTS = 501
_GIANT = 100.0  # robust spreads
_HEAVY = 10.0  # times the middle value above the least: a column that goes beyond is taken by size
_FINE = 1e-3  # of that middle value: steps finer than this are no matter of size
_MAX = np.finfo(float).max
_LONGEST = 709.78  # of a logarithm that can be undone
DIGITS = 1e10  # logarithms are rounded to ten digits: every runtime has the same, and equal cells stay equal


class Scale(Transformer):
    """(n, d) → (n, d), columns of role "value" brought to about mean 0 and spread 1; all others pass unchanged.

    method  "standard": mean and standard deviation; right for clean training rows. Values more than a hundred robust spreads from the
            median count as that far, so that one giant spike does not make everything else look alike.
            "robust": median and IQR / 1.349 (a normal column gets spread 1); when outliers sit in the training rows. A column whose
            IQR is zero takes the standard deviation instead.
            "quantile": rank on the training rows, mapped to a normal; for heavy tails and odd shapes. Outside the training range it goes
            on as the logarithm of the distance, so a far outlier stays far and the order is kept; nothing is clipped to the range.
            "log": as "standard", but columns with a heavy tail by their order of magnitude; for counts, bytes, amounts, durations. Such
            a column goes beyond ten times its middle value, counted from its least. Its smallest step from there is the unit; below the
            least value it goes on as above.
            "none": values pass unchanged.

    Evidence columns of ``Encode`` (indicators, levels, frequencies, cyclic parts) come in their final scale: pass
    ``fit(X, features=encode.features_)`` and they are left alone, or, with ``evidence``, shrunk until their largest training value is
    that: in a window of a hundred steps some rare level or missing cell is nothing rare, and unshrunk they would drown the measurements.
    A column that does not vary gets spread 1. Values beyond ±1e6 in scaled units are set to ±1e6 (methods "standard" and "robust"),
    so that 1e300 cannot overflow later.

    Raises ConfigError TOC-202; DataError TOC-110 (impute first), TOC-111, TOC-115.

    >>> scale = Scale("standard").fit([[0.0], [2.0]])
    >>> scale.transform([[4.0]]).tolist(), scale.inverse([[3.0]]).tolist()
    ([[3.0]], [[4.0]])

    Source: robust scaling, Huber 1981; rank-based normal scores, van der Waerden 1952.
    """

    def __init__(self, method: str = "standard", evidence: float | None = None) -> None:
        self.method = method
        self.evidence = evidence

    def fit(self, X: Any, y: Any = None, *, features: Sequence[dict[str, Any]] | None = None) -> Self:
        """Learn centre and spread (or quantiles) of each column; ``features`` tells which columns to leave alone."""
        if self.method not in _METHODS:
            raise ConfigError("TOC-202", "Scale: method is unknown", came=repr(self.method), todo=f"use one of {', '.join(_METHODS)}")
        X = checked(X, finite=True)
        self._forget()
        value = value_columns(features, X.shape[1])
        center, spread = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.method == "log":
            self.low_, self.step_ = _sizes(X, value)
            X = self._sized(X)
        if self.method != "none" and len(X) and value.any():
            measure = _standard if self.method in ("standard", "log") else _robust
            center[value], spread[value] = measure(X[:, value])
        if self.method == "quantile":
            self.knots_, self.normal_ = _normal_scores(X if len(X) else np.zeros((1, X.shape[1])))
        if self.evidence is not None:  # evidence columns that were silent in training keep their full strength
            largest = np.abs(X).max(axis=0, initial=0.0)
            spread = np.where(value, spread, np.maximum(largest / self.evidence, 1.0))
        self.value_, self.center_, self.spread_ = value, center, spread
        return self

    def transform(self, X: Any) -> np.ndarray:
        """(n, d) in scaled units."""
        value, center, spread = self._fitted()
        X = checked(X, width=len(center), finite=True)
        X = self.measured(X)
        if self.method == "quantile":
            return np.where(value, self._by_column(X, _to_normal), X / np.where(value, 1.0, spread))
        with np.errstate(over="ignore"):
            scaled = (X - center) / spread
        return np.where(value & (self.method != "none"), np.clip(scaled, -_FAR, _FAR), scaled)

    def inverse(self, Z: Any) -> np.ndarray:
        """(n, d) in the columns' own units: the inverse of ``transform`` wherever nothing was clipped and values were not tied."""
        value, center, spread = self._fitted()
        Z = checked(Z, width=len(center), finite=True)
        if self.method == "quantile":
            return np.where(value, self._by_column(Z, _from_normal), Z * spread)
        with np.errstate(over="ignore"):
            return self.unmeasured(np.asarray(np.nan_to_num(Z * spread + center)))

    def unmeasured(self, X: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`measured`."""
        if self.method != "log":
            return X
        step = np.asarray(self.step_)
        with np.errstate(over="ignore"):
            above = np.sign(X) * np.expm1(np.minimum(np.abs(X), _LONGEST)) * step
            return np.where(step > 0, np.nan_to_num(self.low_ + above), X)

    @property
    def by_size(self) -> np.ndarray:
        """(d,) which columns are taken by their order of magnitude."""
        return np.asarray(self.step_) > 0 if self.method == "log" else np.zeros(len(self._fitted()[0]), dtype=bool)

    def changes(self) -> tuple[Finding, ...]:
        """Which columns could not be given a spread of their own."""
        value, _, spread = self._fitted()
        still = int((value & (spread == 1.0)).sum()) if self.method != "none" else 0
        message = f"{int(value.sum())} columns were scaled ({self.method}); {still} of them do not vary and were only centred."
        return (Finding("scaled", "info", message, None, int(value.sum()), len(value)),)

    def measured(self, X: np.ndarray) -> np.ndarray:
        """(n, d) finite cells as centre and spread are counted in: columns taken by size as logarithms, 0 their least value."""
        return self._sized(X) if self.method == "log" else X

    def _sized(self, X: np.ndarray) -> np.ndarray:
        sized, step = np.asarray(self.step_) > 0, np.asarray(self.step_)
        with np.errstate(over="ignore"):
            above = np.clip(X - self.low_, -_MAX, _MAX)
            steps = np.minimum(np.abs(above) / np.where(sized, step, 1.0), _MAX)
        return np.where(sized, np.sign(above) * np.rint(np.log1p(steps) * DIGITS) / DIGITS, X)

    def _by_column(self, X: np.ndarray, function: Any) -> np.ndarray:
        value, _, spread = self._fitted()
        made = X.copy()
        for j in np.flatnonzero(value):
            made[:, j] = function(X[:, j], self.knots_[:, j], self.normal_[:, j], spread[j])
        return made

    def _fitted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.asarray(fitted(self, "value_"), dtype=bool), np.asarray(self.center_), np.asarray(self.spread_)


def _sizes(X: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) least values and (d,) steps above them that count as one; a step of 0: not taken by size."""
    low, step = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for j in np.flatnonzero(value) if len(X) else ():
        low[j] = X[:, j].min()
        with np.errstate(over="ignore"):
            above = np.minimum(X[:, j] - low[j], _MAX)
        above = above[above > 0]
        if len(above) and above.max() / _HEAVY > np.median(above / 2) * 2:
            step[j] = max(float(above.min()), _FINE * float(np.median(above)), 1e-300)
    return low, step


def _standard(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X = _without_giants(X)
    size = np.maximum(np.abs(X).max(axis=0), 1e-300)  # squares of 1e300 would overflow
    X = X / size
    center, spread = X.mean(axis=0), X.std(axis=0)
    still = spread <= 1e-12 * np.maximum(np.abs(center), 1e-300)  # rounding noise of a constant is not a spread
    with np.errstate(over="ignore"):
        spread = np.where(still, 1.0, np.maximum(spread * size, 1e-300))
    return np.where(still, X[0] * size, center * size), spread


def _without_giants(X: np.ndarray) -> np.ndarray:
    """Values within a hundred robust spreads of the median; columns whose middle half does not vary stay as they are."""
    low, middle, high = (np.quantile(X / 2, q, axis=0) for q in (0.25, 0.5, 0.75))  # halves: a difference of +-1e308 overflows
    with np.errstate(over="ignore"):
        reach = np.where(high > low, _GIANT * (high - low) / 1.349, np.inf)
        if not (np.abs(X / 2 - middle) > reach).any():
            return X
        low, high = ((middle + sign * reach) * 2 for sign in (-1, 1))
    return np.clip(X, np.nan_to_num(low), np.nan_to_num(high))


def _robust(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, center, high = (np.quantile(X / 2, q, axis=0) for q in (0.25, 0.5, 0.75))  # halves: a difference of +-1e308 overflows
    half = (high - low) / 1.349
    narrow = half <= 1e-9 * (X.max(axis=0) / 2 - X.min(axis=0) / 2)  # no spread among the middle half: ties, or next to ties
    with np.errstate(over="ignore"):
        spread = np.minimum(np.maximum(half, 1e-300) * 2, np.finfo(float).max)
    return center * 2, np.where(narrow, _standard(X)[1], spread)


def _normal_scores(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, d) quantiles of each column and the normal scores that belong to them; tied quantiles share their mean score."""
    n, m = len(X), min(len(X), _KNOTS)
    knots = np.quantile(X / 2, np.linspace(0, 1, m), axis=0) * 2
    score = norm.ppf(np.linspace(0.5 / n, 1 - 0.5 / n, m))
    normal = np.empty_like(knots)
    for j in range(X.shape[1]):
        _, which, count = np.unique(knots[:, j], return_inverse=True, return_counts=True)
        normal[:, j] = (np.bincount(which, score) / count)[which]
    return knots, normal


def _to_normal(x: np.ndarray, knots: np.ndarray, normal: np.ndarray, spread: float) -> np.ndarray:
    values, first = np.unique(knots, return_index=True)
    with np.errstate(over="ignore"):  # knots 1e-300 apart: the slope between them overflows, the value does not
        z = np.interp(x, values, normal[first])
        above, below = (np.minimum(np.maximum(d, 0) / spread, np.finfo(float).max) for d in (x - values[-1], values[0] - x))
    return z + np.log1p(above) - np.log1p(below)


def _from_normal(z: np.ndarray, knots: np.ndarray, normal: np.ndarray, spread: float) -> np.ndarray:
    values, first = np.unique(knots, return_index=True)
    score = normal[first]
    with np.errstate(over="ignore"):
        above, below = (np.expm1(np.minimum(np.maximum(d, 0), 709.0)) * spread for d in (z - score[-1], score[0] - z))
        return np.nan_to_num(np.interp(z, score, values) + above - below)
