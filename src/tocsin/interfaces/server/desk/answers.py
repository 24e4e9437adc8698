"""Judged rows as plain values for JSON: times as ISO text, finite numbers, and reasons in sentences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tocsin.core.types import Dataset, Detections, Explanation
from tocsin.monitoring.cells import plain_cell, times_as_text


def rows(data: Dataset, found: Detections, reasons: Explanation | None = None,
         order: np.ndarray | None = None) -> list[dict[str, Any]]:
    """One {id, time?, score, p_value, is_anomaly, reason?} per row; ``order`` (n,): the rows' positions in the order to answer in."""
    times = None if data.time is None else times_as_text(data.time)
    told = {} if reasons is None else {int(row): i for i, row in enumerate(np.asarray(reasons.rows).tolist())}
    parts = zip(found.ids.tolist(), found.score.tolist(), found.p_value.tolist(), found.is_anomaly.tolist())
    made = []
    for row, (id, score, p, odd) in enumerate(parts):
        one = {"id": id, "score": score, "p_value": p, "is_anomaly": odd}
        if times is not None:
            one["time"] = times[row]
        if row in told and reasons is not None:
            one["reason"] = reason(reasons, told[row])
        made.append(one)
    return made if order is None else [made[row] for row in order.tolist()]


def reason(why: Explanation, i: int) -> dict[str, Any]:
    """The i-th explained row's reason: {sentence, shares: {column: share}, observed, expected: {column: value}}, of a series with broken
    relations also {relations: [{a, b, usual, now, z, lag}]}."""
    made = _plain(why, i)
    if why.relations and why.relations[i]:
        made["relations"] = relations(why, i)
    return made


def relations(why: Explanation, i: int) -> list[dict[str, Any]]:
    """The pairs of channels whose relation broke around the i-th explained row."""
    return [{"a": pair.a, "b": pair.b, "usual": round(pair.usual, 4), "now": round(pair.now, 4), "z": round(pair.z, 2), "lag": pair.lag}
            for pair in (why.relations[i] if why.relations else ())]


def _plain(why: Explanation, i: int) -> dict[str, Any]:
    return {"sentence": why.sentences[i] if i < len(why.sentences) else "",
            "shares": {name: round(float(share), 6) for name, share in zip(why.labels, why.values[i])},
            "observed": {name: cell(value) for name, value in zip(why.labels, why.observed[i])},
            "expected": {name: cell(value) for name, value in zip(why.labels, why.expected[i])}}


def events(found: Detections, order: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Runs of anomalous rows of a series: {start, end, peak, score, p_value, start_time, end_time}; ``order`` as in :func:`rows`."""
    place = np.arange(len(found)) if order is None else np.argsort(order)
    return [{"start": int(place[one.start]), "end": int(place[one.end]), "peak": int(place[one.peak]), "score": float(one.score),
             "p_value": float(one.p_value),
             "start_time": _time(one.start_time), "end_time": _time(one.end_time)} for one in found.events]


def threshold(found: Detections) -> float | None:
    """The score from which on a row is an anomaly; None when no score is high enough."""
    return float(found.threshold) if math.isfinite(found.threshold) else None


def cell(value: Any) -> Any:
    """A cell for JSON; infinity is text."""
    return plain_cell(value)


def _time(value: Any) -> str | None:
    return None if value is None else times_as_text(np.array([value]))[0]
