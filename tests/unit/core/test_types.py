from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.core.types import Column, Dataset, Detections, Explanation, Schema


def _data() -> Dataset:
    return Dataset.of(np.arange(12.0).reshape(6, 2), y=[0, 0, 1, 0, 0, 1], names=["a", "b"], ids=list("uvwxyz"), time=np.arange(6) * 10,
                      group=[1, 1, 1, 2, 2, 2])


@pytest.mark.parametrize("rows", [slice(1, 4), slice(0, 6, 2), np.array([4, 1]), [0, 5], np.array([True, False, True, False, False, True]),
                                  slice(2, 2), slice(-2, None)])
def test_slicing_keeps_the_parts_together(rows: object) -> None:
    data, index = _data(), np.arange(6)[rows]  # type: ignore[index]
    part = data[rows]  # type: ignore[index]
    assert len(part) == len(index)
    assert part.X.tolist() == data.X[index].tolist()
    for name in ("ids", "y", "time", "group"):
        assert getattr(part, name).tolist() == getattr(data, name)[index].tolist()
    assert part.schema == data.schema


@pytest.mark.parametrize("rows", [slice(1, 4), slice(0, 6, 2), slice(2, 2), [5, 0], np.array([True, False, True, False, False, True])])
def test_arrow_tables_are_sliced_alike(rows: object) -> None:
    table = pa.table({"a": list(range(6)), "b": list("pqrstu")})
    data = Dataset(table, "table", Schema((Column("a", "number"), Column("b", "category"))), np.arange(6))
    index = np.arange(6)[rows]  # type: ignore[index]
    part = data[rows]  # type: ignore[index]
    assert part.X.column("a").to_pylist() == part.ids.tolist() == index.tolist()


def test_lists_are_sliced_alike() -> None:
    data = Dataset(["x", "y", "z"], "texts", Schema(()), np.arange(3))
    assert data[[2, 0]].X == ["z", "x"]


def test_a_one_dimensional_series_gets_a_column_and_a_table_is_refused() -> None:
    assert Dataset.of([1.0, 2.0], kind="series").X.shape == (2, 1)
    with pytest.raises(DataError, match="TOC-115"):
        Dataset.of([1.0, 2.0])


@pytest.mark.parametrize("part", [{"y": [0]}, {"ids": [1, 2, 3]}, {"time": [1]}, {"group": []}])
def test_parts_of_another_length_are_refused(part: dict) -> None:
    with pytest.raises(DataError, match=f"TOC-101: {next(iter(part))}"):
        Dataset.of([[1.0], [2.0]], **part)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_are_one_each_and_distinct(names: list[str]) -> None:
    with pytest.raises(DataError, match="TOC-102"):
        Dataset.of([[1.0, 2.0]], names=names)


def test_text_is_refused() -> None:
    with pytest.raises(DataError, match="TOC-115"):
        Dataset.of([["a", "b"]])


def test_datasets_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        _data().y = None  # type: ignore[misc]


def test_schema_goes_through_plain_data() -> None:
    schema = Schema((Column("a", "number", "l/s", 0.0, 9.5, False), Column("b", "category")), time="t", group="g", label="y", id="i")
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema["b"].kind == "category"
    assert schema.names == ("a", "b")
    with pytest.raises(KeyError):
        schema["c"]


def _found(**more: object) -> Detections:
    score = np.array([0.1, 3.0, 0.2, 3.0])
    return Detections(np.array(["r0", "r1", "r2", "r3"]), score, np.array([0.9, 0.01, 0.8, 0.01]), score > 1, 1.0, **more)  # type: ignore[arg-type]


def test_top_puts_the_worst_first_and_keeps_ties_in_order() -> None:
    assert _found().top(3).tolist() == [1, 3, 2]
    assert _found().top(99).tolist() == [1, 3, 2, 0]


def test_arrow_columns() -> None:
    assert _found().to_arrow().column_names == ["id", "score", "p_value", "is_anomaly"]
    timed = _found(time=np.array(["2026-01-01"] * 4, dtype="datetime64[s]")).to_arrow()
    assert timed.column_names == ["id", "time", "score", "p_value", "is_anomaly"]
    assert timed.num_rows == len(_found())


def test_pandas_frame() -> None:
    pytest.importorskip("pandas")
    assert _found().to_pandas()["is_anomaly"].tolist() == [False, True, False, True]


def test_explanation_has_as_many_entries_as_rows() -> None:
    made = Explanation("residual", np.array([3, 1]), ("a",), np.ones((2, 1)), ((1.0,), (2.0,)), ((0.0,), (0.0,)), np.ones(1))
    assert len(made) == 2


@pytest.mark.parametrize("y", [[0, 1, 2], [0, 0.5, 1], [0, 1, float("nan")], ["a", "b", "c"]])
def test_what_is_no_label_is_refused(y: list[Any]) -> None:
    with pytest.raises(DataError, match="TOC-117"):
        Dataset.of(np.zeros((3, 2)), y=y)
