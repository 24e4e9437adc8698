"""Tables most of whose columns hold one value nearly always: rare counts, flags, categories written as indicators.

In spreads, one cell off such a column is huge, and it is a rare event, no more. A column that never varied has no spread at all: that it
changes is new, but normal rows do that, too. So here what is large counts by its logarithm, and what never varied counts little.

Letters: n rows, d columns.
"""

from __future__ import annotations

import numpy as np

USUAL = 3.0  # spreads: beyond, a cell counts by the logarithm of what is beyond
CHANGE = 2.0  # spreads that changes of columns which never varied count, however many of them change
STILL = 1e-9  # a cell so little off a column that never varied is the same
_NEARLY = 0.9  # share of the rows that one value holds, "nearly always"
_TWO = (0.25, 0.9)  # share of the columns that are of two values: with fewer a table of measurements, with more one of switches
_LONGEST = 700.0  # of a logarithm that can be undone


def is_uneven(X: np.ndarray) -> bool:
    """Whether most varying columns of ``X`` (n, d) hold one value in nine rows of ten, and some, not nearly all, are of two values."""
    found = columns(X)
    varying = int((~found["still"]).sum())
    held = np.ceil(_NEARLY * len(X)).astype(int)
    ranked = np.sort(X, axis=0)
    one = (ranked[held - 1:] == ranked[:len(X) - held + 1]).any(axis=0) & ~found["still"]
    return bool(one.sum() > varying / 2 and _TWO[0] * varying < found["two"].sum() < _TWO[1] * varying)


def columns(X: np.ndarray) -> dict[str, np.ndarray]:
    """{"still": (d,) whether a column of ``X`` (n, d) holds one value, "two": (d,) whether exactly two}.

    >>> {name: found.tolist() for name, found in columns(np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 3.0], [1.0, 2.0, 4.0]])).items()}
    {'still': [True, False, False], 'two': [False, True, False]}
    """
    low, high = X.min(axis=0), X.max(axis=0)
    return {"still": low == high, "two": ((low == X) | (high == X)).all(axis=0) & (low < high)}


def tamed(Z: np.ndarray, mixed: dict[str, np.ndarray]) -> np.ndarray:
    """(n, d) cells ``Z`` in spreads as they are compared; see the page. ``mixed`` are the :func:`columns` of the training rows.

    >>> tamed(np.array([[2.0, 3.0, 50.0]]), columns(np.array([[0.0, 0.0, 7.0], [2.0, 1.0, 7.0]]))).tolist()
    [[2.0, 3.0, 2.0]]
    """
    fixed = np.asarray(mixed["still"])
    within = np.clip(Z, -USUAL, USUAL)
    made = within + np.sign(Z) * np.log1p(np.abs(Z - within))
    off = np.where(fixed & (np.abs(Z) > STILL), np.sign(Z), 0.0)
    count = np.maximum(np.abs(off).sum(axis=1, keepdims=True), 1.0)
    return np.asarray(np.where(fixed, CHANGE * off / np.sqrt(count), made))


def untamed(Z: np.ndarray) -> np.ndarray:
    """The inverse of :func:`tamed` in columns that varied."""
    within = np.clip(Z, -USUAL, USUAL)
    return np.asarray(within + np.sign(Z) * np.expm1(np.minimum(np.abs(Z - within), _LONGEST)))


def ranked(Z: np.ndarray, ranks: np.ndarray, mixed: dict[str, np.ndarray]) -> np.ndarray:
    """(n, d) normal scores ``ranks``; of two values, which have no ranks to speak of, the cells ``Z`` themselves, and half a change:
    ranks, too, go on slowly beyond what was seen."""
    return np.asarray(np.where(np.asarray(mixed["two"]), Z, np.where(np.asarray(mixed["still"]), Z / 2, ranks)))
