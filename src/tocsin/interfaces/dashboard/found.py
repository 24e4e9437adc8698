"""Odd rows as cards: one for each row, or for each event of a series, with the reason and the observed beside the expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.interfaces.dashboard.words import cell
from tocsin.interfaces.report.ranks import without_odds
from tocsin.interfaces.report.words import number, odds, percent

_BARS, _LEAST = 4, 0.02


def cards(detections: Sequence[Mapping[str, Any]], cut: float | None = None) -> list[dict[str, Any]]:
    """Newest batch first, the oddest on top; the rows of one event are one card, that of its worst row.

    ``cut`` is the live threshold on p; cards that it would not flag any more are marked.

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
    made = [(batches.index(run[0]["batch"]), -max(found["score"] for found in run), card(run, cut)) for run in runs.values()]
    return [entry for _, _, entry in sorted(made, key=lambda parts: parts[:2])]


def card(run: Sequence[Mapping[str, Any]], cut: float | None = None) -> dict[str, Any]:
    """One card for rows of one event, told by its worst row; a label on any of them counts for the card."""
    worst = max(run, key=lambda found: found["score"])
    ordered = sorted(run, key=lambda found: found["row"])
    reason = worst.get("reason") or {}
    labels = [found["label"] for found in run if found.get("label") is not None]
    return {
        "id": worst["id"],
        "name": name(worst),
        "steps": len(run),
        "is_anomaly": worst["is_anomaly"] and (cut is None or worst["p_value"] <= cut),
        "before": worst["is_anomaly"] and cut is not None and worst["p_value"] > cut,
        "until": name(ordered[-1]) if len(run) > 1 and ordered[-1] is not worst else "",
        "odds": odds(worst["p_value"]),
        "sentence": without_odds(reason.get("sentence") or ""),
        "label": worst["label"] if worst.get("label") is not None else labels[0] if labels else None,
        "bars": _bars(reason, worst.get("cells") or {}),
    }


def name(found: Mapping[str, Any]) -> str:
    """What a reader calls the row: its time, its id, or its number. A time of the data is told as the data tell it, in no other zone.

    >>> name({"time": "2026-01-01T10:00:00", "row_id": "3"}), name({"time": None, "row_id": "order-7"}), name({"time": None, "row_id": "3"})
    ('2026-01-01 10:00', 'order-7', 'row 3')
    """
    if found.get("time") is not None:
        return cell(found["time"])
    own = str(found["row_id"])
    return f"row {own}" if own.isdigit() else own


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
