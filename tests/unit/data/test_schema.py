import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.core.types import Schema
from tocsin.data.schema import conform, extras, infer, unit_of


def kind(values, name="c"):
    return infer(pa.table({name: values}))[name].kind


@pytest.mark.parametrize(("values", "expected"), [
    ([1.5, 2.5], "number"), ([0, 1, 1], "number"), (["1", "2", "x", "4", "5"], "number"), (["1", "x", "y", "4", "5"], "category"),
    ([True, False], "boolean"), (["yes", "no", "Yes"], "boolean"), (["2024-01-01", "2024-02-01"], "date"), (["u", "v", "u"], "category"),
    (["007", "008", "009"], "category"), ([None, None], "constant"), ([3, 3, 3], "constant"), (["a", "a"], "constant"),
    (["a", None, "a"], "category"),
    ([f"k{i}" for i in range(50)], "id"), ([f"the pump {i} was loud again" for i in range(50)], "text"), (list(range(50)), "id"),
    ([i * 1.5 for i in range(50)], "number"), (["12345678901234567890", "22345678901234567891"], "category"),
])
def test_kinds(values, expected):
    assert kind(values) == expected


def test_names_count_for_ids_and_labels():
    assert kind([4, 9, 7], "machine_id") == "id" and kind([4, 9, 7], "paid") == "number"
    assert kind([0, 1, 0], "label") == "label" and kind([0, 2, 0], "label") == "number" and kind(["normal", "abnormal"], "y") == "label"


def test_a_comma_that_could_mean_two_things_makes_no_number():
    assert kind(["1,234", "2,345", "3,456"]) == "category"
    assert kind(["1,234", "2,345", "0.5"]) == "number" and kind(["0,5", "1,5"]) == "number"


def test_eighty_per_cent_is_the_edge():
    assert kind(["1"] * 79 + ["2"] + ["x"] * 20) == "number"
    assert kind(["1"] * 79 + ["x"] * 21) == "category"


def test_range_and_unit():
    column = infer(pa.table({"temp [°C]": [1.0, np.inf, -2.0, None]})).columns[0]
    assert (column.low, column.high, column.unit, column.name) == (-2.0, 1.0, "°C", "temp [°C]")
    assert unit_of("x (1)") == "" and unit_of("(l/s)") == "" and unit_of("flow rate (m3/h)") == "m3/h"


def test_roles_are_no_columns_and_plain_form_comes_back():
    schema = infer(pa.table({"t": [1, 2], "g": ["a", "b"], "x": [1.0, 2.0], "y": [0, 1]}), time="t", group="g", label="y")
    assert schema.names == ("x",) and Schema.from_dict(schema.to_dict()) == schema
    with pytest.raises(DataError, match="TOC-129"):
        infer(pa.table({"x": [1]}), time="when")


MODEL = infer(pa.table({"n": [1.0, 2.0], "b": [True, False], "d": ["2024-01-01", "2024-01-02"], "s": ["07", "u"]}))


def test_conform_by_name_and_order():
    table = pa.table({"more": [1], "s": [7], "d": ["2024-03-01"], "b": ["no"], "n": ["3"]})
    out = conform(table, MODEL)
    assert out.column_names == ["n", "b", "d", "s"] and extras(table, MODEL) == ("more",)
    assert out["n"].to_pylist() == [3.0] and out["b"].to_pylist() == [False] and out["s"].to_pylist() == ["7"]
    assert conform(out, MODEL).equals(out)


def test_conform_names_the_missing_column():
    with pytest.raises(DataError, match=r"TOC-133.*'d'"):
        conform(pa.table({"n": [1], "b": [True], "s": ["u"]}), MODEL)


def full(**changed):
    n = len(next(iter(changed.values())))
    return pa.table({**{"n": [1.0] * n, "b": [True] * n, "d": ["2024-01-01"] * n, "s": ["u"] * n}, **changed})


@pytest.mark.parametrize("changed", [{"n": ["red"] * 5}, {"n": pa.array([0, 1], pa.timestamp("s"))}, {"d": ["red"] * 6},
                                     {"b": [7, 8, 9, 5, 4]},
                                     {"b": pa.array([0, 1], pa.timestamp("s"))}, {"d": [True, False]}])
def test_conform_refuses_another_type(changed):
    with pytest.raises(DataError, match="TOC-134"):
        conform(full(**changed), MODEL)


def test_conform_leaves_stray_text_to_be_counted():
    assert conform(full(n=["1", "red", None]), MODEL)["n"].to_pylist() == ["1", "red", None]
    assert conform(full(n=["red"]), MODEL)["n"].to_pylist() == ["red"]  # one cell proves no change of type
    assert conform(full(n=[None, None]), MODEL)["n"].type == pa.float64()
    assert conform(full(s=[7.0, 7.5]), MODEL)["s"].to_pylist() == ["7", "7.5"]


def test_ten_thousand_columns_conform_in_any_order():
    table = pa.table({f"c{i}": [1.0, 2.0] for i in range(10_000)})
    schema = infer(table)
    assert conform(table.select(table.column_names[::-1]), schema).column_names == table.column_names


def test_a_missing_column_of_ids_is_filled_with_nulls():
    schema = infer(pa.table({"order_id": [f"A-{i}" for i in range(40)], "amount": [i / 7 for i in range(40)]}))
    assert [column.kind for column in schema.columns] == ["id", "number"]
    found = conform(pa.table({"amount": [1.0, 2.0]}), schema)
    assert found.column_names == ["order_id", "amount"] and found["order_id"].to_pylist() == [None, None]
    assert conform(pa.table({"amount": [1.0], "order_id": ["B"]}), schema)["order_id"].to_pylist() == ["B"]
    with pytest.raises(DataError, match="TOC-133"):
        conform(pa.table({"order_id": ["B"]}), schema)
