from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tocsin.core.errors import DataError
from tocsin.data.read import read


def test_rows_are_matched_on_a_key():
    left = {"k": ["a", "b", "c", "a"], "x": [1, 2, 3, 4]}
    data = read([pd.DataFrame(left), pd.DataFrame({"k": ["c", "a"], "x": [30, 10], "z": [0.3, 0.1]})], on="k")
    assert data.schema.names == ("k", "x", "source 2.x", "z")
    assert data.X["z"].to_pylist() == [0.1, None, 0.3, 0.1] and data.X["source 2.x"].to_pylist() == [10, None, 30, 10]
    assert any("1 of 4 rows find no match" in note for note in data.origin.notes)


def test_keys_of_other_types_match_and_missing_ones_do_not(tmp_path):
    (tmp_path / "a.csv").write_text("k,x\n1,5\nNA,6\n3,7\n")
    (tmp_path / "b.csv").write_text("k;x\n3,0;70\n1,0;50\n;60\n")
    data = read([tmp_path / "a.csv", tmp_path / "b.csv"], on="k")
    assert data.X["b.x"].to_pylist() == [50, None, 70]


def test_a_repeated_key_is_refused():
    with pytest.raises(DataError, match=r"TOC-132.*'a'"):
        read([pd.DataFrame({"k": ["a"], "x": [1]}), pd.DataFrame({"k": ["a", "a"], "z": [1, 2]})], on="k")
    with pytest.raises(DataError, match="TOC-129"):
        read([pd.DataFrame({"k": ["a"], "x": [1]}), pd.DataFrame({"q": ["a"], "z": [1]})], on="k")


def minutes(*values):
    return np.datetime64("2024-01-01T00:00", "us") + np.array(values) * np.timedelta64(60, "s")


LEFT = pd.DataFrame({"time": minutes(0, 1, 2, 3, 4, 5), "x": range(6)})
RIGHT = pd.DataFrame({"time": minutes(3, 1, 1), "z": [30, 10, 11]})  # unsorted, one stamp twice


@pytest.mark.parametrize(("tolerance", "expected"), [
    (None, [None, 11, 11, 30, 30, 30]), ("1min", [None, 11, 11, 30, 30, None]), (0, [None, 11, None, 30, None, None]),
    (60, [None, 11, 11, 30, 30, None]), (timedelta(minutes=1), [None, 11, 11, 30, 30, None]),
    (np.timedelta64(1, "m"), [None, 11, 11, 30, 30, None]),
])
def test_as_of_takes_the_latest_row_at_or_before(tolerance, expected):
    data = read([LEFT, RIGHT], on="time", tolerance=tolerance)
    assert data.X["z"].to_pylist() == expected and data.kind == "series" and data.schema.names == ("x", "z")


def test_as_of_inside_groups():
    left = pd.DataFrame({"t": [1, 2, 1, 2], "m": ["a", "a", "b", "b"], "x": [1, 2, 3, 4]})
    right = pd.DataFrame({"t": [1, 2], "m": ["a", "b"], "z": [10, 20]})
    assert read([left, right], on="t", tolerance=5, group="m").X["z"].to_pylist() == [10, 10, None, 20]


@pytest.mark.parametrize("tolerance", ["soon", -1, "5 weeks", True, float("nan")])
def test_a_strange_tolerance_is_refused(tolerance):
    with pytest.raises(DataError, match="TOC-132"):
        read([LEFT, RIGHT], on="time", tolerance=tolerance)


def test_text_has_no_as_of():
    with pytest.raises(DataError, match="TOC-132"):
        read([pd.DataFrame({"k": ["a"], "x": [1]}), pd.DataFrame({"k": ["a"], "z": [1]})], on="k", tolerance=1)
