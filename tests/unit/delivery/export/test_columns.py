"""The Encode step in the graph: every kind of column, every kind of cell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.data.clean import Clean
from tocsin.data.encode import Encode
from tocsin.delivery.export.columns import columns_of, declare, encoded
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.proof import start


def _fitted(table: pa.Table, *, missing: bool = True) -> tuple[Clean, Encode]:
    schema = tocsin.read(table, kind="table").schema.to_dict()
    clean = Clean(schema).fit(table)
    return clean, Encode(missing=missing).fit(clean.transform(table))


def _through(encode: Encode, feeds: dict[str, np.ndarray]) -> np.ndarray:
    graph, columns = Graph(), columns_of(encode)
    graph.output("made", encoded(graph, columns, declare(graph, columns)), DOUBLE, ["n", "d"])
    return start(graph.model().SerializeToString()).run(None, feeds)[0]


def _column(values: list, missing: bool = True) -> tuple[Clean, Encode]:
    return _fitted(pa.table({"x": values, "y": np.random.default_rng(0).normal(size=len(values))}), missing=missing)


def _compared(steps: tuple[Clean, Encode], cells: list, fed: list, kind: type = float) -> None:
    """Encode and graph make the same of ``cells``."""
    n, (clean, encode) = len(cells), steps
    form = {plan["source"]: plan["form"] for plan in encode.plans_}["x"]
    types = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.timestamp("us"), "string": pa.string()}
    wanted = encode.transform(clean.transform(pa.table({"x": pa.array(cells, types[form]), "y": np.arange(float(n))}), part=True))
    made = _through(encode, {"x": np.array(fed, dtype=kind)[:, None], "y": np.arange(float(n))[:, None]})
    np.testing.assert_allclose(made, wanted, rtol=1e-9, atol=1e-9)
    assert wanted.shape[1] > 1


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("hole", [None, 1.5])
def test_numbers(hole, missing):
    nan = float("nan")
    _compared(_column([1.0, 2.0, 4.0, 8.0, hole] * 5, missing), [1.0, None, float("inf"), -1e300], [1.0, nan, float("inf"), -1e300])


@pytest.mark.parametrize("hole", [None, "a"])
@pytest.mark.parametrize("levels", [3, 40])
def test_names(levels, hole):
    steps = _column([*([f"z{i % levels}" for i in range(120)]), "a", "a", hole])
    _compared(steps, ["z1", "new", None, None, None, "Z1", "a"], ["z1", "new", "", "NA", "null", "Z1", "a"], object)


@pytest.mark.parametrize("hole", [None, True])
def test_truth_values(hole):
    nan = float("nan")
    _compared(_column([True, False, False, False, hole] * 5), [True, False, None, None], [1.0, 0.0, nan, 7.0])


@pytest.mark.parametrize("hole", [None, np.datetime64("2020-03-04T05:06:07", "us")])
def test_dates(hole):
    hours = [np.datetime64("2019-01-01", "us") + np.timedelta64(3601 * i, "s") for i in range(0, 20_000, 40)]
    steps = _column([*hours, hole])
    cells = [np.datetime64("1969-12-31T23:59:59.999999", "us"), np.datetime64("2031-05-06T07:08:09.5", "us"), None]
    _compared(steps, cells, [float("nan") if cell is None else cell.astype(np.int64) / 1e6 for cell in cells])


@pytest.mark.parametrize(("value", "cells", "fed", "kind"), [
    (3.0, [3.0, 3.0 + 1e-12, 4.0, None], [3.0, 3.0 + 1e-12, 4.0, float("nan")], float),
    (True, [True, False, None], [1.0, 0.0, float("nan")], float),
    ("one", ["one", "two", None], ["one", "two", ""], object),
    (np.datetime64("2020-01-02T03:04:05.5", "us"), [np.datetime64("2020-01-02T03:04:05.5", "us"), np.datetime64("2020-01-02", "us"), None],
     [1577934245.5, 1577923200.0, float("nan")], float),
])
@pytest.mark.parametrize("holes", [0, 3])
def test_constants(value, cells, fed, kind, holes):
    _compared(_column([value] * 20 + [None] * holes), cells, fed, kind)


def test_empty_columns():
    table = pa.table({"x": pa.nulls(9, pa.float64()), "y": np.arange(9.0)})
    _compared(_fitted(table), [None, 1.0], [float("nan"), 1.0])


def test_free_text_is_refused_by_name():
    words = [f"the {i} brown foxes and {i * i} more of them jumped over it" for i in range(60)]
    _, encode = _column(words)
    graph, columns = Graph(), columns_of(encode)
    with pytest.raises(ArtifactError, match=r"TOC-422.*'x'"):
        encoded(graph, columns, declare(graph, columns))


def test_inputs_are_the_columns_that_count(table):
    names = {column.name: column.input for column in columns_of(_fitted(table)[1])}
    assert "order_id" not in names
    assert names.pop("score") == "score_column"
    assert all(name == called for name, called in names.items())


def test_a_second_name_is_free_too():
    table = pa.table({"score": [1.0, 2.0, 3.0], "score_column": [1.0, 0.0, 3.0], "threshold": [0.0, 1.0, 5.0]})
    assert [column.input for column in columns_of(_fitted(table)[1])] == ["score_column_column", "score_column", "threshold_column"]
