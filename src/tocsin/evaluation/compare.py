"""Is one method better than another over many data sets? Paired tests, average ranks, wins.

Data sets differ far more than methods do, so methods are compared set by set (Demšar, Statistical Comparisons of Classifiers over
Multiple Data Sets, JMLR 7, 2006). Letters: s data sets, m methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata, wilcoxon

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator


def paired(a: np.ndarray, b: np.ndarray, *, level: float = 0.95, repeats: int = 2000, seed: int = 0) -> dict[str, Any]:
    """``a`` against ``b`` (s,) on the same sets: mean difference with its bootstrap interval, wins, and Wilcoxon's signed-rank p-value.

    Sets where one of the two is missing (NaN) are left out and ``sets`` says how many remain. ``p_value`` is two-sided and None when no set
    tells the two apart; with fewer than six sets it cannot fall below 0.05. Raises ConfigError TOC-262 for unequal lengths.

    >>> made = paired(np.array([0.9, 0.8, 0.7]), np.array([0.8, 0.7, 0.7]))
    >>> made["wins"], made["losses"], made["ties"], made["p_value"]
    (2, 0, 1, 0.5)
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ConfigError("TOC-262", "two methods are compared on the same sets", came=f"shapes {a.shape} and {b.shape}",
                          todo="pass one value per set for each, NaN where one is missing")
    gap = (a - b)[np.isfinite(a) & np.isfinite(b)]
    gap[np.abs(gap) < 1e-12] = 0.0
    p = float(wilcoxon(gap, zero_method="wilcox").pvalue) if np.any(gap) else None
    return {"sets": len(gap), "mean_difference": float(gap.mean()) if len(gap) else None,
            "interval": mean_interval(gap, level, repeats, seed),
            "wins": int((gap > 0).sum()), "losses": int((gap < 0).sum()), "ties": int((gap == 0).sum()), "p_value": p}


def mean_interval(values: np.ndarray, level: float = 0.95, repeats: int = 2000, seed: int = 0) -> tuple[float, float] | None:
    """Bootstrap interval of the mean over sets; None for fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return None
    means = values[generator(seed, "sets").integers(0, len(values), (repeats, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ranks(table: np.ndarray) -> np.ndarray:
    """(m,) average rank over the sets of ``table`` (s, m), 1 = best (highest); ties share; sets with a missing value are left out.

    >>> ranks(np.array([[0.9, 0.8], [0.7, 0.7]])).tolist()
    [1.25, 1.75]
    """
    whole = _whole(table)
    return np.asarray(rankdata(-np.round(whole, 12), axis=1).mean(axis=0)) if len(whole) else np.full(np.shape(table)[1], np.nan)


def wins(table: np.ndarray) -> np.ndarray:
    """(m,) on how many sets each method is the best; methods that tie for it share the win."""
    whole = np.round(_whole(table), 12)
    best = whole == whole.max(axis=1, keepdims=True) if len(whole) else whole
    return np.asarray((best / best.sum(axis=1, keepdims=True)).sum(axis=0)) if len(whole) else np.zeros(np.shape(table)[1])


def _whole(table: np.ndarray) -> np.ndarray:
    table = np.asarray(table, float)
    return np.asarray(table[np.isfinite(table).all(axis=1)])
