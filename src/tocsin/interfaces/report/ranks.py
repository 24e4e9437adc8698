"""The most unusual rows, worst first, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from tocsin.core.types import Dataset, Detections, Explanation
from tocsin.interfaces.report import marked, overlay
from tocsin.interfaces.report.words import moment, number, odds, percent, rows_word, spoken

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_ODDS = re.compile(r"; [^;]*(?:this odd|at least this odd|is not known)\.?$")
_BARS, _CARDS, _LEAST = 5, 25, 0.01  # a share below one per cent is not worth a line

LISTED = 2_000  # lines below the cards: a page must stay quick


def name_of_row(data: Dataset, found: Detections, row: int) -> str:
    """What a reader calls the row: its time, its id, or its number. Many lines of a log are of one moment."""
    if data.time is not None and data.kind != "logs":
        return moment(data.time[row])
    own = found.ids[row]
    return f"{rows_word(spoken(data))} {own}" if isinstance(own, (int, np.integer)) and data.schema.id is None else str(own)


def heads(found: Detections, explanation: Explanation, most: int = _CARDS) -> list[int]:
    """Positions in ``explanation`` of the rows that stand on top, worst first: the peaks of a series' events where there are any."""
    order = np.argsort(-found.score[explanation.rows], kind="stable")
    peaks = np.isin(explanation.rows, [event.peak for event in found.events])
    return [int(i) for i in (order[peaks[order]] if peaks.any() else order)[:most]]


def cards(data: Dataset, found: Detections, explanation: Explanation | None, most: int = _CARDS) -> list[dict[str, Any]]:
    """One entry for each of the most unusual rows, worst first; without explanation, the top rows without reasons."""
    if explanation is None or len(explanation) == 0:
        return [_card(data, found, int(row)) for row in found.top(min(len(found), most, max(5, int(found.is_anomaly.sum()))))]
    shown = _shown(data, explanation)
    return [
        {**_card(data, found, int(explanation.rows[i])), **_reason(explanation, i), "shown": shown(i)}
        for i in heads(found, explanation, most)
    ]


def _shown(data: Dataset, explanation: Explanation) -> Callable[[int], Markup]:
    """The thing itself with what is odd in it marked, for pictures, texts and logs; nothing for others."""
    if data.kind == "images":
        scale = overlay.scale_of(explanation.maps) if explanation.maps else (0.0, 1.0)

        def picture(i: int) -> Markup:
            one = data.X[int(explanation.rows[i])]
            return overlay.figure(one.pixels(), explanation.maps[i] if explanation.maps else None, scale, one.name)

        return picture
    if data.kind in ("texts", "logs"):
        draw = marked.text if data.kind == "texts" else marked.lines
        return lambda i: draw(data.X[int(explanation.rows[i])], explanation.parts[i])
    return lambda i: Markup("")


def listed(data: Dataset, found: Detections, explanation: Explanation | None, carded: set[int]) -> list[dict[str, str]]:
    """The flagged rows that have a reason but no card, worst first and ``LISTED`` at most, as table cells; ``rank`` counts all."""
    if explanation is None:
        return []
    place = {int(row): i for i, row in enumerate(explanation.rows)}
    worst = found.top(int(found.is_anomaly.sum()))
    return [
        {
            "rank": number(rank),
            "name": name_of_row(data, found, int(row)),
            "group": "" if data.group is None else str(data.group[row]),
            "score": number(found.score[row]),
            "odds": odds(found.p_value[row]),
            "why": _as_sentence(without_odds(explanation.sentences[place[int(row)]])) if explanation.sentences else "",
        }
        for rank, row in [(i, row) for i, row in enumerate(worst, start=1) if int(row) in place and int(row) not in carded][:LISTED]
    ]


def without_odds(sentence: str) -> str:
    """The reason without its last part, for a line that has the odds in a cell of its own.

    >>> without_odds("`flow` is 3.1 l/s where 7.9 was expected; 1 in 2,400 normal rows is this odd")
    '`flow` is 3.1 l/s where 7.9 was expected'
    """
    return _ODDS.sub("", sentence)


def blamed(explanation: Explanation | None) -> dict[str, float]:
    """column → its mean share over the explained rows, largest first."""
    if explanation is None or len(explanation) == 0:
        return {}
    mean = explanation.values.mean(axis=0)
    return {explanation.labels[j]: float(mean[j]) for j in np.argsort(-mean, kind="stable") if mean[j] > 0}


def _card(data: Dataset, found: Detections, row: int) -> dict[str, Any]:
    label = "" if data.y is None else ("labelled anomaly" if data.y[row] else "labelled normal")
    event = next((event for event in found.events if event.start <= row <= event.end), None)
    span = moment(data.time[row]) if data.kind == "logs" and data.time is not None else ""
    if event is not None and event.end > event.start:
        span = f"{event.end - event.start + 1} steps, {name_of_row(data, found, event.start)} to {name_of_row(data, found, event.end)}"
    return {
        "row": row,
        "span": span,
        "name": name_of_row(data, found, row),
        "group": "" if data.group is None else str(data.group[row]),
        "id": "" if data.time is None or data.schema.id is None else str(found.ids[row]),
        "score": number(found.score[row]),
        "odds": odds(found.p_value[row]),
        "flagged": bool(found.is_anomaly[row]),
        "label": label,
        "sentence": "",
        "bars": [],
        "more": 0,
        "neighbours": "",
        "shown": "",
    }


def _reason(explanation: Explanation, i: int) -> dict[str, Any]:
    shares = explanation.values[i]
    order = [int(j) for j in np.argsort(-shares, kind="stable") if shares[j] > 0]
    bars = [
        {
            "name": explanation.labels[j],
            "share": round(100 * float(shares[j]), 1),
            "percent": percent(shares[j]),
            **(cells(explanation, i, j) if explanation.observed and explanation.observed[i] else {}),
        }
        for place, j in enumerate(order[:_BARS])
        if place == 0 or shares[j] >= _LEAST
    ]
    near = explanation.neighbours[i] if explanation.neighbours is not None else ()
    return {
        "sentence": _as_sentence(explanation.sentences[i]) if i < len(explanation.sentences) else "",
        "bars": bars,
        "more": len(order) - len(bars),
        "neighbours": ", ".join(_named(one) for one in near[:5]),
    }


def _as_sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def _named(own: Any) -> str:
    text = str(own)
    return moment(np.datetime64(text)) if _STAMP.match(text) else text


def cells(explanation: Explanation, i: int, j: int) -> Mapping[str, str]:
    """Observed and expected value of one explained cell, in words."""
    expected, usual = explanation.expected[i][j], explanation.baseline[j]
    margin = f" ± {number(usual, 2)}" if np.isfinite(usual) and isinstance(expected, (int, float, np.number)) else ""
    return {"observed": number(explanation.observed[i][j]), "expected": number(expected) + margin}
