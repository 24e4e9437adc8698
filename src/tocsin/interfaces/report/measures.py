"""Metrics against labels, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.interfaces.report.words import number, percent

_NAMES = {
    "series.vus_pr": "VUS-PR (order of the scores, 1 perfect)",
    "series.vus_roc": "VUS-ROC (0.5 guessing, 1 perfect)",
    "ranking.auroc": "AUROC (0.5 guessing, 1 perfect)",
    "ranking.average_precision": "Average precision (AUC-PR)",
    "ranking.precision_at_n": "Precision at the number of anomalies",
    "series.events.found": "Labelled events found",
    "series.events.false_alarms": "Alarms that touch no labelled event",
    "series.events.precision": "Event precision: alarms that touch an event",
    "series.events.recall": "Event recall: events that an alarm touches",
    "series.events.f1": "Event F1",
    "series.events.delay_mean": "Mean delay of the first flag, in steps",
    "series.events.delay_median": "Median delay of the first flag, in steps",
    "series.affiliation.precision": "Affiliation precision (random alarms: about 0.5)",
    "series.affiliation.recall": "Affiliation recall (many random alarms: near 1)",
    "series.affiliation.f1": "Affiliation F1",
    "places.pixel_auroc": "Pixel AUROC of the maps (0.5 guessing, 1 perfect)",
    "places.au_pro": "AU-PRO of the maps, to 30 % false positives (1 perfect)",
    "places.pictures": "Images with marks or without defects",
    "places.regions": "Marked places",
    "places.without_mask": "Anomalous images without marks, left out",
    "decision.precision": "Precision: flags that were right",
    "decision.recall": "Recall: anomalies found",
    "decision.f1": "F1",
    "decision.accuracy": "Accuracy",
    "decision.balanced_accuracy": "Balanced accuracy",
    "false_alarms.rate": "Delivered false-alarm rate",
    "oracle.best_f1.value": "Best F1 any threshold could give",
    "rows": "Labelled rows",
    "anomalies": "Labelled anomalies",
    "flagged": "Rows flagged",
}
_SHARES = {
    "decision.precision",
    "decision.recall",
    "decision.accuracy",
    "decision.balanced_accuracy",
    "false_alarms.rate",
    "series.events.precision",
    "series.events.recall",
}
_ORDER = list(_NAMES)
_SILENT = (
    "intervals",
    "undefined",
    "level",
    "decision.confusion",
    "false_alarms",
    "oracle",
    "series.window",
    "series.events.",
    "series.affiliation.",
)


def measures(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) pairs of the figures of ``evaluation.metrics.evaluate``, with their intervals; an undefined one says why.

    >>> measures({"rows": 20, "ranking": {"auroc": 0.987}, "intervals": {"auroc": (0.95, 1.0)}, "level": 0.95})
    [('AUROC (0.5 guessing, 1 perfect)', '0.987 (0.95 to 1)'), ('Labelled rows', '20')]
    """
    flat = _flat(evaluation)
    names = sorted(
        (name for name in flat if name in _NAMES or not name.startswith(_SILENT)),
        key=lambda name: _ORDER.index(name) if name in _ORDER else 99,
    )
    intervals = {**(evaluation.get("intervals") or {}), "rate": (evaluation.get("false_alarms") or {}).get("interval")}
    undefined = evaluation.get("undefined") or {}
    made = []
    for name in names:
        last = "false_alarms" if name == "false_alarms.rate" else name.split(".")[-1]
        why = undefined.get(name.removeprefix("series.")) or undefined.get(last) or "not given by these data"
        text = f"undefined: {why}" if flat[name] is None else _text(name, flat[name])
        interval = None if name.startswith("series.") else intervals.get(name.split(".")[-1])
        if interval is not None and flat[name] is not None:
            text += f" ({_text(name, interval[0])} to {_text(name, interval[1])})"
        made.append((_NAMES.get(name, name.replace(".", " ").replace("_", " ").capitalize()), text))
    return made


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            made |= _flat(value, f"{prefix}{name}.")
        elif not isinstance(value, (list, tuple)) and not (value is None and name in ("series", "best_f1")):
            made[prefix + name] = value
    return made


def _text(name: str, value: Any) -> str:
    return percent(value, 3) if name in _SHARES else number(value, 3) if isinstance(value, float) else number(value)
