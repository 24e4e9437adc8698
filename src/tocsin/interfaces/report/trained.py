"""What was trained, and how sure one can be: the model's facts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Detections
from tocsin.interfaces.report.words import count, moment, number, odds, percent, rate_range, rows_word, seconds

_PLANS = {
    "cross": "cross-fitting: each training row was scored by a detector that had not seen it",
    "own": "the training rows, each judged without itself (in a series: and without what overlaps it)",
    "holdout": "a part of the training rows that the detector never saw",
}
_RULES = {
    "false_alarm_rate": "false-alarm rate",
    "false_discovery": "false-discovery rate",
    "contamination": "share flagged",
    "cost": "lowest cost",
}


def promise(threshold: Mapping[str, Any]) -> dict[str, Any]:
    """{"rule", "value"}: the threshold's name and the number that was asked for (None for a rule without one)."""
    own = {name: value for name, value in threshold.items() if name not in ("rule", "p", "score")}
    value = next((value for value in own.values() if isinstance(value, (int, float)) and not isinstance(value, bool)), None)
    return {"rule": str(threshold.get("rule", "")), "value": value}


def rule_words(threshold: Mapping[str, Any]) -> str:
    """The decision rule in words: "false-alarm rate 1 %"."""
    asked = promise(threshold)
    name = _RULES.get(asked["rule"], asked["rule"].replace("_", " "))
    if asked["rule"] == "cost":
        return f"{name}: {number(threshold.get('false_alarm'))} for a false alarm, {number(threshold.get('miss'))} for a miss"
    return name if asked["value"] is None else f"{name} {percent(asked['value'])}"


def smallest_p(model_facts: Mapping[str, Any]) -> float:
    """The lowest p-value that the calibration rows let one count; 0 when unknown."""
    return float((model_facts.get("calibration") or {}).get("smallest_p") or 0.0)


def block(model_facts: Mapping[str, Any]) -> int:
    """How many neighbouring calibration scores count as one independent score: 1 for a table."""
    return int((model_facts.get("calibration") or {}).get("block") or 1)


def detector_words(model_facts: Mapping[str, Any]) -> str:
    """The detector's name; for a detector on windows, what runs on them and how long they are."""
    name, params = str(model_facts.get("detector") or "a detector"), dict(model_facts.get("params") or {})
    if name != "windows" or not params.get("detector"):
        return name
    return f"{params['detector']} on windows" + (f" of {params['window']} steps" if params.get("window") else "")


def members_words(members: Sequence[Mapping[str, Any]], most: int = 4) -> list[str]:
    """Which members of a fusion decide most, and how each did on anomalies made in normal rows; those of a fusion that weighs all alike;
    no lines for other detectors.

    >>> members_words([{"channel": 0, "member": "shape", "quality": 0.5, "weight": 1.0, "window": 20}])[0][:8]
    '1 member'
    """
    if members and "weight" not in members[0]:
        return [f"{count(len(members), 'member')}, all of the same weight: {', '.join(str(entry['member']) for entry in members)}"]
    found: dict[str, list[tuple[float, float]]] = {}
    for entry in members:
        found.setdefault(str(entry["member"]), []).append((float(entry["weight"]), float(entry["quality"])))
    if not found:
        return []
    total = sum(weight for pairs in found.values() for weight, _ in pairs)
    shares = {name: (sum(weight for weight, _ in pairs) / total, np.mean([good for _, good in pairs])) for name, pairs in found.items()}
    first = sorted(shares, key=lambda name: -shares[name][0])[:most]
    told = ", ".join(f"{name} {percent(shares[name][0])} ({shares[name][1]:.2f})" for name in first)
    more = ", ..." if len(found) > most else ""
    how = "weighed by how well each found anomalies made by hand in normal rows (1 is perfect)"
    return [f"{count(len(found), 'member')}, {how}: {told}{more}"]


