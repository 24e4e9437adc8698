"""From cells as they came to cells of one type per column."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError, StateError
from tocsin.core.state import build
from tocsin.data.clean import Clean


def schema(**kinds):
    return {"columns": [{"name": name, "kind": kind} for name, kind in kinds.items()]}


def counts(findings):
    return {(finding.column, finding.what): finding.count for finding in findings}


MIXED = pa.table({"n": ["1,5", "2", "inf", "x", None], "c": ["a", " a", "", "b", "NaN"], "b": ["yes", "no", "yes", "no", "?"],
                  "d": ["2024-01-01", "2024-01-02", "then", None, "2024-01-04"]})
KINDS = schema(n="number", c="category", b="boolean", d="date")


def test_cells_are_typed_and_changes_counted():
    clean = Clean(KINDS).fit(MIXED)
    table = clean.transform(MIXED)
    assert table["n"].to_pylist() == [1.5, 2.0, None, None, None]
    assert table["c"].to_pylist() == ["a", "a", None, "b", None]
    assert table["b"].to_pylist() == [True, False, True, False, None]
    assert table["d"].to_pylist()[0] == datetime.datetime(2024, 1, 1)
    assert counts(clean.changes()) == {("n", "infinite"): 1, ("n", "wrong_type"): 1, ("n", "missing"): 1, ("c", "missing"): 2,
                                       ("b", "missing"): 1, ("d", "missing"): 1, ("d", "wrong_type"): 1}
    assert all(finding.of == 5 and finding.message for finding in clean.changes())


def test_the_state_rebuilds_the_step():
    clean = Clean(KINDS).fit(MIXED)
    again = build(Clean, clean.state())
    assert again.transform(MIXED).equals(clean.transform(MIXED), check_metadata=True)
    assert again.changes() == clean.changes()


def test_kinds_travel_in_the_fields():
    fields = Clean(schema(n="number", c="text", b="boolean", d="id")).fit_transform(MIXED).schema
    assert [field.metadata[b"tocsin.kind"] for field in fields] == [b"number", b"text", b"boolean", b"id"]


def test_a_row_is_cleaned_the_same_alone_and_in_company():
    clean = Clean(KINDS).fit(MIXED)
    alone = pa.concat_tables([clean.transform(MIXED.slice(i, 1)) for i in range(MIXED.num_rows)])
    assert alone.equals(clean.transform(MIXED).combine_chunks())


def test_columns_are_found_by_name_and_a_missing_one_is_named():
    clean = Clean(KINDS).fit(MIXED)
    assert clean.transform(MIXED.select(["d", "b", "c", "n"])).equals(clean.transform(MIXED))
    with pytest.raises(DataError, match=r"TOC-150.*\bb, d\b"):
        clean.transform(MIXED.select(["n", "c"]))
    with pytest.raises(DataError, match="TOC-150"):
        Clean(schema(n="number", gone="number")).fit(MIXED)


def test_wrong_cells_at_score_time_become_missing_and_are_reported():
    clean = Clean(schema(n="number")).fit(pa.table({"n": [1.0, 2.0]}))
    table = pa.table({"n": ["1", "broken", "3", "inf", "n/a"], "new": [1, 2, 3, 4, 5]})
    assert clean.transform(table)["n"].to_pylist() == [1.0, None, 3.0, None, None]
    assert counts(clean.findings(table)) == {("n", "missing"): 1, ("n", "infinite"): 1, ("n", "wrong_type"): 1, ("new", "unknown"): 5}
    assert counts(clean.changes()) == {}, "score-time findings leave the fitted step as it was"


def test_a_column_of_another_type_is_refused_but_a_single_fault_is_not():
    clean = Clean(schema(n="number", k="category")).fit(pa.table({"n": [1.0, 2.0], "k": ["a", "b"]}))
    with pytest.raises(DataError, match=r"TOC-152.*'n'"):
        clean.transform(pa.table({"n": list("abcde"), "k": list("abcde")}))
    with pytest.raises(DataError, match="TOC-152"):
        clean.transform(pa.table({"n": [datetime.date(2024, 1, 1)], "k": ["a"]}))
    assert clean.transform(pa.table({"n": ["broken"], "k": ["a"]}))["n"].to_pylist() == [None]
    assert clean.transform(pa.table({"n": [None], "k": [1.0]}))["k"].to_pylist() == ["1"], "any value can be a category"


def test_the_decimal_mark_is_learned():
    clean = Clean(schema(n="number")).fit(pa.table({"n": ["1.234,5", "2,5"]}))
    assert clean.transform(pa.table({"n": ["1,234"]}))["n"].to_pylist() == [1.234]
    assert Clean(schema(n="number")).fit(pa.table({"n": ["1,234.5"]})).transform(pa.table({"n": ["1,234"]}))["n"].to_pylist() == [1234.0]


def test_a_number_that_could_be_read_two_ways_is_none():
    clean = Clean(schema(n="number")).fit(pa.table({"n": ["1", "2", "3", "4", "1,234"]}))
    assert clean.transform(pa.table({"n": ["1,234", "0,5", "6"]}))["n"].to_pylist() == [None, None, 6.0]
    assert counts(clean.changes()) == {("n", "wrong_type"): 1}


@pytest.mark.parametrize("train", [["1.234,5", "2,5", "x"], ["1,234.5", "0.5", "x"], ["1", "2", "x"]])
def test_a_number_is_read_the_same_alone_and_in_company(train):
    clean = Clean(schema(n="number")).fit(pa.table({"n": train}))
    cells = ["1,234", "1.234", "1.234,5", "1,234.5", "0,5", "0.5", "12", "x", "-", "inf"]
    alone = [clean.transform(pa.table({"n": [cell]}))["n"][0].as_py() for cell in cells]
    assert clean.transform(pa.table({"n": cells}))["n"].to_pylist() == alone
    again = build(Clean, clean.state())
    assert again.transform(pa.table({"n": cells}))["n"].to_pylist() == alone


def test_a_date_that_could_be_read_two_ways_is_told():
    clean = Clean(schema(d="date")).fit(pa.table({"d": ["03/04/2024", "03/04/2024"]}))
    assert ("d", "ambiguous_date") in counts(clean.changes())
    assert clean.transform(pa.table({"d": ["05/04/2024"]}))["d"].to_pylist() == [datetime.datetime(2024, 4, 5)]
    assert counts(Clean(schema(d="date")).fit(pa.table({"d": ["13/04/2024", "03/04/2024"]})).changes()) == {}


def test_a_kind_that_fits_no_cell_is_told_and_the_cells_are_names():
    clean = Clean(schema(n="number")).fit(pa.table({"n": ["low", "high"]}))
    assert counts(clean.changes()) == {("n", "kind_does_not_fit"): 2}
    assert clean.transform(pa.table({"n": ["low"]}))["n"].to_pylist() == ["low"]


def test_labels_and_columns_outside_the_schema_do_not_pass():
    clean = Clean(schema(n="number", y="label")).fit(pa.table({"n": [1.0], "y": [1], "z": [2]}))
    assert clean.transform(pa.table({"n": [1.0]})).column_names == ["n"]
    assert counts(clean.changes()) == {("y", "label"): 1, ("z", "not_in_schema"): 1}


def test_without_a_schema_the_kinds_are_inferred():
    table = pa.table({"n": ["1", "2", "x", "4", "5", "6"], "d": pa.array([1, 2, 3, 4, 5, 6], pa.decimal128(5, 2)), "s": list("ababab")})
    fields = Clean().fit_transform(table).schema
    assert [str(field.type) for field in fields] == ["double", "double", "large_string"]


def test_an_array_takes_the_names_of_the_schema():
    X = np.array([[1, 2], [3, 4]])
    assert Clean(schema(a="number", b="number")).fit_transform(X)["b"].to_pylist() == [2.0, 4.0]
    assert Clean(schema(a="number", b="number")).fit(X).transform([[1.0, np.nan]])["b"].to_pylist() == [None]
    with pytest.raises(DataError, match="TOC-111"):
        Clean(schema(a="number")).fit(X)
    with pytest.raises(DataError, match="TOC-115"):
        Clean().fit([["a"]])


@pytest.mark.parametrize("table", [pa.table({}), pa.table({"a": pa.array([], pa.float64())})])
def test_nothing_to_learn_from_is_refused(table):
    with pytest.raises(DataError, match="TOC-112"):
        Clean().fit(table)


def test_repeated_names_and_nested_columns_are_refused():
    with pytest.raises(DataError, match=r"TOC-102.*repeated: a"):
        Clean().fit(pa.table([[1], [2]], names=["a", "a"]))
    with pytest.raises(DataError, match="TOC-151"):
        Clean().fit(pa.table({"a": [[1], [2]]}))


def test_an_unfitted_step_says_so_and_a_refit_forgets():
    with pytest.raises(StateError, match="TOC-301"):
        Clean().transform(MIXED)
    clean = Clean(schema(n="number")).fit(pa.table({"n": ["x", "1"]})).fit(pa.table({"n": [1.0]}))
    assert clean.changes() == ()


def test_no_rows_at_score_time_give_no_rows():
    assert Clean(KINDS).fit(MIXED).transform(MIXED.slice(0, 0)).num_rows == 0


def test_one_row_one_column_and_a_column_of_nothing():
    assert Clean(schema(n="number")).fit_transform(pa.table({"n": [7]}))["n"].to_pylist() == [7.0]
    clean = Clean().fit(pa.table({"n": [1.0, 2.0], "e": pa.nulls(2)}))
    assert clean.transform(pa.table({"n": [1.0, 1.0], "e": ["x", None]}))["e"].to_pylist() == ["x", None]
