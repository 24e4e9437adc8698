"""Plain cells put back beside the rows they belong to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import tocsin
from tocsin.core.types import Dataset
from tocsin.flows.rows import added, key_of, keys_of, stretch_of


def mixed() -> Dataset:
    when = np.array(["2026-01-01", "2026-01-02", "2026-01-03"], dtype="datetime64[us]")
    return tocsin.read(pa.table({"n": [1, 2, 3], "x": [0.5, None, 2.5], "state": ["a", "b", "b"], "on": [True, False, True], "when": when}),
                       kind="table")


def test_rows_are_found_by_their_cells_whatever_the_type() -> None:
    data = mixed()
    there = keys_of(data)
    assert there[key_of({"n": 2.0, "x": None, "state": "b", "on": False, "when": "2026-01-02T00:00:00"}, data.schema.names)] == [1]
    assert key_of({"n": 9}, data.schema.names) not in there


def test_cells_become_rows_of_the_same_form() -> None:
    data = mixed()
    cells = [{"n": 3.5, "x": "n/a", "state": 7, "on": None, "when": "2026-01-05T12:00:00"}, {"state": "b"}]
    row = stretch_of(cells, data, [None, None])
    whole = added(data, [row], [], 2)
    assert len(whole) == 7 and whole.X.column("n").to_pylist()[2:4] == [3.0, 3.5] and whole.X.column("x").to_pylist()[3] is None
    assert whole.X.column("state").to_pylist()[3:] == ["7", "b", "7", "b"] and whole.X.column("when")[3].as_py().day == 5
    assert whole.y is None and whole.schema == data.schema


def test_anomalies_are_marked_and_ids_kept() -> None:
    data = Dataset.of(np.zeros((3, 2)), y=[0, 1, 0])
    odd = stretch_of([{"x0": 9.0, "x1": 9.0}], data, [None])
    whole = added(data, [], [odd], 5)
    assert whole.y is not None and whole.y.tolist() == [0, 1, 0, 1]
    assert whole.X[3].tolist() == [9.0, 9.0] and whole.ids.tolist()[:3] == [0, 1, 2]
    assert added(data, [], [], 5) is data


def test_stretches_of_a_series_lie_on_both_sides_in_groups_of_their_own() -> None:
    time = np.datetime64("2026-01-01T00:00:00") + np.arange(4) * np.timedelta64(60, "s")
    data = Dataset.of(np.arange(4.0), kind="series", names=["x"], time=time)
    one = stretch_of([{"x": 8.0}, {"x": 9.0}], data, ["2026-02-01T00:00:00", "2026-02-01T00:01:00"])
    whole = added(data, [one], [], 3)
    assert whole.X[:, 0].tolist() == [8, 9, 0, 1, 2, 3, 8, 9, 8, 9] and whole.time is not None and whole.time[0] > whole.time[2]
    groups = whole.group.tolist()  # type: ignore[union-attr]
    assert len(set(groups)) == 4 and len(set(groups[2:6])) == 1


def test_what_is_no_date_and_no_number_is_missing() -> None:
    data = mixed()
    got = stretch_of([{"when": "garbage", "x": 10**400}, {"when": "2026-01-02", "x": 5}], data, [None, None])
    assert got.X.column("when").is_null().to_pylist() == [True, False] and got.X.column("x").to_pylist() == [None, 5.0]
    assert key_of({"x": 10**400}, ["x"]) != key_of({"x": 5}, ["x"])
