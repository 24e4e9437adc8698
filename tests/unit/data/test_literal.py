import pyarrow as pa
import pytest

from tocsin.data.literal import are_codes, booleans, column, decimal_of, marks_of, number_text, spelled


def text(*values):
    return pa.chunked_array([list(values)], pa.string())


@pytest.mark.parametrize(("values", "mark", "certain"), [
    (["0,5"], ",", True), (["0.5"], ".", True), (["1.234,5"], ",", True), (["1,234.5"], ".", True), (["1,234,567"], ".", True),
    (["1.234.567"], ",", True), (["1,234"], ".", False), (["31.12.2024"], ".", False), (["x", None], ".", False), (["1234,567"], ",", True),
])
def test_decimal_mark(values, mark, certain):
    assert decimal_of([text(*values)])[:2] == (mark, certain)


def test_decimal_mark_of_no_columns():
    assert decimal_of([]) == (".", False, "")


def numbers(*column_and_marks):
    return number_text(*column_and_marks).cast(pa.float64())


def test_numbers():
    assert numbers(text("1", "+2", "-.5", "3.", "1e3")).to_pylist() == [1, 2, -0.5, 3, 1000]
    assert numbers(text("0x1", "1_0", "1 2", "5%", "")).null_count == 5
    assert numbers(text("1,5", "1.5", "2"), ",", True).to_pylist() == [1.5, None, 2]
    assert numbers(text("1,2", "12,345"), ".", True).to_pylist() == [None, None]  # not all are groups of three


def test_codes():
    assert are_codes(text("01", "2")) and not are_codes(text("0", "2")) and not are_codes(text("00.5", "2")) and not are_codes(text("-01"))


def test_booleans():
    assert booleans(text("T", "f")).to_pylist() == [True, False] and booleans(text("yes", "true")) is None and booleans(text("y")) is None


def test_mixed_values_become_text_that_reads_back():
    assert column([True, 1, "x", {"a": 1}]).to_pylist() == ["true", "1", "x", '{"a": 1}']
    assert column([2**70, 1]).to_pylist() == [str(2**70), "1"]


@pytest.mark.parametrize(("values", "source", "marks"), [
    (["1,234", "12"], (".", True), (".", True)), (["1,234"], (".", False), (".", False)), (["1,2", "12,345"], (".", True), (".", False)),
    (["1.234,5"], (",", True), (",", True)), (["1.234"], (",", True), (",", True)), (["1.5"], (",", True), (".", False)),
    (["0,5"], (",", False), (",", False)),
])
def test_marks_of_a_column(values, source, marks):
    assert marks_of(text(*values), *source) == marks


@pytest.mark.parametrize("marks", [(".", False), (".", True), (",", False), (",", True)])
def test_a_number_reads_the_same_whatever_stands_beside_it(marks):
    cells = ["1", "1,234", "1.234", "1.234,5", "1,234.5", "0,5", " 0.5 ", "x", "1,23,4", "-inf", "1e3", "5 %", "12 kg", "0x10", "1_0"]
    assert spelled(text(*cells), *marks).to_pylist() == [spelled(text(cell), *marks)[0].as_py() for cell in cells]
