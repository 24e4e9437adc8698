"""Columns of every Arrow type."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.data.cell import Habit, finite, learn, natural, read, simple


def as_form(values, form):
    array = simple(pa.chunked_array([values]), "c")
    return read(array, learn(array, form), "c")


@pytest.mark.parametrize("values", [
    *(pa.array([1, 0, None], kind) for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64(), pa.float32())),
    pa.array([decimal.Decimal("1.00"), decimal.Decimal("0.00"), None]), pa.array([True, False, None]), pa.array(["1", "0", None]),
    pa.array(["1", "0", None], pa.large_string()), pa.array(["1", "0", ""], pa.string_view()),
    pa.array(["1", "0", None]).dictionary_encode(), pa.array([1.0, 0.0, np.nan], pa.float16()),
    pa.array([1, 0, None], pa.duration("s")), pa.array([1, 0, None], pa.time32("s")), pa.array([b"1", b"0", None]),
    pa.array([1_000_000, 0, None], pa.time64("us")),
])
def test_all_types_of_numbers_become_float64(values):
    assert as_form(values, "number").values.to_pylist() == [1.0, 0.0, None]


def test_large_whole_numbers_keep_their_size():
    assert as_form(pa.array([2**63 - 1, -(2**63)]), "number").values.to_pylist() == [2.0**63, -(2.0**63)]
    assert as_form(pa.array([2**64 - 1], pa.uint64()), "number").values[0].as_py() == 2.0**64


@pytest.mark.parametrize("values", [
    pa.array(["2024-02-29", None]), pa.array(["29.02.2024", "n/a"]), pa.array(["2024-02-29T00:00:00Z", ""]),
    pa.array([datetime.date(2024, 2, 29), None]), pa.array([datetime.date(2024, 2, 29), None], pa.date64()),
    *(pa.array([datetime.datetime(2024, 2, 29), None], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")),
    pa.array([datetime.datetime(2024, 2, 29), None], pa.timestamp("us", "UTC")), pa.array([1709164800, None]),
    pa.array([1709164800000, None]), pa.array([1709164800000000000, None]),
])
def test_all_types_of_dates_become_timestamps(values):
    assert as_form(values, "date").values.to_pylist() == [datetime.datetime(2024, 2, 29), None]


def test_a_zone_becomes_utc():
    values = pa.array([datetime.datetime(2024, 7, 1, 12)], pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Europe/Berlin"))
    assert as_form(values, "date").values[0].as_py() == datetime.datetime(2024, 7, 1, 12)


@pytest.mark.parametrize(("values", "expected"), [
    (pa.array(["yes", "No", "?", "maybe"]), [True, False, None, None]), (pa.array([1, 0, 2]), [True, False, None]),
    (pa.array([1.0, 0.0, np.nan]), [True, False, None]), (pa.array([True, None]), [True, None]),
])
def test_booleans_are_read_from_words_and_numbers(values, expected):
    assert as_form(values, "boolean").values.to_pylist() == expected


@pytest.mark.parametrize(("values", "expected"), [
    (pa.array([" a ", "", "NaN", "none"]), ["a", None, None, "none"]), (pa.array([3.0, 3.5, np.nan]), ["3", "3.5", None]),
    (pa.array([3, None]), ["3", None]), (pa.array([True]), ["true"]), (pa.array([7], pa.duration("s")), ["7"]),
    (pa.array([datetime.date(2024, 1, 2)]), ["2024-01-02"]),
])
def test_everything_can_be_a_name(values, expected):
    assert as_form(values, "string").values.to_pylist() == expected


@pytest.mark.parametrize("form", ["number", "boolean", "date", "string"])
def test_a_column_of_nulls_and_an_empty_one_read_in_every_form(form):
    assert as_form(pa.nulls(2), form).values.to_pylist() == [None, None]
    for empty in (pa.array([], pa.string()), pa.array([], pa.float64())):
        assert len(as_form(empty, form).values) == 0


@pytest.mark.parametrize("values", [pa.array([[1], [2]]), pa.array([{"a": 1}]), pa.array([b"\xff\xfe"])])
def test_types_without_cells_are_refused(values):
    with pytest.raises(DataError, match="TOC-151"):
        simple(pa.chunked_array([values]), "c")


@pytest.mark.parametrize(("values", "form"), [
    (pa.array([datetime.date(2024, 1, 1)]), "number"), (pa.array([datetime.date(2024, 1, 1)]), "boolean"), (pa.array([True]), "date")])
def test_a_foreign_type_is_refused(values, form):
    with pytest.raises(DataError, match="TOC-152"):
        as_form(values, form)


def test_a_date_reads_the_same_whatever_stands_beside_it():
    habit = Habit("date", order="dmy")
    cells = ["13/02/2024", "02/13/2024", "2024-02-13", "junk", "13.02.2024 10:30", "", "junk"]
    together = read(pa.array(cells, pa.large_string()), habit, "c").values.to_pylist()
    alone = [read(pa.array([text], pa.large_string()), habit, "c").values[0].as_py() for text in cells]
    assert together == alone
    assert together[0] == datetime.datetime(2024, 2, 13) and together[3] is None


def test_run_length_and_chunked_columns_are_unwrapped():
    packed = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([1.0, 2.0]))
    assert simple(pa.chunked_array([packed]), "c").to_pylist() == [1.0, 1.0, 2.0]
    assert simple(pa.chunked_array([["a"], ["b"]]), "c").to_pylist() == ["a", "b"]
    assert natural(pa.float64()) == "number"


@pytest.mark.parametrize(("cells", "mark", "grouped"), [
    (["3,5", "1.234,5", "7"], ",", True), (["3.5", "1,234.5"], ".", True), (["1,234"], ".", False), (["1,234", "0.5"], ".", True),
    (["1,2", "0.5"], ".", False), (["x"], ".", False)])
def test_the_marks_of_numbers_are_learned_from_the_column(cells, mark, grouped):
    habit = learn(pa.array(cells, pa.large_string()), "number")
    assert (habit.mark, habit.grouped) == (mark, grouped)


def test_infinity_missing_and_wrong_cells_are_counted_apart():
    cells = read(pa.array(["inf", "-Infinity", "1e400", "x", "5 %", "1", " n/a ", "--", None], pa.large_string()), Habit("number"), "c")
    assert (cells.read, cells.infinite, cells.wrong) == (1, 3, 2)
    assert cells.values.to_pylist() == [None] * 5 + [1.0] + [None] * 3


def test_finite_drops_nan_and_counts_infinity():
    cells = finite(pa.array([1.0, np.nan, np.inf, None]))
    assert cells.values.to_pylist() == [1.0, None, None, None]
    assert (cells.infinite, cells.read) == (1, 1)
    assert finite(pa.array([], pa.float64())).read == 0
