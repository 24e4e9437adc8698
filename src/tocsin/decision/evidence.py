"""How strongly a score speaks against a row being normal, on one scale for all detectors.

Letters: n scores to be weighed, m calibration scores of normal rows, q knots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_KNOTS = 65
_TAIL = 0.1  # share of the calibration scores beyond which the tail is extrapolated
HEIGHTS = -np.log1p(-np.linspace(0, 1 - _TAIL, _KNOTS))
"""The evidence at each knot."""


def learn(scores: np.ndarray) -> dict[str, Any]:
    """What :func:`evidence` needs of the scores (m,) of normal rows that were not learned from: {"knots": (q,), "scale": > 0}.

    >>> learned = learn(np.arange(100.0))
    >>> evidence(np.array([0.0, 49.5, 99.0, 200.0]), learned).round(2).tolist()
    [0.0, 0.69, 3.95, 23.43]
    """
    knots = np.quantile(scores, np.linspace(0, 1 - _TAIL, _KNOTS))
    beyond = scores[scores > knots[-1]] - knots[-1]
    least = 1e-9 * max(1.0, float(np.abs(scores).max()))
    width = float(knots[-1] - knots[0])  # few scores that happen to lie together must not make all that is beyond them certain
    return {"knots": knots, "scale": max(float(beyond.mean()) if len(beyond) else 0.0, 1e-3 * width, least)}


def evidence(scores: np.ndarray, learned: dict[str, Any]) -> np.ndarray:
    """(n,) minus the logarithm of the chance that a normal row scores so high: 0 for the least score, 2.3 for one in ten.

    Up to there by rank, straight between knots; beyond, an exponential tail with the mean excess of the scores seen there, so that a
    detector that is sure says so, and its evidence adds up with that of others.
    """
    knots, scale = np.asarray(learned["knots"]), float(learned["scale"])
    return np.asarray(np.interp(scores, knots, HEIGHTS) + np.maximum(scores - knots[-1], 0.0) / scale)
