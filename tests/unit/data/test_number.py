"""Text that means numbers."""

import numpy as np
import pyarrow as pa
import pytest

from tocsin.data.number import MISSING, decimal_mark, finite, numbers


@pytest.mark.parametrize(("text", "mark", "value"), [
    ("1", ".", 1.0), (" 2.50 ", ".", 2.5), ("+3", ".", 3.0), ("-4e2", ".", -400.0), (".5", ".", 0.5), ("5.", ".", 5.0),
    ("1,234", ".", 1234.0), ("1,234", ",", 1.234), ("1.234,5", ",", 1234.5), ("1.234,5", ".", 1234.5), ("1,234,567.25", ".", 1234567.25),
    ("3,14", ".", 3.14), ("1 234,5", ",", 1234.5), ("1'234.5", ".", 1234.5), ("1\u202f234", ".", 1234.0), ("5 %", ".", 5.0),
    ("€ 3", ".", 3.0),
    ("$1,200.50", ".", 1200.5), ("−7", ".", -7.0), ("1e400", ".", None), ("many", ".", None), ("1.2.3", ".", None), ("12 kg", ".", None),
    ("0x10", ".", None), ("1_000", ".", None), ("1,23,4", ".", None),
])
def test_how_text_reads_as_a_number(text, mark, value):
    # a cell that is no number beside it sends the column down the careful path; alone it may take the quick one
    assert numbers(pa.array([text, "x"]), mark).values[0].as_py() == value
    assert numbers(pa.array([text]), mark).values[0].as_py() == value


def test_words_for_missing_are_neither_wrong_nor_infinite():
    read = numbers(pa.array([*MISSING, "NaN", "N/A", None]))
    assert (read.read, read.wrong, read.infinite) == (0, 0, 0)


def test_infinity_and_wrong_cells_are_counted_apart():
    read = numbers(pa.array(["inf", "-Infinity", "∞", "x", "1"]))
    assert (read.read, read.infinite, read.wrong) == (1, 3, 1)
    assert numbers(pa.array(["inf", "1"])).infinite == 1


def test_the_decimal_mark_is_what_most_cells_need():
    assert decimal_mark(pa.array(["3,5", "1.234,5", "7"])) == ","
    assert decimal_mark(pa.array(["3.5", "1,234.5"])) == "."
    assert decimal_mark(pa.array(["1,234"])) == "."


def test_finite_drops_nan_and_counts_infinity():
    read = finite(pa.array([1.0, np.nan, np.inf, None]))
    assert read.values.to_pylist() == [1.0, None, None, None]
    assert (read.infinite, read.read) == (1, 1)
    assert finite(pa.array([], pa.float64())).read == 0
