"""What is noticed in data before anything is learned from them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Origin
from tocsin.data.schema import infer
from tocsin.data.screen import screen

N = 400
RNG = np.random.default_rng(0)


def dataset(columns, **parts):
    table = pa.table(columns)
    return Dataset(table, parts.pop("kind", "table"), infer(table), np.arange(table.num_rows), **parts)


def found(data):
    return {(finding.what, finding.column): finding for finding in screen(data)}


def clean_columns():
    return {"a": RNG.normal(size=N), "b": RNG.normal(size=N)}


def test_clean_data_are_summed_up_and_nothing_else_is_said():
    findings = screen(dataset(clean_columns()))
    assert [finding.what for finding in findings] == ["size", "kinds"]
    assert findings[0].message == "400 rows and 2 columns." and findings[1].message == "Columns by kind: 2 number."


def test_every_fault_is_found_and_counted():
    a = RNG.normal(size=N)
    columns = {
        "a": np.where(np.arange(N) == 7, 1e6, a), "twin": 2 * a + 1, "gap": [None if i % 10 == 0 else float(v) for i, v in enumerate(a**2)],
        "inf": np.where(np.arange(N) < 3, np.inf, RNG.normal(size=N)),
        "mixed": ["x" if i < 5 else str(v) for i, v in enumerate(RNG.normal(size=N))],
        "site": ["north"] * N, "empty": pa.nulls(N), "code": [f"c{i % 60}" for i in range(N)],
    }
    columns["twin"][7] = columns["a"][7] * 2 + 1
    made = found(dataset(columns))
    assert made["extreme", "a"].count == 1 and "1e+06 in row 7" in made["extreme", "a"].message
    assert ("twin_columns", "twin") in made
    assert made["missing", "gap"].count == 40 and made["infinite", "inf"].count == 3 and made["wrong_type", "mixed"].count == 5
    assert ("constant", "site") in made and made["empty", "empty"].level == "warning" and made["many_levels", "code"].count == 60
    assert ("missing", "empty") not in made, "an empty column is told once"
    assert all(any(sign.isdigit() for sign in finding.message) or finding.what in ("constant", "id") for finding in made.values())


def test_the_gravest_come_first():
    levels = [finding.level for finding in screen(dataset({"a": [1.0, 2.0, np.inf]}))]
    assert levels[2:] == sorted(levels[2:], key=["error", "warning", "info"].index) and "error" in levels


def test_repeated_rows_are_counted_exactly():
    columns = {"a": np.r_[np.arange(N) * 1.5, 0.0, 0.0, 1.5], "s": [*"x" * N, "x", "y", "x"], "d": np.zeros(N + 3).astype("M8[us]"),
               "f": [True] * (N + 3)}
    assert found(dataset(columns))["duplicate_rows", None].count == 2
    assert ("duplicate_rows", None) not in found(dataset(clean_columns()))


def test_row_numbers_are_suspected():
    columns = {**clean_columns(), "number": np.arange(7.0, N + 7), "name": [f"row {i}" for i in range(N)]}
    made = found(dataset(columns))
    assert ("id_like", "number") in made
    assert ("id", "name") in made or ("id_like", "name") in made


def test_a_column_that_tells_the_label_is_named():
    y = (np.arange(N) % 20 == 0).astype(int)
    columns = {**clean_columns(), "after": y * 10.0 + RNG.normal(size=N), "status": np.where(y == 1, "bad", "fine"),
               "flag": y == 0, "same": ["one", "two"] * (N // 2), "lone": [f"v{i}" for i in range(N)]}
    made = found(dataset(columns, y=y))
    assert {column for what, column in made if what == "leakage"} == {"after", "status", "flag"}
    assert "20 of 400 rows" in made["labels", None].message


@pytest.mark.parametrize(("y", "level"), [(np.zeros(N), "warning"), (np.ones(N), "error"), (np.arange(N) % 10 // 4 > 0, "warning")])
def test_odd_labels_are_told(y, level):
    assert found(dataset(clean_columns(), y=np.asarray(y, int)))["labels", None].level == level


def test_far_rows_are_counted():
    columns = {name: values + np.where(np.arange(N) < 30, 50, 0) for name, values in clean_columns().items()}
    assert found(dataset(columns))["contamination", None].count == 30


def test_the_clock_of_a_series_is_looked_at():
    time = np.datetime64("2024-01-01", "s") + np.delete(np.arange(N + 3), [5, 6, 50]) * np.timedelta64(60, "s")
    data = replace(dataset(clean_columns(), kind="series", time=time), origin=Origin(notes=("rows were sorted by time",)))
    made = found(data)
    assert made["gap_filled", None].count == 3 and made["note", None].message == "rows were sorted by time"


def test_few_rows_and_many_columns_are_told():
    made = found(Dataset.of(RNG.normal(size=(5, 30))))
    assert made["few_rows", None].level == "error" and ("wide", None) in made
    assert found(Dataset.of(RNG.normal(size=(50, 3))))["few_rows", None].level == "warning"


def test_large_data_are_sampled_and_that_is_said():
    X = np.random.default_rng(1).normal(size=(100_100, 2))
    X[::1000, 0] = 1e4
    made = found(Dataset.of(X))
    assert "in a sample of 100000 of 100100 rows" in made["extreme", "x0"].message
    assert screen(Dataset.of(X)) == screen(Dataset.of(X))


def test_many_findings_of_a_kind_are_summed_up():
    findings = [finding for finding in screen(Dataset.of(np.c_[RNG.normal(size=(N, 1)), np.ones((N, 50))])) if finding.what == "constant"]
    assert len(findings) == 21 and findings[-1].message.startswith("30 more columns")


@pytest.mark.parametrize("X", [np.ones((1, 1)), np.full((3, 2), np.nan), np.full((20, 1), 1e308), np.array([[1e308], [-1e308]] * 20)])
def test_odd_shapes_and_sizes_give_findings(X):
    assert all(finding.message for finding in screen(Dataset.of(X)))


def test_nothing_to_look_at_is_refused():
    with pytest.raises(DataError, match="TOC-112"):
        screen(Dataset.of(np.empty((0, 2))))
    with pytest.raises(DataError, match="TOC-115"):
        screen(replace(Dataset.of(np.ones((2, 1))), kind="texts"))
