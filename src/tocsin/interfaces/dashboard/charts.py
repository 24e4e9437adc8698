"""What the detector's chart draws, as plain numbers: made from a trace, drawn by chart.js."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

_CHANNELS = 8  # more lines than this tell a reader nothing; the ones most often to blame stay
_OPEN = 2  # channels drawn at first
_RAREST = 1e-7  # a p-value below this is drawn here


def payload(trace: Mapping[str, Any] | None, blamed: Mapping[str, float], threshold: Mapping[str, Any]) -> dict[str, Any] | None:
    """The chart of the newest batch, or None when none was kept.

    ``trace`` is the newest batch's scores and columns, ``blamed`` column → share of the recent alarms, ``threshold`` the live version's.
    ``odds`` is 1/p: "one of so many normal rows is this odd".

    >>> drawn = payload({"kind": "table", "ids": [1, 2], "time": None, "p_value": [0.5, 0.001], "is_anomaly": [False, True],
    ...                  "score": [0.1, 9.0], "columns": [], "events": []}, {}, {"cut": 0.01})
    >>> drawn["odds"], drawn["cut"], drawn["channels"]
    ([2.0, 1000.0], 100.0, [])
    """
    if not trace or not trace.get("p_value"):
        return None
    series = trace.get("kind") == "series"
    n = len(trace["p_value"])
    return {
        "kind": "series" if series else "table",
        "x": [_moment(value) for value in trace["time"]] if trace.get("time") else _positions(trace, n),
        "dated": bool(trace.get("time")) and not isinstance(trace["time"][0], (int, float)),
        "names": [str(value) for value in trace.get("ids") or range(n)],
        "odds": [_round(1 / max(float(p), _RAREST)) for p in trace["p_value"]],
        "odd": flags(trace, threshold),
        "cut": _cut(threshold),
        "events": _spans(trace, n),
        "channels": channels(trace.get("columns") or (), blamed),
        "thinned": float(trace.get("step") or 1) > 1,
    }


def flags(trace: Mapping[str, Any], threshold: Mapping[str, Any]) -> list[bool]:
    """Which rows are alarms under the live ``threshold``; the batch may have been judged under an earlier one.

    >>> flags({"p_value": [0.02, 0.5], "is_anomaly": [False, False], "threshold": {"rule": "false_alarm_rate", "value": 0.01}},
    ...       {"rule": "false_alarm_rate", "value": 0.05, "cut": 0.05})
    [True, False]
    """
    then = trace.get("threshold") or {}
    same = all(then.get(part) == threshold.get(part) for part in ("rule", "value"))
    if same or not isinstance(threshold.get("cut"), (int, float)):
        return [bool(flag) for flag in trace["is_anomaly"]]
    return [float(p) <= threshold["cut"] for p in trace["p_value"]]


def channels(columns: Sequence[Mapping[str, Any]], blamed: Mapping[str, float]) -> list[dict[str, Any]]:
    """The columns to draw, those to blame first; the first two are shown at once.

    >>> made = channels([{"name": "a", "values": [1.0, None]}, {"name": "b", "values": [2, 3], "low": [1, 1], "high": [4, 4]}], {"b": 0.9})
    >>> [channel["name"] for channel in made], made[0]["low"], made[1]["low"]
    (['b', 'a'], [1, 1], None)
    """
    ranked = sorted(columns, key=lambda column: -blamed.get(str(column["name"]), 0.0))[:_CHANNELS]
    return [
        {
            "name": str(column["name"]),
            "open": i < _OPEN,
            "y": _numbers(column["values"]),
            **{part: _numbers(column[part]) if column.get(part) else None for part in ("expected", "low", "high")},
        }
        for i, column in enumerate(ranked)
    ]


def blamed(detections: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """column → its mean share over the alarms that carry reasons, largest first.

    >>> blamed([{"reason": {"shares": {"a": 0.2, "b": 0.8}}}, {"reason": None}])
    {'b': 0.8, 'a': 0.2}
    """
    shares = [found["reason"].get("shares") or {} for found in detections if found.get("reason")]
    names = {name for share in shares for name in share}
    mean = {name: sum(float(share.get(name) or 0.0) for share in shares) / len(shares) for name in sorted(names)}
    return dict(sorted(mean.items(), key=lambda pair: -pair[1]))


def _cut(threshold: Mapping[str, Any]) -> float | None:
    cut = threshold.get("cut")
    return _round(1 / max(float(cut), _RAREST)) if isinstance(cut, (int, float)) and cut > 0 else None


def _positions(trace: Mapping[str, Any], n: int) -> list[int]:
    """Row numbers, as a reader counts them; a trace that was thinned says which rows stayed."""
    rows = trace.get("rows") or range(n)
    return [int(row) + 1 for row in rows]


def _spans(trace: Mapping[str, Any], n: int) -> list[list[int]]:
    """Each event as the positions of its first and last row among those that are drawn."""
    rows = list(trace.get("rows") or range(n))
    return [
        [min(bisect_left(rows, event["start"]), n - 1), min(bisect_left(rows, event["end"]), n - 1)] for event in trace.get("events") or ()
    ]


def _moment(value: Any) -> Any:
    return value if isinstance(value, (int, float)) or value is None else str(value)


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: Any) -> Any:
    """Six significant digits draw the same picture in a third of the bytes; what is no finite number is a gap."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")
