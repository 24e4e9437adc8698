"""What comes into a figure, checked once: labels and decisions of 0 and 1, scores without NaN, all of one length.

A figure computed from something else would still be a number: NaN counts as an alarm, a label of 2 as normal in one place and as an anomaly
in another. Letters: n rows or time steps.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from tocsin.core.errors import DataError


def labels(y: Any, n: int | None = None) -> np.ndarray:
    """(n,) int64 labels of 0 and 1. Raises DataError TOC-101 (not ``n`` of them), TOC-115 (no column), TOC-117 (other values).

    >>> labels([0, 1.0, True]).tolist()
    [0, 1, 1]
    """
    return _binary("labels", y, n)


def decisions(decided: Any, n: int) -> np.ndarray:
    """(n,) truth values from decisions of 0 and 1. Raises what :func:`labels` raises."""
    made: np.ndarray = _binary("decisions", decided, n).astype(bool)
    return made


def scores(score: Any, n: int | None = None, *, nan: bool = False) -> np.ndarray:
    """(n,) float64 scores; infinite ones are in order. Raises DataError TOC-101 (not ``n`` of them), TOC-115 (no column of numbers;
    NaN, unless ``nan``: for a caller with an error of its own).

    >>> scores([1, 2.5], 2).tolist()
    [1.0, 2.5]
    """
    given = _column("scores", score, n)
    if given.dtype.kind not in "biuf":
        raise DataError("TOC-115", "scores must be numbers", came=_told(given), todo="give every row a score")
    made: np.ndarray = given.astype(np.float64)
    if not nan and np.isnan(made).any():
        raise DataError("TOC-115", "scores must be numbers", came=f"{int(np.isnan(made).sum())} NaN", todo="give every row a score")
    return made


def segments(groups: Any, n: int) -> np.ndarray | None:
    """(n,) segments as they came, or None. Raises DataError TOC-101 where there is not one per step."""
    if groups is None:
        return None
    given = np.asarray(groups)
    if given.shape != (n,):
        raise DataError("TOC-101", "groups do not have one entry per step", came=f"shape {given.shape} for {n} steps",
                        todo=f"pass {n} entries, or None")
    return given


def _binary(name: str, values: Any, n: int | None) -> np.ndarray:
    given = _column(name, values, n)
    if given.dtype.kind not in "biuf" or not np.isin(given, (0, 1)).all():
        raise DataError("TOC-117", f"{name} must be 0 (normal) or 1 (anomaly), one per row", came=_told(given),
                        todo=f"map the {name} to 0 and 1")
    return given.astype(np.int64)


def _column(name: str, values: Any, n: int | None) -> np.ndarray:
    """(n,) values; numbers that came as objects are numbers again."""
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise DataError("TOC-115", f"{name} are not one column", came=type(values).__name__, todo="pass one number per row") from error
    if given.dtype.kind == "O" and given.ndim == 1 and all(isinstance(value, (Real, np.bool_)) for value in given):
        given = given.astype(np.float64)
    if given.ndim != 1:
        raise DataError("TOC-115", f"{name} are not one column", came=f"{given.dtype} {given.shape}", todo="pass one number per row")
    if n is not None and len(given) != n:
        raise DataError("TOC-101", f"{name} do not have one entry per row", came=f"shape {given.shape} for {n} rows",
                        todo=f"pass {n} {name}")
    return given


def _told(given: np.ndarray) -> str:
    """What came, in short: the first values that are neither 0 nor 1."""
    if given.dtype.kind not in "biuf":
        return f"{given.dtype} such as {given[:3].tolist()}"[:80]
    return f"values such as {np.unique(given[~np.isin(given, (0, 1))])[:3].tolist()}"
