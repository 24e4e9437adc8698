import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.explanation.summary import number, rarity, sentence

NAN = math.nan
RARE = "; 1 in 1,000 normal rows is this odd"


def say(observed: Any, expected: Any, spread: float = NAN, unit: str = "", **more: Any) -> str:
    return sentence("c", unit, observed, expected, spread, 0.001, **more).removesuffix(RARE).removeprefix("`c` ")


@pytest.mark.parametrize(("observed", "expected", "spread", "unit", "text"), [
    (3.12, 7.9, 0.4, "l/s", "is 3.1 l/s where 7.9 ± 0.4 was expected"),
    (20.04, 20.0, 0.4, "°C", "is 20.04 °C where 20.00 ± 0.4 was expected"),
    (10.0, 52000.0, 4800.0, "€", "is 10 € where 52,000 ± 4,800 was expected"),
    (12.345, 99.0, 1.4, "%", "is 12.3% where 99.0 ± 1.4 was expected"),
    (150, 100, 37.0, "", "is 150 where 100 ± 37 was expected"),
    (7, 3, NAN, "", "is 7 where 3 was expected"),
    (7.5, 3, 0.0, "m", "is 7.5 m where 3 was expected"),
    (123456789, 3.5, NAN, "", "is 123,456,789 where 3.5 was expected"),
    (1e-9, 3e-9, NAN, "", "is 1e-09 where 3e-09 was expected"),
    (1e20, 3.0, 1.0, "", "is 1e+20 where 3 ± 1 was expected"),
    (0.0, -0.0, 0.3, "", "is 0.0 where 0.0 ± 0.3 was expected"),
    (np.float64(2), np.int64(3), 0.5, "", "is 2.0 where 3.0 ± 0.5 was expected"),
    (math.inf, 1.0, 0.1, "", "is infinite where 1.0 ± 0.1 was expected"),
    (True, False, NAN, "", "is true where false was expected"),
    ("icmp", "tcp", NAN, "", "is 'icmp' where 'tcp' was expected"),
    ("icmp", None, NAN, "", "is 'icmp'"),
    ("", "tcp", NAN, "", "is '' where 'tcp' was expected"),
    (None, "tcp", NAN, "", "is missing where 'tcp' was expected"),
    (None, 3.2, 0.3, "m", "is missing where 3.2 ± 0.3 m was expected"),
    (NAN, 3.2, 0.3, "m", "is missing where 3.2 ± 0.3 m was expected"),
    (None, None, NAN, "", "is missing"),
    (3.2, NAN, 0.1, "", "is 3.2 where a missing value was expected"),
    (np.datetime64("2026-01-02"), None, NAN, "", "is '2026-01-02'"),
])
def test_cells(observed, expected, spread, unit, text):
    assert say(observed, expected, spread, unit) == text


def test_unseen_categories_say_so():
    assert say("icmp", "tcp", unseen=True) == "is 'icmp', never seen in training, where 'tcp' was expected"
    assert say("icmp", None, unseen=True) == "is 'icmp', never seen in training"


def test_further_columns():
    assert say(1, 2, others=["b"]) == "is 1 where 2 was expected (`b` is unusual, too)"
    assert say(1, 2, others=["b", "d"]) == "is 1 where 2 was expected (`b` and `d` are unusual, too)"


def test_no_single_column():
    start = "no single column stands out"
    assert sentence("a", "", 1, 2, 1, 0.001, share=0.1, others=["b"]) == f"{start}; the combination of `a` and `b` does{RARE}"
    assert sentence("a", "", 1, 2, 1, 0.001, share=0.1, others=["b", "d"]) == f"{start}; the combination of `a`, `b` and `d` does{RARE}"
    for name, share in (("a", 0.0), ("a", NAN), (None, 1.0), ("a", 0.1)):
        assert sentence(name, "", 1, 2, 1, 0.001, share=share) == start + RARE


@pytest.mark.parametrize(("p", "text"), [
    (1.0, "normal rows are at least this odd"), (0.62, "62% of normal rows are at least this odd"),
    (0.25, "1 in 4 normal rows is this odd"), (0.01, "1 in 100 normal rows is this odd"),
    (1 / 2437, "1 in 2,400 normal rows is this odd"), (1.1e-6, "1 in 910,000 normal rows is this odd"),
    (1e-6, "1 in 1,000,000 normal rows is this odd"), (9e-7, "fewer than 1 in 1,000,000 normal rows are this odd"),
    (1e-300, "fewer than 1 in 1,000,000 normal rows are this odd"), (NAN, "how rare this is, is not known"),
    (-1, "how rare this is, is not known"),
])
def test_rarity(p, text):
    assert rarity(p) == text


def test_long_and_broken_text_stays_on_one_short_line():
    text = sentence("na\nme\x00`<b>", "", "x" * 5000 + "\r\n", None, NAN, 0.1)
    assert "\n" not in text and "\x00" not in text and len(text) < 200
    assert "<b>" in text  # escaping belongs to whoever draws


@given(st.floats(allow_nan=False), st.floats(), st.one_of(st.none(), st.floats(), st.text(max_size=3)))
def test_any_number_can_be_written(value, spread, other):
    text = number(value, spread, other)
    assert text and "nan" not in text and len(text) < 40


@given(st.integers(-10**6, 10**6), st.integers(-10**6, 10**6), st.floats(1e-3, 1e7))
def test_different_numbers_look_different(a, b, spread):
    assert (number(a / 100, spread, b / 100) == number(b / 100, spread, a / 100)) == (a == b)


cell = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=80))


@given(st.one_of(st.none(), st.text(max_size=80)), st.text(max_size=5), cell, cell, st.floats(), st.floats(), st.floats(),
       st.lists(st.text(max_size=9), max_size=3))
def test_any_input_gives_one_line(name, unit, observed, expected, spread, p, share, others):
    text = sentence(name, unit, observed, expected, spread, p, share=share, others=others)
    assert text.splitlines() == [text]
