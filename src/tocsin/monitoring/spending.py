"""How much each of many looks may spend of one promise, and which of many columns stand out."""

from __future__ import annotations

import math

import numpy as np

_START = 10  # so that the first look does not take half of all
_TOTAL = 0.4252  # of 1 / (m log² m) over m = 11, 12, …


def share(number: int) -> float:
    """The part of the whole promise that test ``number`` (from 1) may spend. All parts, for ever, sum to 1.

    It falls off little faster than 1 / number, so that the thousandth look still sees what is worth seeing: a drift's p-value falls
    exponentially in the rows looked at, the share only about linearly in the looks. Source: alpha spending, Lan and DeMets 1983; a sum
    over looks bounds the chance of any false alarm whatever the looks have in common.

    >>> round(share(1), 3), round(share(1_000), 6)
    (0.037, 4.9e-05)
    """
    return 1.0 / (_TOTAL * (number + _START) * math.log(number + _START) ** 2)


def standing_out(p: np.ndarray, level: float) -> np.ndarray:
    """(n,) which of ``p`` are rejected at false discovery rate ``level``, whatever the columns have in common (Benjamini, Yekutieli 2001).

    >>> standing_out(np.array([1e-6, 0.02, 0.9]), 0.05).tolist()
    [True, False, False]
    """
    n = len(p)
    order = np.argsort(p, kind="stable")
    steps = level * np.arange(1, n + 1) / (max(n, 1) * np.sum(1.0 / np.arange(1, n + 1)))
    passed = np.flatnonzero(p[order] <= steps)
    out = np.zeros(n, dtype=bool)
    if len(passed):
        out[order[:passed[-1] + 1]] = True
    return out
