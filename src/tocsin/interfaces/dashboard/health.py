"""What comes in, in plain words: damaged cells, data that changed, more alarms than promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.interfaces.report.words import count, number, percent

_TAGS = {"input_drift": "changed", "score_drift": "changed", "alarm_rate": "alarms", "quality": "damaged"}
_FAULTS = {"missing": "missing", "unread": "not readable", "unseen": "new values", "outside": "outside everything learned from"}
_WORST = 3  # faults of cells that are named
_MORE, _DUE = 2.0, 3.0  # times the expected share from which it is said; alarms that must have been due before a share says much


def lines(what: Mapping[str, Any]) -> list[dict[str, str]]:
    """One line for each thing measured: those that need a look first, then the newest batch's cells, and what is fine.

    >>> made = lines({"quality": {"rows": 200, "columns": {"flow": {"missing": 3}}}, "signals": [
    ...     {"what": "input_drift", "column": "flow", "value": 0.4, "p_value": 1e-6, "fired": True,
    ...      "detail": {"title": "'flow' is higher: 9, not 7"}},
    ...     {"what": "input_drift", "column": "temp", "value": 0.1, "p_value": 0.6, "fired": False, "detail": {}}]})
    >>> for line in made: print(line["tag"], "|", line["text"].replace("\\u00a0", " "))
    changed | 'flow' is higher: 9, not 7. By chance alone: < 1 in 100,000.
    cells | In the newest batch of 200 rows: `flow` 1.5 % missing.
    fine | 1 other column looks as it did when this was learned.
    """
    signals = list(what.get("signals") or ())
    fired = [_fired(signal) for signal in signals if signal["fired"]]
    return [*fired, *_cells(what.get("quality") or {}), *_calm(signals, _open(what.get("incidents") or ()))]


def rare(p: float) -> str:
    """A chance, no finer than can be meant.

    >>> rare(0.004), rare(1e-9), rare(0.7)
    ('1 in 250', '< 1 in 100,000', 'ordinary')
    """
    if p < 1e-5:
        return "< 1 in 100,000"
    if p > 0.5:
        return "ordinary"
    n = round(1 / p)
    return f"1 in {number(round(n, 2 - len(str(n))))}"


def _fired(signal: Mapping[str, Any]) -> dict[str, str]:
    place = f" in `{signal['column']}`" if signal.get("column") else ""
    title = str((signal.get("detail") or {}).get("title") or f"{str(signal['what']).replace('_', ' ').capitalize()}{place}").rstrip(".")
    chance = f" By chance alone: {rare(float(signal['p_value']))}." if signal.get("p_value") is not None else ""
    return {"level": "warning", "tag": _TAGS.get(signal["what"], "look"), "text": f"{title}.{chance}"}


def _cells(quality: Mapping[str, Any]) -> list[dict[str, str]]:
    """The newest batch's faulty cells, the most frequent named."""
    rows = int(quality.get("rows") or 0)
    faults = [
        (int(n) / rows, column, fault) for column, told in (quality.get("columns") or {}).items() for fault, n in told.items() if n and rows
    ]
    if not faults:
        return (
            [{"level": "ok", "tag": "fine", "text": f"No missing or unreadable cells in the newest batch of {count(rows, 'row')}."}]
            if rows
            else []
        )
    worst = sorted(faults, key=lambda one: (-one[0], one[1]))[:_WORST]
    named = ", ".join(f"`{column}` {percent(part)} {_FAULTS.get(fault, fault)}" for part, column, fault in worst)
    more = f" and {len(faults) - _WORST} more" if len(faults) > _WORST else ""
    return [{"level": "info", "tag": "cells", "text": f"In the newest batch of {count(rows, 'row')}: {named}{more}."}]


def _open(incidents: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(rule, column) of what is not resolved."""
    return {(str(one["rule"]), str((one.get("detail") or {}).get("column") or "")) for one in incidents if one["state"] != "resolved"}


def _rate(signal: Mapping[str, Any], opened: bool) -> dict[str, str]:
    """The share of alarms against what was to be expected; "fine" only where it is.

    >>> _rate({"value": 0.44, "detail": {"promised": 0.014, "rows": 500}}, False)["text"].replace("\u00a0", " ")
    '44 % of the rows raised an alarm; 1.4 % was to be expected. That is more than expected.'
    """
    detail = signal.get("detail") or {}
    share, promised, rows = float(signal["value"]), float(detail.get("promised") or 0.0), int(detail.get("rows") or 0)
    text = f"{percent(share)} of the rows raised an alarm"
    text += f"; {percent(promised)} was to be expected." if promised else "."
    if promised and share > _MORE * promised:
        few = rows and rows * promised < _DUE and not opened and share < 10 * promised
        said = ("info", "look", "too early to tell") if few else ("warning", "alarms", "more than expected")
        return {"level": said[0], "tag": said[1], "text": f"{text} {'It is' if few else 'That is'} {said[2]}."}
    if opened:
        return {"level": "info", "tag": "look", "text": f"{text} An incident about it is open."}
    return {"level": "ok", "tag": "fine", "text": text}


def _calm(signals: Sequence[Mapping[str, Any]], opened: set[tuple[str, str]]) -> list[dict[str, str]]:
    known = {column for rule, column in opened if rule == "input_drift"}
    drifts = [one for one in signals if one["what"] == "input_drift" and (one["fired"] or one["column"] not in known)]
    calm, loud = sum(not signal["fired"] for signal in drifts), sum(bool(signal["fired"]) for signal in drifts)
    made = []
    if calm:
        other = "other " if loud else ""
        looks = count(calm, f"{other}column looks", f"{other}columns look")
        made.append({"level": "ok", "tag": "fine", "text": f"{looks} as {'it' if calm == 1 else 'they'} did when this was learned."})
    rate = next((signal for signal in signals if signal["what"] == "alarm_rate" and not signal["fired"]), None)
    if rate is not None:
        made.append(_rate(rate, any(rule in ("alarm_rate", "anomaly") for rule, _ in opened)))
    return made
