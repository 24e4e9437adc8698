"""JSON that any reader takes, and progress that keeps away from pipes."""

from __future__ import annotations

import datetime
import json

import numpy as np

from tocsin.interfaces.cli.output import counting, plain, to_json, training, working


def test_everything_becomes_plain():
    value = {
        "a": np.float64(1.5),
        2: np.array([1, 2]),
        "t": np.datetime64("2024-01-01"),
        "n": np.datetime64("NaT"),
        "inf": float("inf"),
        "b": np.bool_(True),
        "d": datetime.date(2024, 1, 2),
        "x": {"y": (None, "é")},
    }
    assert plain(value) == {
        "a": 1.5,
        "2": [1, 2],
        "t": "2024-01-01",
        "n": None,
        "inf": None,
        "b": True,
        "d": "2024-01-02",
        "x": {"y": [None, "é"]},
    }


def test_json_has_no_nan():
    assert json.loads(to_json({"x": float("nan")})) == {"x": None}


def test_no_progress_away_from_a_terminal(capsys):
    with working("x"), training(), counting("rows") as told:
        told(5)
    assert capsys.readouterr() == ("", "")
