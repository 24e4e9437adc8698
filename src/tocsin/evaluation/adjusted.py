"""Point-adjusted precision, recall and F1: for comparing with papers that report nothing else, never for choosing a detector.

Point adjustment counts a whole anomaly as found when a single one of its steps is flagged, and then judges step by step. A long anomaly
thus pays for hundreds of steps with one lucky alarm, while false alarms pay singly: random decisions reach the level of published methods.
So every result carries a warning in words, and the figure that random decisions with as many flagged steps would get here.

Source: Kim et al., Towards a Rigorous Evaluation of Time-Series Anomaly Detection, AAAI 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.evaluation.checked import decisions, labels, segments
from tocsin.evaluation.ranges import runs


@dataclass(frozen=True)
class Adjusted:
    """Point-adjusted figures; None where the data give none. ``chance_f1`` is what as many random alarms would get."""

    precision: float | None
    recall: float | None
    f1: float | None
    chance_f1: float | None
    warning: str


def point_adjusted(y: np.ndarray, decided: np.ndarray, groups: np.ndarray | None = None) -> Adjusted:
    """Point-adjusted figures of the decisions (t,) against the labels ``y`` (t,), both 0 or 1. Read ``warning``; prefer VUS-PR or events.

    Raises DataError TOC-101 (unequal lengths), TOC-115 (no columns of numbers), TOC-117 (other values than 0 and 1).

    >>> y = np.zeros(1000, int); y[200:500] = 1
    >>> lucky = (np.arange(1000) % 90 == 0).astype(int)
    >>> made = point_adjusted(y, lucky)
    >>> round(made.f1, 2), round(made.chance_f1, 2)
    (0.99, 0.97)
    >>> made.warning
    'Point adjustment: random alarms, as many as these, would get F1 0.97 here. Do not choose a detector by it.'
    """
    truth = labels(y).astype(bool)
    flagged, groups = decisions(decided, len(truth)), segments(groups, len(truth))
    ends = runs(truth, groups)
    lengths = ends[:, 1] - ends[:, 0] + 1
    before = np.r_[0, np.cumsum(flagged)]
    touched = before[ends[:, 1] + 1] > before[ends[:, 0]]
    hits, false_alarms, share = int(lengths[touched].sum()), int((flagged & ~truth).sum()), flagged.mean() if len(flagged) else 0.0
    expected = float(np.sum(lengths * (1 - (1 - share) ** lengths)))
    chance = _f1(expected, float(share * (~truth).sum()), float(lengths.sum()))
    said = "is not defined" if chance is None else f"would get F1 {chance:.2f} here"
    return Adjusted(hits / (hits + false_alarms) if hits + false_alarms else None, hits / int(lengths.sum()) if len(ends) else None,
                    _f1(hits, false_alarms, float(lengths.sum())), chance,
                    f"Point adjustment: random alarms, as many as these, {said}. Do not choose a detector by it.")


def _f1(hits: float, false_alarms: float, anomalous: float) -> float | None:
    below = hits + false_alarms + anomalous
    return float(2 * hits / below) if below else None
