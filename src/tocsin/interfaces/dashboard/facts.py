"""Facts as (name, value) pairs for the page's lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.interfaces.dashboard.health import rare
from tocsin.interfaces.dashboard.words import strictness
from tocsin.interfaces.report.trained import detector_words
from tocsin.interfaces.report.words import count, number, percent, seconds

_MOST = 40  # lines of a comparison, and letters of a value that nobody reads to its end
_SILENT = {
    "title",
    "level",
    "looks",
    "batches",
    "batch",
    "day",
    "value",
    "key",
    "digest",
}  # of an incident: said elsewhere, or meant for machines
_DETAIL = {
    "p_value": "By chance alone",
    "least_p": "The oddest",
    "expected": "Alarms to be expected",
    "promised": "To be expected",
    "alarms": "Alarms",
    "in_training": "When this was learned",
    "unusual": "Unusual now",
    "in_spreads": "Moved by so many usual distances",
    "mean": "On average now",
    "mean_in_training": "On average when this was learned",
    "column": "Column",
    "unusual_in_training": "When this was learned",
}
_NAMES = {"n_train": "Rows learned from", "threshold": "How strict", "detector": "Method", "bytes": "Size"}


def of_version(version: Mapping[str, Any] | None, *, brief: bool = False) -> list[tuple[str, str]]:
    """What a trained version is; ``brief``: without what seldom differs.

    >>> of_version({"detector": "knn", "n_train": 500, "bytes": 2048, "signer": None, "facts": {}})
    [('Method', 'knn'), ('Learned from', '500 rows'), ('Size', '2 kB'), ('Signed', 'no')]
    """
    if version is None:
        return []
    told = version.get("facts") or {}
    rule = told.get("threshold") or {}
    rows = [
        ("Method", detector_words({"detector": version.get("detector"), "params": told.get("params")})),
        ("Learned from", count(int(version["n_train"]), "row") if version.get("n_train") else ""),
        ("Answers learned from", _answers(told)),
        ("Training took", seconds(told["seconds"]) if told.get("seconds") is not None else ""),
        ("How strict", strictness(rule.get("rule"), rule.get("rate", rule.get("share"))) if rule else ""),
        ("Size", _size(int(version["bytes"])) if version.get("bytes") else ""),
        ("Signed", "yes" if version.get("signer") else "no"),
        ("Software", ", ".join(f"{name} {value}" for name, value in (told.get("software") or {}).items() if name == "tocsin")),
    ]
    return [(name, value) for name, value in rows if value and not (brief and name in ("Training took", "Software"))]


def of_incident(incident: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured when the incident was opened: the plain values of its detail.

    >>> of_incident({"detail": {"promised": 0.01, "rows": 12000, "inner": {"a": 1}, "flag": None, "p_value": 1e-7, "level": 0.1}})
    [('To be expected', '1\\xa0%'), ('Rows', '12,000'), ('Inner: a', '1'), ('By chance alone', '< 1 in 100,000')]
    """
    made = []
    for name, value in _flat(incident.get("detail") or {}):
        if value in (None, "", [], {}) or name in _SILENT:
            continue
        if name in ("p_value", "least_p") and isinstance(value, float):
            made.append((_DETAIL[name], rare(value)))
        else:
            made.append((_DETAIL.get(name, _label(name)), number(round(value, 1)) if name == "expected" else _value(name, value)))
    return made[:_MOST]


def differences(compared: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(what, in the first, in the second) of two versions.

    >>> differences({"bytes": [10, 10], "n_train": [500, 700], "facts": {"params.k": [5, 7]}})
    [('Rows learned from', '500', '700'), ('Params: k', '5', '7')]
    """
    rows = [
        (_NAMES.get(name, name), _side(name, compared[name][0]), _side(name, compared[name][1]))
        for name in ("detector", "n_train", "threshold", "bytes")
        if compared.get(name) and compared[name][0] != compared[name][1]
    ]
    silent = (
        "detector",
        "n_train",
        "threshold",
        "bytes",
        "history",
        "created",
        "version",
        "findings",
        "calibration",
        "origin",
        "schema",
        "software",
        "learned.copies",
        "seconds",
    )
    rows += [
        (_label(name), _value(name, sides[0]), _value(name, sides[1]))
        for name, sides in (compared.get("facts") or {}).items()
        if not name.startswith(silent)
    ]
    return rows[:_MOST]


def _side(name: str, value: Any) -> str:
    if name == "threshold" and isinstance(value, Mapping):
        return strictness(value.get("rule"), value.get("rate", value.get("share")))
    return _size(int(value)) if name == "bytes" and value else _value(name, value)


def _answers(told: Mapping[str, Any]) -> str:
    """How many answers a version learned from; "" for one that was not asked to."""
    learned = told.get("learned")
    if learned is None:
        return ""
    odd, false = int(learned.get("anomalies") or 0), int(learned.get("false_alarms") or 0)
    return f"{number(odd)} really odd, {count(false, 'false alarm')}"


def _flat(tree: Mapping[str, Any], start: str = "") -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []
    for name, value in tree.items():
        made += _flat(value, f"{start}{name}.") if isinstance(value, Mapping) else [(f"{start}{name}", value)]
    return made


def _label(name: str) -> str:
    text = name.replace("_", " ").replace(".", ": ")
    return text[:1].upper() + text[1:]


def _value(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        text = ", ".join(number(part) for part in value[:6])
    elif isinstance(value, float) and 0 <= value <= 1 and name.endswith(("rate", "share", "promised", "in_training", "unusual")):
        text = percent(value)
    else:
        text = number(value)
    return text if len(text) <= 2 * _MOST else text[: 2 * _MOST - 1] + "…"


def _size(n: int) -> str:
    return f"{number(n / 1e6, 2)} MB" if n >= 1e6 else f"{number(max(1, round(n / 1e3)))} kB"
