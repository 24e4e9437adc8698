"""Which of many judged rows a person should look at: likely ones, uncertain ones, and no two alike."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

_POOL = 6  # candidates for each row that is asked about
_LIKELY = 0.25  # share of the rows that are the most suspicious ones; the others are the most uncertain
_EVEN = 0.01  # p at which a row is as likely right as wrong


def chosen(matrix: np.ndarray, scores: np.ndarray, z: np.ndarray, free: np.ndarray, known: np.ndarray, n: int) -> np.ndarray:
    """(n,) of ``free`` (f,): a quarter likely anomalies, the rest near the cut, each the one farthest from all before among its like.

    matrix (m, d); scores and z = −log p (m,); ``known``: rows whose answer is known already.
    """
    likely = max(1, round(_LIKELY * n)) if n else 0
    worst = free[np.argsort(-scores[free], kind="stable")]
    doubt = np.abs(np.log1p(z) - np.log1p(-np.log(_EVEN)))
    picked = _spread(matrix, worst[:_POOL * likely], _worth(z[worst[:_POOL * likely]]), known, likely)
    rest = np.setdiff1d(free, picked)
    unsure = rest[np.argsort(doubt[rest], kind="stable")][:_POOL * (n - likely)]
    told = np.r_[known, picked].astype(np.int64)
    return np.concatenate([picked, _spread(matrix, unsure, 1.0 / (1.0 + doubt[unsure]), told, n - likely)])


def _worth(z: np.ndarray) -> np.ndarray:
    return np.log1p(z - z.min()) + 1.0 if len(z) else z


def _spread(matrix: np.ndarray, pool: np.ndarray, worth: np.ndarray, known: np.ndarray, n: int) -> np.ndarray:
    """(n,) of ``pool`` (c,), greedily: worth times how far the row lies from those that are known or picked already."""
    if not n or not len(pool):
        return pool[:0]
    cells = matrix[pool]
    among = cdist(cells, cells)
    usual = float(np.median(among)) or 1.0
    far = cdist(cells, matrix[known]).min(axis=1) if len(known) else np.full(len(pool), np.inf)
    left, picked = np.ones(len(pool), dtype=bool), []
    for _ in range(min(n, len(pool))):
        gain = np.where(left, worth * (1.0 - 1.0 / (1.0 + far / usual)), -1.0)  # a copy of a known row teaches nothing
        best = int(gain.argmax())
        picked.append(best)
        left[best] = False
        far = np.minimum(far, among[best])
    return pool[picked]
