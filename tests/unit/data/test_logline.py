import numpy as np

from tocsin.data.logline import flat, split, worst


def test_items_of_no_or_many_lines_come_apart_and_together() -> None:
    items = np.array(["one", "", "two\nthree\n"], dtype=object)
    lines, starts = flat(items)
    assert lines == ["one", "", "two", "three", ""] and starts.tolist() == [0, 1, 2, 5]
    assert [part.tolist() for part in split(np.arange(5.0), starts)] == [[0.0], [1.0], [2.0, 3.0, 4.0]]


def test_one_odd_line_makes_a_session_odd_whatever_its_length() -> None:
    calm, odd = np.zeros(20), np.zeros(20)
    odd[7] = 9.0
    short, long = worst(np.concatenate([odd[:10], odd]), np.array([0, 10, 30]))
    assert short == long == 6.0 and worst(calm, np.array([0, 20])).tolist() == [0.0]
    assert worst(np.array([5.0, 3.0]), np.array([0, 2])).tolist() == [4.5]
