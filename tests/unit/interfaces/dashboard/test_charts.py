"""What the chart draws: the band, the alarms under the setting in use, runs that survive thinning."""

from __future__ import annotations

from typing import Any

from tocsin.interfaces.dashboard import charts


def _trace(**more: Any) -> dict[str, Any]:
    return {
        "kind": "series",
        "ids": [0, 4, 9],
        "time": None,
        "score": [1.0, 2.0, 3.0],
        "p_value": [0.5, 0.0, 0.02],
        "is_anomaly": [False, True, False],
        "columns": [{"name": "a", "values": [1.0, float("nan"), float("inf")], "expected": [1, 1, 1], "low": [0, 0, 0], "high": [2, 2, 2]}],
        "rows": [0, 4, 9],
        "events": [{"start": 3, "end": 5, "peak": 4}],
        "step": 3.3,
        "threshold": {"rule": "false_alarm_rate", "value": 0.01},
    } | more


def test_no_trace_no_chart() -> None:
    assert charts.payload(None, {}, {}) is None and charts.payload({"p_value": []}, {}, {}) is None


def test_rows_events_and_gaps() -> None:
    drawn = charts.payload(_trace(), {}, {"rule": "false_alarm_rate", "value": 0.01, "cut": 0.01})
    assert drawn is not None
    assert drawn["x"] == [1, 5, 10] and drawn["thinned"] and not drawn["dated"]  # rows are counted from one
    assert drawn["events"] == [[1, 2]]  # the first kept row at or after each end
    assert drawn["channels"][0]["y"] == [1.0, None, None] and drawn["channels"][0]["high"] == [2, 2, 2]
    assert drawn["odds"][1] == 1e7 and drawn["odd"] == [False, True, False] and drawn["cut"] == 100.0


def test_alarms_follow_the_setting_in_use() -> None:
    looser = charts.payload(_trace(), {}, {"rule": "false_alarm_rate", "value": 0.05, "cut": 0.05})
    assert looser is not None and looser["odd"] == [False, True, True]


def test_a_rule_that_never_cuts_draws_no_line() -> None:
    drawn = charts.payload(_trace(), {}, {"rule": "false_discovery", "value": 0.1, "cut": 0.0})
    assert drawn is not None and drawn["cut"] is None


def test_the_columns_to_blame_come_first_and_few_are_drawn() -> None:
    columns = [{"name": f"c{i}", "values": [i]} for i in range(20)]
    made = charts.channels(columns, {"c17": 0.7, "c3": 0.2})
    assert (
        [one["name"] for one in made[:3]] == ["c17", "c3", "c0"]
        and len(made) == 8
        and [one["open"] for one in made[:3]] == [True, True, False]
    )
