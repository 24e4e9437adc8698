"""Odd rows as cards: one for each row, or for each event of a series, with the reason and the observed beside the expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.interfaces.dashboard.words import cell
from tocsin.interfaces.report.ranks import without_odds
from tocsin.interfaces.report.words import count, number, odds, percent

_BARS, _LEAST = 4, 0.02
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def cards(detections: Sequence[Mapping[str, Any]], cut: float | None = None, sent: Collection[str] = ()) -> list[dict[str, Any]]:
    """Newest batch first, the oddest on top; the rows of one event are one card, that of its worst row.

    ``cut`` is the live threshold on p; cards that it would not flag any more are marked. ``sent``: batches that programs sent, whose rows
    stand in no file.

    >>> found = {"id": 1, "batch": "b", "row": 4, "row_id": "4", "time": None, "score": 2.0, "p_value": 0.001, "is_anomaly": True,
    ...          "event": "e",
    ...          "cells": {"flow": 3.1}, "label": None, "reason": {"sentence": "`flow` is 3.1; 1 in 1,000 normal rows is this odd",
    ...                                                            "shares": {"flow": 1.0}, "expected": {"flow": 7.9}}}
    >>> made = cards([found, {**found, "id": 2, "row": 5, "row_id": "5", "score": 1.0}])
    >>> len(made), made[0]["id"], made[0]["steps"], made[0]["odds"], made[0]["sentence"]
    (1, 1, 2, '1 in 1,000', '`flow` is 3.1')
    """
    batches = list(dict.fromkeys(found["batch"] for found in detections))
    runs: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for found in detections:
        runs.setdefault((found["batch"], found["event"]) if found.get("event") else (found["batch"], found["id"], "row"), []).append(found)
    made = [
        (batches.index(run[0]["batch"]), -max(found["score"] for found in run), card(run, cut, run[0]["batch"] not in sent))
        for run in runs.values()
    ]
    return [entry for _, _, entry in sorted(made, key=lambda parts: parts[:2])]


def card(run: Sequence[Mapping[str, Any]], cut: float | None = None, in_file: bool = True) -> dict[str, Any]:
    """One card for rows of one event, told by its worst row; a label on any of them counts for the card."""
    worst = max(run, key=lambda found: found["score"])
    ordered = sorted(run, key=lambda found: found["row"])
    reason = worst.get("reason") or {}
    labels = [found["label"] for found in run if found.get("label") is not None]
    return {
        "id": worst["id"],
        "name": span(ordered[0], ordered[-1]) if len(run) > 1 else name(worst, in_file),
        "steps": len(run),
        "lasts": lasts(ordered) if len(run) > 1 else "",
        "worst_at": clock(worst, ordered[0]) if len(run) > 1 else "",
        "is_anomaly": worst["is_anomaly"] and (cut is None or worst["p_value"] <= cut),
        "before": worst["is_anomaly"] and cut is not None and worst["p_value"] > cut,
        "odds": odds(worst["p_value"]),
        "sentence": without_odds(reason.get("sentence") or ""),
        "label": worst["label"] if worst.get("label") is not None else labels[0] if labels else None,
        "bars": _bars(reason, worst.get("cells") or {}),
    }


def name(found: Mapping[str, Any], in_file: bool = True) -> str:
    """What a reader calls the row: its time, its id, or its line in the file, where the first line holds the names. A time of the data is
    told as the data tell it, in no other zone.

    >>> name({"time": "2026-01-01T10:00:00", "row_id": "3"}), name({"time": None, "row_id": "order-7"})
    ('1 Jan 2026 10:00', 'order-7')
    >>> name({"time": None, "row": 3, "row_id": "3"}), name({"time": None, "row": 3, "row_id": "3"}, in_file=False)
    ('line 5', 'row 4')
    >>> name({"time": None, "row": 3, "row_id": "70012"})
    '70012'
    """
    if found.get("time") is not None:
        return day_and_clock(found["time"])
    own = str(found["row_id"])
    if own != str(found.get("row", own)) or not own.isdigit():
        return own
    return f"line {int(own) + 2}" if in_file else f"row {int(own) + 1}"


def span(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """From when to when; the end without what it shares with the start.

    >>> span({"time": "2025-12-26T03:25:00"}, {"time": "2025-12-27T04:00:00"})
    '26 Dec 2025 03:25 to 27 Dec 04:00'
    >>> span({"time": "2025-12-26T03:25:00"}, {"time": "2025-12-26T04:00:00"})
    '26 Dec 2025 03:25 to 04:00'
    """
    if first.get("time") is None or last.get("time") is None:
        return f"{name(first)} to {name(last)}"
    return f"{day_and_clock(first['time'])} to {clock(last, first)}"


def clock(one: Mapping[str, Any], beside: Mapping[str, Any]) -> str:
    """The moment of ``one`` as short as it can be said next to that of ``beside``."""
    at, other = _stamp(one.get("time")), _stamp(beside.get("time"))
    if at is None or other is None:
        return name(one)
    text = day_and_clock(one["time"])
    if at.date() == other.date():
        return text.partition(str(at.year))[2].strip() or text
    return text.replace(f" {at.year}", "") if at.year == other.year else text


def lasts(run: Sequence[Mapping[str, Any]]) -> str:
    """How long, in moments and in time.

    >>> lasts([{"time": "2025-12-26T03:25:00"}, {"time": "2025-12-27T04:00:00"}])
    '2 moments, 24 h 35 min'
    """
    first, last = _stamp(run[0].get("time")), _stamp(run[-1].get("time"))
    moments = count(len(run), "moment")
    if first is None or last is None or last <= first:
        return moments
    passed = round((last - first).total_seconds())
    days, hours, minutes, seconds = passed // 86400, passed // 3600, passed % 3600 // 60, passed % 60
    if days >= 3:
        words = f"{count(days, 'day')} {hours % 24} h" if hours % 24 else count(days, "day")
    elif hours:
        words = f"{hours} h {minutes} min" if minutes else f"{hours} h"
    else:
        words = f"{minutes} min" if minutes else f"{seconds} s"
    return f"{moments}, {words}"


def day_and_clock(time: Any) -> str:
    """A time of the data with its month in letters, for a day in digits is read in two ways.

    >>> day_and_clock("2026-01-01T10:00:00"), day_and_clock("2026-01-01"), day_and_clock(12.5)
    ('1 Jan 2026 10:00', '1 Jan 2026', '12.5')
    """
    at = _stamp(time)
    if at is None:
        return cell(time)
    rest = cell(time).partition(" ")[2]
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}" + (f" {rest}" if rest else " 00:00" if len(str(time)) > 10 else "")


def _stamp(time: Any) -> datetime | None:
    """A time of the data that is a date; None for what is a number."""
    if not isinstance(time, str):
        return None
    try:
        return datetime.fromisoformat(time[:26].removesuffix("Z"))
    except ValueError:
        return None


def _bars(reason: Mapping[str, Any], cells: Mapping[str, Any]) -> list[dict[str, Any]]:
    shares = sorted((reason.get("shares") or {}).items(), key=lambda pair: -float(pair[1] or 0.0))
    expected = reason.get("expected") or {}
    return [
        {
            "name": column,
            "share": round(100 * float(share), 1),
            "percent": percent(share),
            "observed": number(cells.get(column)),
            "expected": number(expected[column]) if expected.get(column) is not None else "–",
        }
        for column, share in shares[:_BARS]
        if float(share or 0.0) >= _LEAST
    ]
