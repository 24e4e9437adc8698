"""Put the page together: what was found, in one HTML file that works from a disk without a network."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import tocsin
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Detections, Explanation, Finding
from tocsin.interfaces.report import pairs, ranks, scores, series, trained
from tocsin.interfaces.report.measures import measures
from tocsin.interfaces.report.words import count, headline, left_out, meaning, number, odds, percent, rows_word, spoken

_HERE = "tocsin.interfaces.report"
_LEVELS = {"error": 0, "warning": 1, "info": 2}
_BLAMED, _OPEN = 10, 10  # bars of columns; cards that are not folded away


class Judge(Protocol):
    """What the report needs of a fitted pipeline."""

    facts_: dict[str, Any]

    def expected(self, data: Any) -> tuple[dict[str, list[Any]], dict[str, float]] | None:
        """(expected cells per column, usual distance from them), or None when the detector expects nothing."""


def render(
    model: Judge,
    data: Dataset,
    found: Detections,
    explanation: Explanation | None = None,
    findings: Sequence[Finding] = (),
    evaluation: Mapping[str, Any] | None = None,
    title: str = "",
) -> str:
    """The report on ``found`` as one HTML text.

    ``data`` is what was judged, ``model`` what judged it. ``explanation`` holds the reasons of the rows to rank; ``findings`` the
    data-quality report; ``evaluation`` the metrics where labels exist. Every string of the data is escaped. The page runs no script but
    its own two (named by their hashes in its content policy) and can load nothing from anywhere.
    """
    title = title or data.origin.source or "data in memory"
    blamed = ranks.blamed(explanation)
    drawn = series.payload(data, found, _bands(model, data), blamed) if data.kind == "series" else None
    pair = pairs.payload(data, found, blamed) if data.kind == "table" else None
    curve = trained.history(model.facts_.get("history") or ())
    asked = trained.promise(model.facts_.get("threshold") or {})
    flagged, word = int(found.is_anomaly.sum()), rows_word(spoken(data))
    script, plotly = _asset("page.js"), _plotly()
    context = {
        "title": title,
        "version": tocsin.__version__,
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "css": Markup(_asset("page.css")),
        "script": Markup(script),
        "plotly": Markup(plotly),
        "script_hashes": f"{_hash(plotly)} {_hash(script)}",
        "headline": headline(flagged, len(data), spoken(data), len(found.events)),
        "meaning": meaning(
            flagged,
            len(data),
            spoken(data),
            asked,
            float(found.p_value.min()),
            trained.smallest_p(model.facts_),
            trained.block(model.facts_),
        ),
        "about": _about(model, data, title),
        "tiles": _tiles(model, data, found),
        "row_word": word,
        "series": drawn and _series_words(drawn, data, found),
        "events": series.event_rows(data, found),
        "events_left_out": number(max(0, len(found.events) - 50)) if len(found.events) > 50 else "",
        **_ranked(data, found, explanation, flagged),
        "blamed": _blame_bars(blamed) if len(data.schema.columns) > 1 else [],
        "any_flagged": flagged > 0,
        "pair": pair is not None,
        "pair_title": "{} and {}".format(*pair["names"]) if pair is not None else "",
        "scores_note": _scores_note(found, data),
        "scores_label": f"Histogram of the anomaly scores of {count(len(found), word)}, {flagged} flagged",
        "evaluation": evaluation
        and {"note": "The data carry labels; they were not used to judge the rows.", "facts": measures(evaluation)},
        "certainty": trained.certainty(model.facts_, data, found, evaluation),
        "findings": _finding_rows(findings),
        "notes": list(data.origin.notes),
        "quality_note": _quality_note(findings),
        "model_note": _model_note(model),
        "facts": trained.facts(model.facts_),
        "history": curve is not None,
        "history_caption": _curve_note(curve),
        "payload": {"series": drawn, "scores": scores.payload(found), "pair": pair, "history": curve, "words": f"{word}s"},
    }
    context["sections"] = _sections(context)
    return _environment().get_template("page.html.jinja").render(context)


def _environment() -> Environment:
    made = Environment(loader=PackageLoader(_HERE, ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["ticks"] = ticks
    return made


def ticks(text: str) -> Markup:
    """Escaped text in which what stands between back-ticks is set as a name.

    >>> str(ticks("`<b>` is 3"))
    '<code>&lt;b&gt;</code> is 3'
    """
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # an odd tick: no pairs to trust
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def _asset(name: str) -> str:
    return files(_HERE).joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # the package carries its script; importing it is only worth it when a page is made

    return str(get_plotlyjs())


def _hash(script: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode() + "'"


def _bands(model: Judge, data: Dataset) -> series.Bands:
    answer = model.expected(data)
    if answer is None:
        return {}
    cells, spread = answer
    bands = {}
    for name, values in cells.items():
        if all(value is None or isinstance(value, (int, float)) for value in values):
            bands[name] = (np.array([np.nan if value is None else float(value) for value in values]), float(spread.get(name, np.nan)))
    return bands


def _about(model: Judge, data: Dataset, title: str) -> str:
    facts = model.facts_
    shape = f"{count(len(data), rows_word(spoken(data)))}"
    shape += f" of {title}" if data.kind in ITEMS else f" and {count(len(data.schema.columns), 'column')} of {title}"
    learned = f", judged by {trained.detector_words(facts)}"
    return shape + learned + (f" that learned from {count(facts['n_train'], rows_word(spoken(data)))}." if facts.get("n_train") else ".")


def _tiles(model: Judge, data: Dataset, found: Detections) -> list[dict[str, Any]]:
    facts, flagged, word = model.facts_, int(found.is_anomaly.sum()), rows_word(spoken(data))
    asked, n = trained.promise(facts.get("threshold") or {}), (facts.get("calibration") or {}).get("n")
    tiles = [
        {
            "value": number(flagged),
            "label": f"{word if flagged == 1 else word + 's'} flagged, {percent(flagged / len(found))} of all",
            "odd": flagged > 0,
        }
    ]
    if data.kind == "series":
        tiles.append(
            {"value": number(len(found.events)), "label": f"event{'' if len(found.events) == 1 else 's'}: runs of flagged time steps"}
        )
    if asked["rule"] == "false_alarm_rate" and asked["value"]:
        tiles.append(
            {
                "value": f"about {number(asked['value'] * len(found), 2)}",
                "label": f"{'time steps' if data.kind == 'series' else word + 's'} flagged by chance alone, "
                f"at {trained.rule_words(facts['threshold'])}",
            }
        )
    worst = int(found.top(1)[0])
    tiles.append({"value": odds(found.p_value[worst]), "label": f"most unusual: {ranks.name_of_row(data, found, worst)}"})
    if n:
        tiles.append({"value": number(int(n)), "label": "held-out normal scores to compare with"})
    return [{"odd": False, **tile} for tile in tiles]


def _series_words(drawn: Mapping[str, Any], data: Dataset, found: Detections) -> dict[str, Any]:
    channels = drawn["groups"][0]["channels"] if drawn["groups"] else []
    banded = any("lo" in channel for channel in channels)
    notes = ["Drag across the chart, or use the buttons, to zoom; double-click shows the whole series again."]
    thinned = any(group["drawn"] < group["n"] for group in drawn["groups"])
    if thinned:
        notes.append("Long stretches are drawn by their lowest and highest value per pixel; steps around anomalies are drawn in full.")
    if drawn["channelsLeftOut"]:
        notes.append(f"{count(drawn['channelsLeftOut'], 'further channel')} not drawn.")
    if drawn["groupsLeftOut"]:
        notes.append(f"{count(drawn['groupsLeftOut'], 'less unusual series', 'less unusual series')} not drawn.")
    caption = "Diamonds mark flagged time steps, shaded spans the events they form. "
    caption += "The blue band is the expected value, plus and minus the usual distance from it on normal data. " if banded else ""
    caption += "Below: the anomaly score and the threshold."
    return {
        "note": " ".join(notes),
        "caption": caption,
        "groups": [group["plain"] for group in drawn["groups"]],
        "channels": [{"name": Markup(channel["name"]), "open": channel["open"]} for channel in channels],
        "label": f"Line chart of {count(len(channels), 'channel')} over time with {count(len(found.events), 'event')} shaded",
    }


def _ranked(data: Dataset, found: Detections, explanation: Explanation | None, flagged: int) -> dict[str, Any]:
    cards, word = ranks.cards(data, found, explanation), rows_word(spoken(data))
    carded = {card["row"] for card in cards}
    listed = ranks.listed(data, found, explanation, carded)
    told = sum(card["flagged"] for card in cards) + len(listed)
    if flagged == 0:
        title = f"The most unusual {word}s"
        note = f"No {word} crosses the threshold. These come closest."
    else:
        peaks = {event.peak for event in found.events}
        at_peaks = bool(cards) and carded <= peaks
        title = "The events, each at its peak" if at_peaks else "The most unusual " + (word if flagged == 1 else word + "s")
        note = (
            f"Worst first. “1 in 2,400” means: one of 2,400 normal {word}s scores this high. "
            + (
                "The bars show what the score is made of."
                if data.kind in ITEMS
                else "The bars show which columns carry the score, with the value observed and the one that would have been normal."
            )
        )
        if explanation is None or len(explanation) == 0 or not len(explanation.labels):
            note = f"Worst first. “1 in 2,400” means: one of 2,400 normal {word}s scores this high."
        if at_peaks:
            note += " An event counts by its highest step, so events of that height are more common than such steps."
    return {
        "cards": cards,
        "open_cards": _OPEN,
        "ranks_title": title,
        "ranks_note": note,
        "listed": listed,
        "listed_grouped": data.group is not None,
        "listed_title": f"The other {count(len(listed), 'flagged ' + word)}" + (" with a reason" if told < flagged else ""),
        "left_out": left_out(flagged, told, spoken(data)),
    }


def _blame_bars(blamed: Mapping[str, float]) -> list[dict[str, Any]]:
    most = max(blamed.values(), default=1.0)
    return [
        {"name": name, "percent": percent(share), "width": round(100 * share / most, 1)} for name, share in list(blamed.items())[:_BLAMED]
    ]


def _scores_note(found: Detections, data: Dataset) -> str:
    word = rows_word(spoken(data))
    if not np.isfinite(found.threshold):
        return f"No score can be high enough for this threshold, so no {word} was flagged; pass more training data or a higher rate."
    return (
        f"{'An' if word[0] in 'aeiou' else 'A'} {word} is flagged when its "
        f"score is {number(found.threshold)} or more. Where the two groups lie far apart "
        "the decision is easy; where they touch, the threshold decides."
    )


def _finding_rows(findings: Sequence[Finding]) -> list[dict[str, str]]:
    ordered = sorted(findings, key=lambda finding: _LEVELS[finding.level])
    return [
        {
            "level": finding.level,
            "message": finding.message,
            "share": f"{number(finding.count)} of {number(finding.of)}"
            if finding.of and number(finding.count) not in finding.message
            else "",
        }
        for finding in ordered
    ]


def _quality_note(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing was noticed: no missing, repeated or unreadable cells, no constant columns."
    serious = sum(finding.level != "info" for finding in findings)
    if serious == 0:
        return "Everything noticed was handled; nothing needs to be done."
    return (
        f"{count(serious, 'finding')} to look at; the rest was handled."
        if serious < len(findings)
        else f"{count(serious, 'finding')} to look at."
    )


def _model_note(model: Judge) -> str:
    return str(model.facts_.get("summary") or "").strip()


def _curve_note(curve: Mapping[str, Any] | None) -> str:
    if curve is None:
        return ""
    return (
        "Lower is better. Training stops when the rows held out for it no longer improve."
        if len(curve["lines"]) > 1
        else "Lower is better."
    )


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    chosen = [
        ("series", "Series", context["series"]),
        ("anomalies", "Anomalies", True),
        ("columns", "Columns", context["blamed"]),
        ("scores", "Scores", True),
        ("evaluation", "Labels", context["evaluation"]),
        ("certainty", "How sure", True),
        ("quality", "Data quality", True),
        ("model", "Model", True),
    ]
    return [(anchor, name) for anchor, name, there in chosen if there]
