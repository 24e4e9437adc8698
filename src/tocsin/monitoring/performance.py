"""Performance without labels: does the detector alarm as often as it promised, not much more, and not never?"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy import stats

from tocsin.monitoring.drift import held_histogram, held_p
from tocsin.monitoring.histogram import Histogram
from tocsin.pipeline.pipeline import Pipeline

MORE, LESS = 2.0, 0.25  # times the promised rate from which it matters
_LOW = 0.05  # p-values that tell how alarms cluster: alarms themselves may be too few
_EXPECTED = 10.0  # alarms that must have been due before their absence says anything
_known: WeakKeyDictionary[Pipeline, float] = WeakKeyDictionary()


def promised(model: Pipeline) -> float:
    """The share of rows that should alarm: the cut on p, or, where held-out training rows alarmed more often (anomalies were among
    them), their share."""
    cut, held = float(model.threshold_.value), held_p(model)
    return float(np.clip(max(cut, float((held <= cut).mean())), 1e-9, 1.0))


def alarm_rate(seen: dict[str, Any], model: Pipeline, level: float) -> dict[str, Any]:
    """One signal: alarms against the promise, both ways, each at half of ``level``. ``value`` is the share of rows that alarmed.

    The promise is kept on average over calibration sets; one model's own rate strays as a Beta variable around it, and alarms of a series
    come in clusters. So the count is held against a Beta-binomial of the effective number of calibration rows. Too many: twice the
    promise. Silence: less than a quarter, where at least ten alarms were due; a detector that never rings may be looking at nothing.
    Nothing is told for thresholds that look at all rows of a batch together (false discovery).
    """
    n, alarms = int(seen["rows"]), int(seen["alarms"])
    rate, share = promised(model), alarms / max(n, 1)
    p_more, p_less = chance_of_more(alarms, n, model), _chance_of_less(alarms, n, model)
    more, less = share >= MORE * rate, share <= LESS * rate and rate * n * _worth(model) >= _EXPECTED
    p = min(1.0, 2 * (p_more if share >= rate else p_less))
    fired = bool((more and 2 * p_more <= level) or (less and 2 * p_less <= level))
    many = f"{alarms:,} of {n:,} rows were flagged; about {rate * n:.0f} were to be expected"
    none = f"Only {alarms:,} of {n:,} rows were flagged; about {rate * n:.0f} were to be expected: is it still looking at the real thing?"
    return {"what": "alarm_rate", "column": "", "value": share, "p_value": p, "fired": fired,
            "detail": {"rows": n, "alarms": alarms, "promised": rate, "title": many if share >= rate else none}}


def chance_of_more(alarms: int, n: int, model: Pipeline) -> float:
    """The chance of at least so many alarms among n rows when nothing is wrong; 1 for thresholds that look at a whole batch."""
    law = _law(n, model)
    return 1.0 if law is None else float(law.sf(np.floor(alarms * _worth(model)) - 1))


def chance_of_so_odd(p: float, n: int, model: Pipeline) -> float:
    """The chance that the oddest of n ordinary rows has a p-value of at most ``p``."""
    return float(-np.expm1(max(1.0, n * _worth(model)) * np.log1p(-min(p, 1 - 1e-12))))


def _chance_of_less(alarms: int, n: int, model: Pipeline) -> float:
    law = _law(n, model)
    return 1.0 if law is None else float(law.cdf(np.ceil(alarms * _worth(model))))


def _law(n: int, model: Pipeline) -> Any:
    rate, rows = promised(model), int(n * _worth(model))
    m = float(model.facts_["calibration"]["n"]) * _worth(model)
    if rows < 1 or model.threshold_.of_batch or rate >= 1:
        return None
    return stats.betabinom(rows, rate * (m + 1), (1 - rate) * (m + 1))


def _worth(model: Pipeline) -> float:
    """How many independent rows a row is worth, where neighbours alarm together: by the calibration's clusters at its highest scores, by
    how the share of held-out p-values up to 5 % strays from stretch to stretch, and for a table by all p-values; the least of these."""
    if model not in _known:
        told, held, low = model.facts_["calibration"], held_histogram(model), held_p(model) <= _LOW
        strays = Histogram(low.astype(np.int64), held.at, held.total, 2, held.series, held.reach, levels=("other", "low"))
        n = len(low)
        shares = [float(told["effective"]) / max(float(told["n"]), 1.0), strays.worth(n) / max(n, 1)]
        if not held.series:  # a table's calibration knows of no clusters, and alarms are few: all p-values tell whether it has an order
            shares.append(held.worth(n) / max(n, 1))
        _known[model] = min(1.0, *shares)
    return _known[model]
