"""A detector at a glance: what its page shows of the desk's view, in the order a reader asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.interfaces.dashboard import charts, facts, health, history, words
from tocsin.interfaces.report.words import count, number


def detector(
    what: Mapping[str, Any], drawn: Sequence[Mapping[str, Any]], cards: Sequence[Mapping[str, Any]], labels: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What detector.html needs beside the plain fields of the view; ``drawn`` are the odd rows of the file in the chart."""
    trace, threshold = what.get("trace"), what.get("threshold") or {}
    chart = charts.payload(trace, drawn, threshold)
    steps = words.steps(threshold)
    now = next((step for step in steps if step["now"]), None)
    answers = waiting(labels, what["versions"])
    job = next((job for job in what.get("jobs") or () if job["state"] in ("waiting", "running")), None)
    return {
        **drawing(chart),
        "odd_title": _odd_title(what, cards),
        "odd_before": _before(cards),
        "unit": ("odd moment", "odd moments") if what["brief"].get("kind") == "series" else ("odd row", "odd rows"),
        "steps": steps,
        "now_words": now["words"] if now else "",
        "now_alarms": now["alarms"] if now else 0,
        "answers": answers,
        "learn_words": words.learn(answers),
        "health": health.lines(what),
        "job": job,
    }


def _odd_title(what: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> str:
    still = [card for card in cards if not card["before"]]
    if any(card["steps"] > 1 for card in still):
        return count(len(still), "odd stretch", "odd stretches")
    return count(len(still), "odd moment" if what["brief"].get("kind") == "series" else "odd row") if still else "Odd rows"


def _before(cards: Sequence[Mapping[str, Any]]) -> str:
    earlier = sum(card["before"] for card in cards)
    return f"The last {number(earlier)} {'was an alarm' if earlier == 1 else 'were alarms'} before the setting changed." if earlier else ""


def drawing(chart: Mapping[str, Any] | None) -> dict[str, Any]:
    """A chart with its words."""
    return {"chart": chart, **_chart_words(chart)}


def versions(what: Mapping[str, Any], a: int | None, b: int | None) -> dict[str, Any]:
    """What versions.html needs: each version with its facts, the moves in words, and which two are chosen to compare."""
    waits = history.candidates(what)
    shown = [
        version
        | {
            "why": words.reason(version["why"]),
            "told": facts.of_version(version, brief=True),
            "candidate": version["number"] in waits,
        }
        for version in what["versions"]
    ]
    before = (history.back(what) or {}).get("number")
    numbers = [version["number"] for version in shown]
    live = what["model"].get("live") or (numbers[0] if numbers else None)
    other = before or next((number for number in numbers if number != live), None)
    moves = [
        {
            **move,
            "why": words.reason(move["why"]),
            "words": f"Rolled back to version {move['target']}"
            if move.get("kind") == "rollback"
            else f"Version {move['target']} went live",
        }
        for move in what["moves"]
    ]
    return {"versions": shown, "moves": moves, "a": a or other, "b": b or live}


def waiting(labels: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, Any]]) -> int:
    """Answers that no version has learned from yet: those given after the newest one that learned from answers.

    >>> said = [{"at": "2", "holds": True}, {"at": "4", "holds": True}, {"at": "5", "holds": False}]
    >>> waiting(said, [{"at": "3", "facts": {"learned": {}}}])
    1
    """
    since = max((version["at"] for version in versions if "learned" in (version.get("facts") or {})), default="")
    return sum(label["holds"] and label["at"] > since for label in labels)


def _chart_words(chart: Mapping[str, Any] | None) -> dict[str, str]:
    if chart is None:
        return {"chart_title": "", "chart_label": "", "chart_caption": ""}
    odd, n = sum(chart["odd"]), len(chart["odd"])
    zoom = "Drag across the chart to zoom, double-click to see it whole."
    if chart["kind"] == "series" and chart["channels"]:
        band = "The pale band is what it expected. " if any(channel["low"] for channel in chart["channels"]) else ""
        return {
            "chart_title": "What it saw",
            "chart_label": f"Chart over time with {count(odd, 'odd moment')} marked",
            "chart_caption": f"{band}Shaded stretches are odd; a diamond stands on the columns that made them so. {zoom}",
        }
    return {
        "chart_title": "Every row, and how rare it is",
        "chart_label": f"Chart of {count(n, 'row')}, {odd} of them odd",
        "chart_caption": f"Each dot is a row; the higher, the rarer. Above the dashed line it is an alarm. {zoom}",
    }
