"""A thinned trace draws the same picture; the slider counts what the trace would have flagged."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.flows.rule import written
from tocsin.interfaces.server.desk.chart import slider, thinned


def trace(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    score, values = rng.random(n), rng.normal(size=n)
    score[n // 3], values[n // 2] = 50.0, -40.0
    flagged = score > 10
    gaps = [None if i == 7 else float(value) for i, value in enumerate(values)]
    return {
        "kind": "series",
        "ids": list(range(n)),
        "time": [f"t{i}" for i in range(n)],
        "score": score.tolist(),
        "p_value": np.where(flagged, 1e-4, score).tolist(),
        "is_anomaly": flagged.tolist(),
        "events": [],
        "threshold": {},
        "columns": [{"name": "a", "values": gaps, "expected": None, "low": None, "high": None}],
    }


def test_a_long_trace_keeps_peaks_flagged_rows_and_ends() -> None:
    whole = trace(50_000)
    small = thinned(whole)
    assert small is not None and len(small["score"]) <= 2000 and small["total"] == 50_000 and small["step"] >= 25
    assert {0, 49_999, 50_000 // 3, 25_000} <= set(small["rows"]) and small["rows"] == sorted(set(small["rows"]))
    for name in ("ids", "time", "score", "p_value", "is_anomaly"):
        assert small[name] == [whole[name][row] for row in small["rows"]]
    assert small["columns"][0]["values"] == [whole["columns"][0]["values"][row] for row in small["rows"]]
    assert small["columns"][0]["expected"] is None and len(whole["score"]) == 50_000


def test_very_many_flagged_rows_do_not_crowd_out_the_rest() -> None:
    whole = trace(30_000) | {"is_anomaly": [True] * 30_000}
    small = thinned(whole)
    assert small is not None and 1000 < len(small["rows"]) <= 2000 and 10_000 in small["rows"]
    assert max(np.diff(small["rows"])) < 200


def test_a_short_trace_stays_whole() -> None:
    whole = trace(50)
    small = thinned(whole)
    assert small is not None and small["score"] == whole["score"] and small["step"] == 1.0 and thinned(None) is None


def test_the_slider_counts_alarms_of_the_trace() -> None:
    facts = {"threshold": {"rule": "false_alarm_rate", "rate": 0.0123, "p": 0.0123, "score": 3.5}}
    found = slider(facts, {"p_value": [0.001, 0.0123, 0.05, 0.5]})
    assert found is not None and (found["value"], found["cut"], found["score"], found["of"]) == (0.0123, 0.0123, 3.5, 4)
    alarms = {one["value"]: one["alarms"] for one in found["alarms"]}
    assert (alarms[0.0005], alarms[0.001], alarms[0.0123], alarms[0.05], alarms[0.3]) == (0, 1, 2, 3, 3)
    assert found["text"] == "false_alarm_rate=0.0123"


def test_without_a_version_or_a_trace_there_is_nothing_to_slide() -> None:
    assert slider(None, None) is None
    found = slider({"threshold": {"rule": "cost", "false_alarm": 1.0, "miss": 10.0, "share": 0.01, "p": 0.02, "score": None}}, None)
    assert found is not None and found["alarms"] == [] and (found["text"], found["value"]) == ("cost=1.0:10.0:0.01", "1.0:10.0:0.01")


def test_every_rule_s_text_can_be_asked_for_again() -> None:
    from tocsin.decision.threshold import THRESHOLDS, parse

    for text in ("false_alarm_rate=0.02", "false_discovery=0.1", "contamination=0.05", "cost=1:10:0.02"):
        rule = parse(text)
        name = next(name for name, kind in THRESHOLDS.items() if type(rule) is kind)
        assert repr(parse(written({"rule": name, **rule.params()}))) == repr(rule)
