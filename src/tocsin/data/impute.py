"""Missing cells become numbers that were learned on training rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Finding
from tocsin.data.matrix import checked, fitted, segment_slices
from tocsin.data.transformer import Transformer

_METHODS = ("median", "mean", "previous", "linear")


class Impute(Transformer):
    """(n, d) with NaN → (n, d) without. That a cell was missing is told elsewhere (``Encode`` writes the evidence).

    method  "median", "mean": the training column's; for tables.
            "previous": the last known value of the same segment, before the first one the training median; looks back only, so it
            serves streams too.
            "linear": on the line between the two known neighbours in the segment, at the ends the nearest known one (the training
            median when the segment knows none); looks ahead, so it suits whole series better than streams.

    When it works: scattered holes. When not: long ones, where a straight line is a story; ``clock.regrid`` cuts there instead.
    A column without any known training value is filled with 0.

    Raises ConfigError TOC-202 for an unknown method, DataError TOC-111 and TOC-115 for other matrices, TOC-110 for infinity.

    >>> Impute("median").fit([[1.0], [3.0]]).transform([[float("nan")], [7.0]]).tolist()
    [[2.0], [7.0]]
    >>> Impute("linear").fit([[1.0]]).transform([[1.0], [float("nan")], [3.0]]).ravel().tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, method: str = "median") -> None:
        self.method = method

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn one value per column."""
        if self.method not in _METHODS:
            raise ConfigError("TOC-202", "Impute: method is unknown", came=repr(self.method), todo=f"use one of {', '.join(_METHODS)}")
        X = _no_infinity(checked(X))
        self._forget()
        missing = np.isnan(X)
        known = ~missing.all(axis=0) if len(X) else np.zeros(X.shape[1], dtype=bool)
        fill = np.zeros(X.shape[1])
        if known.any():
            fill[known] = _mean(X[:, known]) if self.method == "mean" else _median(X[:, known])
        self.fill_ = fill
        self.missing_ = missing.sum(axis=0)
        self.rows_ = len(X)
        return self

    def transform(self, X: Any, groups: np.ndarray | None = None) -> np.ndarray:
        """(n, d) without NaN. Series methods stay inside runs of equal ``groups`` (n,)."""
        fill = fitted(self, "fill_")
        X = _no_infinity(checked(X, width=len(fill)))
        segments = segment_slices(groups, len(X))
        holes = np.flatnonzero(np.isnan(X).any(axis=0))
        if not len(holes):
            return X
        X = X.copy()
        if self.method in ("previous", "linear"):
            along = _previous if self.method == "previous" else _linear
            for j in holes:
                for rows in segments:
                    along(X[rows, j])
        return np.where(np.isnan(X), fill, X)

    def changes(self) -> tuple[Finding, ...]:
        """How many training cells were missing."""
        missing = np.asarray(fitted(self, "missing_"))
        count, columns = int(missing.sum()), int((missing > 0).sum())
        if not count:
            return ()
        how = {"median": "the column's median", "mean": "the column's mean", "previous": "the value before", "linear": "a straight line"}
        return (Finding("imputed", "info", f"{count} missing cells in {columns} columns were filled with {how[self.method]}.",
                        None, count, self.rows_ * len(missing)),)


def _previous(x: np.ndarray) -> None:
    """Fill ``x`` (t,) in place from behind; leading holes stay."""
    last = np.maximum.accumulate(np.where(np.isnan(x), -1, np.arange(len(x))))
    x[last >= 0] = x[last[last >= 0]]


def _linear(x: np.ndarray) -> None:
    """Fill ``x`` (t,) in place between known neighbours; a segment that knows none stays."""
    hole = np.isnan(x)
    if hole.any() and not hole.all():
        known = np.flatnonzero(~hole)
        at = np.flatnonzero(hole)
        right = np.searchsorted(known, at)
        a, b = known[np.maximum(right - 1, 0)], known[np.minimum(right, len(known) - 1)]
        share = np.clip((at - a) / np.maximum(b - a, 1), 0.0, 1.0)
        x[at] = x[a] * (1 - share) + x[b] * share  # this form cannot overflow between +-1e308


def _median(X: np.ndarray) -> np.ndarray:
    """Median of each column's known values; halves are added, so that +-1e308 does not overflow."""
    X = np.sort(X, axis=0)  # NaN last
    n = len(X) - np.isnan(X).sum(axis=0)
    columns = np.arange(X.shape[1])
    return X[(n - 1) // 2, columns] / 2 + X[n // 2, columns] / 2


def _mean(X: np.ndarray) -> np.ndarray:
    size = np.maximum(np.nanmax(np.abs(X), axis=0), 1e-300)
    return np.nanmean(X / size, axis=0) * size


def _no_infinity(X: np.ndarray) -> np.ndarray:
    if np.isinf(X).any():
        bad = np.argwhere(np.isinf(X))
        raise DataError("TOC-110", "infinity in the data", came=f"{len(bad)} cells, first at row {bad[0][0]}, column {bad[0][1]}",
                        todo="run Clean before, which turns infinity into a missing value")
    return X
