"""A share of alarms is called fine only where it is."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.interfaces.dashboard import health


def _lines(share: float, rows: int, opened: str = "") -> list[dict[str, str]]:
    signal = {"what": "alarm_rate", "column": "", "value": share, "fired": False, "detail": {"promised": 0.014, "rows": rows}}
    incidents: list[dict[str, Any]] = [{"rule": opened, "state": "open", "detail": {}}] if opened else []
    return health.lines({"signals": [signal], "incidents": incidents})


@pytest.mark.parametrize(
    ("share", "rows", "opened", "level", "said"),
    [
        (0.44, 2000, "", "warning", "more than expected"),
        (0.04, 100, "", "info", "too early to tell"),
        (0.04, 100, "alarm_rate", "warning", "more than expected"),
        (0.02, 2000, "", "ok", "was to be expected"),
        (0.02, 2000, "anomaly", "info", "An incident about it is open"),
    ],
)
def test_the_badge(share: float, rows: int, opened: str, level: str, said: str) -> None:
    line = _lines(share, rows, opened)[-1]
    assert line["level"] == level and said in line["text"] and (line["tag"] == "fine") == (level == "ok")


def test_a_column_with_an_open_incident_is_not_fine() -> None:
    signal = {"what": "input_drift", "column": "a", "value": 0.1, "fired": False, "detail": {}}
    opened = {"rule": "input_drift", "state": "open", "detail": {"column": "a"}}
    assert health.lines({"signals": [signal], "incidents": [opened]}) == []
    assert len(health.lines({"signals": [signal], "incidents": [opened | {"state": "resolved"}]})) == 1
