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
    assert charts.payload(None, [], {}) is None and charts.payload({"p_value": []}, [], {}) is None


def test_rows_events_and_gaps() -> None:
    drawn = charts.payload(_trace(), [], {"rule": "false_alarm_rate", "value": 0.01, "cut": 0.01})
    assert drawn is not None
    assert drawn["x"] == [2, 6, 11] and drawn["thinned"] and not drawn["dated"]  # lines of the file: the first holds the names
    assert drawn["events"] == [[1, 1]]  # the kept rows inside
    assert drawn["channels"][0]["y"] == [1.0, None, None] and drawn["channels"][0]["high"] == [2, 2, 2]
    assert drawn["odds"][1] == 1e7 and drawn["odd"] == [False, True, False] and drawn["cut"] == 100.0


def test_alarms_follow_the_setting_in_use() -> None:
    looser = charts.payload(_trace(), [], {"rule": "false_alarm_rate", "value": 0.05, "cut": 0.05})
    assert looser is not None and looser["odd"] == [False, True, True]


def test_a_rule_that_never_cuts_draws_no_line() -> None:
    drawn = charts.payload(_trace(), [], {"rule": "false_discovery", "value": 0.1, "cut": 0.0})
    assert drawn is not None and drawn["cut"] is None


def _row(row: int, event: str | None, score: float, **shares: float) -> dict[str, Any]:
    return {"batch": "b", "row": row, "event": event, "score": score, "reason": {"shares": shares} if shares else None}


def test_the_columns_to_blame_come_first_and_few_are_drawn() -> None:
    columns = [{"name": f"c{i}", "values": [i]} for i in range(20)]
    made = charts.channels(columns, [_row(0, None, 1.0, c17=0.7, c3=0.2)], [0])
    assert (
        [one["name"] for one in made[:3]] == ["c17", "c3", "c0"]
        and len(made) == 8
        and [one["open"] for one in made[:3]] == [True, True, False]
    )


def test_each_stretch_brings_its_guilty_column_to_the_front() -> None:
    columns = [{"name": name, "values": [0.0] * 9} for name in "abcd"]
    rows = [_row(i, "one", 5.0 + i, b=0.9, a=0.1) for i in range(5)] + [_row(7, "two", 3.0, d=0.8, a=0.2), _row(8, "three", 2.0, c=1.0)]
    made = charts.channels(columns, rows, range(9))
    assert [one["name"] for one in made] == ["b", "d", "c", "a"] and [one["open"] for one in made] == [True, True, True, False]
    assert made[0]["marks"] == [0, 1, 2, 3, 4] and made[1]["marks"] == [7] and made[3]["marks"] == [7]  # a has no part in "one"


def test_a_moment_without_reason_is_marked_where_its_stretch_is() -> None:
    made = charts.channels(
        [{"name": "a", "values": []}, {"name": "b", "values": []}], [_row(0, "e", 2.0, b=1.0), _row(1, "e", 1.0)], [0, 1]
    )
    assert [(one["name"], one["marks"]) for one in made] == [("b", [0, 1]), ("a", [])]
    assert charts.channels([{"name": "a", "values": []}], [_row(0, None, 1.0)], [0])[0]["marks"] is None


def test_a_stretch_that_is_no_alarm_any_more_has_no_band() -> None:
    stricter = charts.payload(_trace(p_value=[0.5, 0.008, 0.02]), [], {"rule": "false_alarm_rate", "value": 0.001, "cut": 0.001})
    assert stricter is not None and stricter["odd"] == [False] * 3 and stricter["events"] == []
