"""Joining the scores of several detectors: one scale, weights without labels, a sum.

A member's score is brought to how far it stands above its own usual scores; members that find made anomalies better count more. Letters:
t time steps, m members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LOWEST, HIGHEST = -3.0, 12.0


def standing(scores: np.ndarray, centre: float, spread: float) -> np.ndarray:
    """(t,) how many usual spreads above the usual score, between -3 and 12: beyond, a member is certain, and none may outshout the rest.

    >>> standing(np.array([1.0, 3.0, 1e6]), 1.0, 0.5).tolist()
    [0.0, 4.0, 12.0]
    """
    return np.clip((scores - centre) / spread, LOWEST, HIGHEST)


def usual(scores: np.ndarray) -> tuple[float, float]:
    """(centre, spread) of the scores of normal rows; a member whose scores do not differ gets a spread that lets nothing small stand out.

    >>> usual(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    centre, spread = float(scores.mean()), float(scores.std())
    return centre, max(spread, 1e-6 * max(1.0, abs(centre)))


def weights(quality: Sequence[float] | np.ndarray, temperature: float) -> np.ndarray:
    """(m,) softmax of ``quality`` (m,): sums to 1; a high temperature trusts the qualities less.

    >>> weights([0.5, 0.5], 0.3).tolist()
    [0.5, 0.5]
    """
    exponent = np.exp((np.asarray(quality, dtype=np.float64) - np.max(quality)) / temperature)
    return np.asarray(exponent / exponent.sum())


def average_precision(y: np.ndarray, scores: np.ndarray) -> float:
    """Area under precision over recall, by steps; ties count as one threshold. 0 without a positive.

    >>> average_precision(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.7])).__round__(3)
    0.833
    """
    order = np.argsort(-scores, kind="stable")
    ordered, found = scores[order], np.cumsum(y[order])
    last = np.append(ordered[1:] != ordered[:-1], True)  # the last row of each tie
    if found[-1] == 0:
        return 0.0
    found, flagged = found[last], np.flatnonzero(last) + 1
    return float(np.sum(np.diff(found, prepend=0) * found / flagged) / found[-1])
