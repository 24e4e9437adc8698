import pyarrow as pa
import pytest

from tocsin.data.literal import are_codes, booleans, column, decimal_of, numbers


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
