"""What the detector's chart draws, as plain numbers: made from a trace, drawn by chart.js."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

_CHANNELS = 8  # more lines than this tell a reader nothing; the ones most often to blame stay
_OPEN = (2, 3)  # channels drawn at first: as many at least and at most
_RELEVANT = 0.15  # share of a reason from which a column carries the mark of an odd moment
_RAREST = 1e-7  # a p-value below this is drawn here


def payload(trace: Mapping[str, Any] | None, found: Sequence[Mapping[str, Any]], threshold: Mapping[str, Any]) -> dict[str, Any] | None:
    """The chart of the newest batch, or None when none was kept.

    ``trace`` is a batch's scores and columns, ``found`` its odd rows with their reasons, ``threshold`` the live version's.
    ``odds`` is 1/p: "one of so many normal rows is this odd".

    >>> drawn = payload({"kind": "table", "ids": [1, 2], "time": None, "p_value": [0.5, 0.001], "is_anomaly": [False, True],
    ...                  "score": [0.1, 9.0], "columns": [], "events": []}, [], {"cut": 0.01})
    >>> drawn["odds"], drawn["cut"], drawn["channels"]
    ([2.0, 1000.0], 100.0, [])
    """
    if not trace or not trace.get("p_value"):
        return None
    series = trace.get("kind") == "series"
    n = len(trace["p_value"])
    odd = flags(trace, threshold)
    return {
        "kind": "series" if series else "table",
        "x": [_moment(value) for value in trace["time"]] if trace.get("time") else _positions(trace, n),
        "dated": bool(trace.get("time")) and not isinstance(trace["time"][0], (int, float)),
        "names": [str(value) for value in trace.get("ids") or range(n)],
        "odds": [_round(1 / max(float(p), _RAREST)) for p in trace["p_value"]],
        "odd": odd,
        "cut": _cut(threshold),
        "events": _spans(trace, odd),
        "channels": channels(trace.get("columns") or (), found, list(trace.get("rows") or range(n))),
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


def channels(
    columns: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]] = (), rows: Sequence[int] = ()
) -> list[dict[str, Any]]:
    """The columns to draw: first the one most to blame for each of the oddest stretches, these are shown at once.

    ``marks`` holds the places among ``rows`` whose reason names the column; None where no odd row has a reason, and all may be marked.

    >>> reason = {"shares": {"a": 0.1, "b": 0.9}}
    >>> made = channels([{"name": "a", "values": [1.0, None]}, {"name": "b", "values": [2, 3], "low": [1, 1], "high": [4, 4]}],
    ...                 [{"batch": "x", "row": 7, "event": None, "score": 1.0, "reason": reason}], [6, 7])
    >>> [channel["name"] for channel in made], made[0]["low"], made[1]["low"], [channel["marks"] for channel in made]
    (['b', 'a'], [1, 1], None, [[1], []])
    """
    worst = _worst(found)
    mean, names = blamed(list(worst.values())), {str(column["name"]) for column in columns}
    tops = [max(shares, key=lambda name: float(shares[name] or 0.0)) for one in worst.values() if (shares := one["reason"]["shares"])]
    first = [name for name in dict.fromkeys(tops) if name in names]
    order = {name: place for place, name in enumerate([*first, *(name for name in mean if name not in first)])}
    ranked = sorted(columns, key=lambda column: order.get(str(column["name"]), len(order)))[:_CHANNELS]
    marks = _marks(worst, found, rows)
    shown = min(max(_OPEN[0], len(first)), _OPEN[1])
    return [
        {
            "name": str(column["name"]),
            "open": i < shown,
            "y": _numbers(column["values"]),
            "marks": None if marks is None else marks.get(str(column["name"]), []),
            **{part: _numbers(column[part]) if column.get(part) else None for part in ("expected", "low", "high")},
        }
        for i, column in enumerate(ranked)
    ]


def _worst(found: Sequence[Mapping[str, Any]]) -> dict[Any, Mapping[str, Any]]:
    """Stretch → its oddest row that has a reason, the oddest stretch first: at the edges of a stretch reasons are mostly noise."""
    worst: dict[Any, Mapping[str, Any]] = {}
    for one in sorted((one for one in found if (one.get("reason") or {}).get("shares")), key=lambda one: -one["score"]):
        worst.setdefault(_stretch(one), one)
    return worst


def _stretch(one: Mapping[str, Any]) -> Any:
    return one.get("event") or (one.get("batch"), one.get("row"))


def _marks(worst: Mapping[Any, Mapping[str, Any]], found: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> dict[str, list[int]] | None:
    """column → places among ``rows`` in whose stretch it has a relevant share of the reason; None where there is no reason at all."""
    place = {row: i for i, row in enumerate(rows)}
    made: dict[str, list[int]] = {}
    for one in found:
        if one["row"] not in place or _stretch(one) not in worst:
            continue
        shares = {name: float(share or 0.0) for name, share in worst[_stretch(one)]["reason"]["shares"].items()}
        least = min(_RELEVANT, max(shares.values()))
        for name, share in shares.items():
            if share >= least > 0:
                made.setdefault(name, []).append(place[one["row"]])
    return {name: sorted(places) for name, places in made.items()} if worst else None


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
    """Lines of the file, the first of which holds the names; a trace that was thinned says which rows stayed."""
    rows = trace.get("rows") or range(n)
    return [int(row) + 2 for row in rows]


def _spans(trace: Mapping[str, Any], odd: Sequence[bool]) -> list[list[int]]:
    """Each stretch as the places of its first and last row among those that are drawn; one without an alarm any more is left out."""
    rows = list(trace.get("rows") or range(len(odd)))
    made = []
    for event in trace.get("events") or ():
        start, end = bisect_left(rows, event["start"]), min(bisect_left(rows, event["end"] + 1), len(odd)) - 1
        if any(odd[start : end + 1]):
            made.append([start, end])
    return made


def _moment(value: Any) -> Any:
    return value if isinstance(value, (int, float)) or value is None else str(value)


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: Any) -> Any:
    """Six significant digits draw the same picture in a third of the bytes; what is no finite number is a gap."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")