def facts(model_facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) pairs for the model's section; only what is known."""
    known = model_facts.get
    calibration = known("calibration") or {}
    origin = known("origin") or {}
    rows: list[tuple[str, Any]] = [
        ("Detector", detector_words(model_facts)),
        ("Members", " ".join(members_words(known("members") or [], most=100))),
        ("Training rows", _whole(known("n_train"))),
        ("Columns", None if known("kind") in ITEMS else _whole(known("columns"))),
        ("Numbers per row after preparation", None if known("kind") in ITEMS else _whole(known("features"))),
        (
            "Labelled anomalies left out of training",
            _whole(known("labelled_anomalies_left_out")) if known("labelled_anomalies_left_out") else None,
        ),
        ("Time to train", seconds(model_facts["seconds"]) if known("seconds") is not None else None),
        ("Calibrated on", count(calibration["n"], "row") if calibration.get("n") else None),
        ("Decision", rule_words(known("threshold") or {}) or None),
        ("Trained on", origin.get("source")),
        ("Data digest", (origin.get("digest") or "")[:16]),
        ("Licence of the data", origin.get("licence")),
        ("Model version", known("version")),
        ("Trained at", _stamp(known("created"))),
        ("Software", ", ".join(f"{name} {value}" for name, value in (known("software") or {}).items())),
    ]
    params = [(name, _setting(value)) for name, value in (known("params") or {}).items() if not isinstance(value, Mapping)]
    nested = [
        (f"{outer}.{name}", _setting(value))
        for outer, inner in (known("params") or {}).items()
        if isinstance(inner, Mapping)
        for name, value in inner.items()
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")] + [
        (f"Setting: {name}", value) for name, value in params + nested
    ]


def history(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The training curve: one line per loss in the history, or None without one."""
    names = [name for name in (entries[0] if entries else {}) if "loss" in name or name in ("train", "validation", "valid")]
    curves = {name: [_finite(entry.get(name)) for entry in entries] for name in names}
    lines = [
        {"name": escape(name.replace("_", " "), quote=False), "y": curve}
        for name, curve in curves.items()
        if any(value is not None for value in curve)
    ]
    if not lines:
        return None
    values = [value for curve in curves.values() for value in curve if value is not None]
    return {
        "epoch": [int(entry.get("epoch", i + 1)) for i, entry in enumerate(entries)],
        "lines": lines,
        "log": min(values) > 0 and max(values) > 20 * min(values),
    }


def certainty(model_facts: Mapping[str, Any], data: Dataset, found: Detections, evaluation: Mapping[str, Any] | None) -> list[str]:
    """Plain sentences on what the figures can and cannot bear."""
    calibration, asked = model_facts.get("calibration") or {}, promise(model_facts.get("threshold") or {})
    lines: list[str] = []
    n = int(calibration.get("n") or 0)
    effective = max(1, round(calibration.get("effective") or n / (calibration.get("block") or 1)))
    if n:
        plan = _PLANS.get(str(calibration.get("plan")), "rows that the detector had not learned from")
        blocks = (
            f" Neighbouring steps resemble each other, so they count as about {number(effective)} independent ones."
            if effective < n
            else ""
        )
        lines.append(f"“1 in N” is counted on {count(n, 'score')} from {plan}.{blocks}")
        smallest = smallest_p(model_facts) or 1 / (effective + 1)
        beyond = bool(len(found)) and float(found.p_value.min()) < 0.999 * smallest
        lines.append(
            f"The rarest that can be counted there is {odds(smallest)}. "
            + (
                "Anything rarer is extrapolated from the shape of the highest scores: read it as an order of magnitude."
                if beyond
                else "Nothing rarer is claimed in this report."
            )
        )
    if n and asked["rule"] == "false_alarm_rate" and asked["value"]:
        low, high = rate_range(float(asked["value"]), effective)
        lines.append(
            f"A false-alarm rate of {percent(asked['value'])} was asked for. With this much calibration data the true rate of this "
            f"model lies between about {percent(low)} and {percent(high)} (nine times in ten), as long as the data judged resemble the "
            "normal data learned from."
        )
    delivered = (evaluation or {}).get("false_alarms") or {}
    if delivered.get("rate") is not None:
        interval = delivered.get("interval")
        between = f" (95 % interval {percent(interval[0])} to {percent(interval[1])})" if interval else ""
        lines.append(f"On the rows labelled normal, the delivered false-alarm rate is {percent(delivered['rate'])}{between}.")
    if (digest := (model_facts.get("origin") or {}).get("digest")) and digest == data.origin.digest:
        lines.append(
            "The model learned from this very data. An anomaly that occurs often in it may look normal; train on known normal data when "
            "you have it (tocsin fit, then tocsin detect --model)."
        )
    lines.append(f"A flag says that a {rows_word(data.kind)} is unusual, not that it is bad: the reasons are there to be judged.")
    return lines


def _whole(value: Any) -> str | None:
    return None if value is None else number(int(value))


def _stamp(value: Any) -> str | None:
    return moment(np.datetime64(str(value).removesuffix("Z"))) + " UTC" if value else None


def _setting(value: Any) -> str:
    text = number(value, 6) if isinstance(value, float) else "automatic" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else None
