"""Made anomalies in data sets: marked, in the data's own columns, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import tocsin
from tocsin.core.types import Dataset
from tocsin.flows.made import made, numbers


def table(n: int = 300) -> Dataset:
    rng = np.random.default_rng(0)
    price = rng.normal(20, 2, n).tolist()
    price[5] = None
    return tocsin.read({"price": price, "count": rng.integers(0, 90, n), "shop": rng.choice(["a", "b"], n)})


def test_only_marked_cells_of_number_columns_change() -> None:
    data = table()
    copies = made(data, seed=1)
    assert [kind for kind, _ in copies] == ["spike", "shift", "relation"]
    for _, copy in copies:
        assert isinstance(copy.X, pa.Table) and copy.X.column_names == data.X.column_names and copy.y is not None
        assert copy.X.column("shop").equals(data.X.column("shop"))
        kept = copy.y == 0
        for name in ("price", "count"):
            before, after = (np.array(one.X.column(name).to_pylist(), dtype=float)[kept] for one in (data, copy))
            np.testing.assert_array_equal(before, after)


def test_missing_cells_stay_missing() -> None:
    assert all(copy.X.column("price")[5].as_py() is None for _, copy in made(table(), seed=1) if copy.y is not None and not copy.y[5])


def test_a_series_gets_every_kind_that_it_has_room_for() -> None:
    data = Dataset.of(np.sin(np.arange(300) / 4), kind="series")
    assert [kind for kind, _ in made(data, seed=0)] == ["spike", "shift", "trend", "shape", "frequency", "flat", "noise"]
    assert (data.X[:, 0] == np.sin(np.arange(300) / 4)).all()


def test_nothing_is_made_where_no_number_moves() -> None:
    assert made(Dataset.of(np.zeros(300), kind="series"), seed=0) == []
    assert made(tocsin.read({"shop": ["a", "b"] * 50}), seed=0) == []
    assert made(Dataset.of(np.arange(5.0), kind="series"), seed=0) == []


def test_numbers_bridge_gaps_and_leave_empty_columns_out() -> None:
    names, X = numbers(Dataset.of([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]], names=["a", "b"]))
    assert names == ["a"] and X.tolist() == [[1.0], [2.0], [3.0]]
