"""What a chart of a detector needs: the newest kept trace thinned to what a screen can show, and how many alarms other cuts would give."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.flows.rule import written

_MOST = 2000  # rows of a thinned trace
_CURVES = 4  # columns whose peaks are kept beside those of the score
_MARKED = 800  # flagged rows that are always kept, the worst first
_RATES = (0.0001, 0.0002, 0.0003, 0.0005, 0.0007, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05,
          0.07, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3)


def thinned(trace: dict[str, Any] | None, most: int = _MOST) -> dict[str, Any] | None:
    """A trace of at most ``most`` rows that draws the same picture: per stretch of rows the lowest and the highest of the score and of the
    first columns, and flagged rows. ``rows`` tells which they are, ``step`` how many rows one stands for.

    >>> trace = {"ids": [0], "time": None, "score": [0.1], "p_value": [0.9], "is_anomaly": [False], "columns": []}
    >>> thinned(trace)["step"]
    1.0
    """
    if trace is None:
        return None
    n = len(trace["score"])
    rows = _kept(trace, n, most)

    def pick(values: list[Any] | None) -> list[Any] | None:
        return None if values is None else [values[row] for row in rows]

    columns = [{name: pick(value) if isinstance(value, list) else value for name, value in column.items()} for column in trace["columns"]]
    lists = {name: pick(trace[name]) for name in ("ids", "time", "score", "p_value", "is_anomaly")}
    return {**trace, **lists, "columns": columns, "rows": rows, "total": n, "step": round(n / max(len(rows), 1), 3)}


def _kept(trace: dict[str, Any], n: int, most: int) -> list[int]:
    if n <= most:
        return list(range(n))
    score = np.asarray(trace["score"], dtype=float)
    flagged = np.flatnonzero(np.asarray(trace["is_anomaly"], dtype=bool))
    marked = flagged[np.argsort(-score[flagged], kind="stable")[:min(_MARKED, most // 2)]]
    curves = [score, *(_numbers(column["values"]) for column in trace["columns"][:_CURVES])]
    buckets = max(1, (most - len(marked) - 2) // (2 * len(curves)))
    starts = (np.arange(buckets) * n) // buckets
    picked = [np.array([0, n - 1]), marked]
    for curve in curves:
        for sign in (1.0, -1.0):  # the lowest and the highest of each stretch; missing values never win over known ones
            worth = np.where(np.isnan(curve), np.inf, sign * curve)
            order = np.lexsort((worth, np.searchsorted(starts, np.arange(n), side="right")))
            picked.append(order[starts])
    return np.unique(np.concatenate(picked))[:most].tolist()


def _numbers(values: list[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in values])


def slider(facts: dict[str, Any] | None, trace: dict[str, Any] | None) -> dict[str, Any] | None:
    """The rule that decides now, and for other false-alarm rates how many rows of the trace would have been flagged.

    ``value`` is the rule's own setting, ``cut`` where it cuts on p, ``score`` the score there (None when none is high enough), ``text``
    the rule as it is asked for; each entry of ``alarms`` holds for the rule ``false_alarm_rate=value``.
    """
    if facts is None:
        return None
    rule = dict(facts.get("threshold") or {})
    p = np.sort(np.asarray(trace["p_value"], dtype=float)) if trace is not None else np.zeros(0)
    alarms = [{"value": rate, "alarms": int(np.searchsorted(p, rate, side="right"))} for rate in sorted({*_RATES, *_own(rule)})]
    text = written(rule)
    return {"rule": rule.get("rule"), "value": rule.get("rate", rule.get("share")) if not text.startswith("cost") else text[5:],
            "cut": rule.get("p"), "score": rule.get("score"), "text": text, "alarms": alarms if trace is not None else [], "of": len(p)}


def _own(rule: dict[str, Any]) -> list[float]:
    rate = rule.get("rate")
    return [rate] if rule.get("rule") == "false_alarm_rate" and isinstance(rate, float) and 0 < rate < 1 else []
