"""The distribution of the scores, and where the threshold cuts it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.types import Detections
from tocsin.interfaces.report.series import wide

_BARS = 60


def payload(found: Detections) -> dict[str, Any]:
    """Bars of ordinary and of flagged rows over the score; positions are log10 of the score when the scores are widely spread."""
    score = found.score
    log = wide(score)
    place = np.log10(score) if log else score
    cut = _cut(found.threshold, log)
    low, high = float(place.min()), float(place.max())
    if cut is not None and cut > high:
        high = min(cut, high + (high - low or 1.0))  # show how far the highest score is from the threshold
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    normal = np.histogram(place[~found.is_anomaly], edges)[0]
    flagged = np.histogram(place[found.is_anomaly], edges)[0]
    least = min((int(bar) for bar in flagged if bar), default=1)
    return {
        "x": [round(float(x), 6) for x in (edges[:-1] + edges[1:]) / 2],
        "width": float(edges[1] - edges[0]),
        "log": log,
        "normal": normal.tolist(),
        "flagged": flagged.tolist(),
        "threshold": cut if cut is not None and cut <= high else None,
        "tall": bool(found.is_anomaly.any() and normal.max() > 40 * least),
    }


def _cut(threshold: float, log: bool) -> float | None:
    if not np.isfinite(threshold):
        return None
    if log:
        return float(np.log10(threshold)) if threshold > 0 else None
    return float(threshold)
