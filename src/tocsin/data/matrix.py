"""What the matrix steps share: the check at the door, the segments of a series, and which columns are measurements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError, StateError


def checked(X: Any, *, width: int | None = None, finite: bool = False) -> np.ndarray:
    """``X`` as float64 (n, d). ``width`` is the number of columns learned; NaN stands for missing unless ``finite``.

    Raises DataError TOC-110 (NaN or infinity where ``finite``), TOC-111 (other width), TOC-115 (not a matrix of numbers).

    >>> checked([[1, 2]]).dtype
    dtype('float64')
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise DataError("TOC-115", "an array of numbers with two dimensions is needed", came=f"{X.dtype} {X.shape}",
                        todo="pass (rows, columns) of numbers; Encode makes them from a table")
    if width is not None and X.shape[1] != width:
        raise DataError("TOC-111", "the number of columns differs from the one learned", came=f"{X.shape[1]} columns, learned with {width}",
                        todo="pass the columns of the training data, in their order")
    X = X.astype(np.float64, copy=False)
    if finite and not np.isfinite(X).all():
        bad = np.argwhere(~np.isfinite(X))
        raise DataError("TOC-110", "NaN or infinity in the data", came=f"{len(bad)} cells, first at row {bad[0][0]}, column {bad[0][1]}",
                        todo="impute them first (Impute)")
    return X


def fitted(step: Any, name: str) -> Any:
    """The learned value ``name`` of ``step``; raises StateError TOC-301 when it has not been fitted."""
    try:
        return vars(step)[name]
    except KeyError:
        raise StateError("TOC-301", f"this {type(step).__name__} has not been fitted", todo="call fit first") from None


def segment_slices(groups: np.ndarray | None, n: int) -> list[slice]:
    """One slice for each run of equal ``groups``; a single one when there are none.

    >>> segment_slices(np.array([0, 0, 1]), 3)
    [slice(0, 2, None), slice(2, 3, None)]
    """
    if groups is None:
        return [slice(0, n)]
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise DataError("TOC-116", "groups must have one entry per row", came=f"shape {groups.shape} for {n} rows",
                        todo=f"pass {n} entries")
    cuts = [0, *(np.flatnonzero(groups[1:] != groups[:-1]) + 1).tolist(), n]
    return [slice(a, b) for a, b in pairwise(cuts) if b > a]


def value_columns(features: Sequence[dict[str, Any]] | None, width: int) -> np.ndarray:
    """(d,) bool: which columns hold measurements in their own units; all of them without a feature list.

    >>> value_columns([{"role": "value"}, {"role": "missing"}], 2).tolist()
    [True, False]
    """
    if features is None:
        return np.ones(width, dtype=bool)
    if len(features) != width:
        raise ConfigError("TOC-202", "the feature list does not describe this matrix", came=f"{len(features)} features, {width} columns",
                          todo="pass Encode.features_ of the step that made the matrix")
    return np.array([feature["role"] == "value" for feature in features], dtype=bool)
