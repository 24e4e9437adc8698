"""The check at the door of the matrix steps."""

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.data.matrix import checked, fitted, segment_slices, value_columns
from tocsin.data.scale import Scale


@pytest.mark.parametrize(("X", "code"), [([1.0, 2.0], "TOC-115"), ([["a"]], "TOC-115"), ([[1.0, 2.0]], "TOC-111")])
def test_a_wrong_matrix_is_refused(X, code):
    with pytest.raises(DataError, match=code):
        checked(X, width=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_finite_matrix_is_asked_for(bad):
    with pytest.raises(DataError, match=r"TOC-110.*row 1, column 0"):
        checked([[0.0], [bad]], finite=True)


def test_segments_are_runs_of_equal_groups():
    assert segment_slices(np.array([1, 1, 0, 1]), 4) == [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert segment_slices(None, 4) == [slice(0, 4)]
    assert segment_slices(np.array([]), 0) == []
    with pytest.raises(DataError, match="TOC-116"):
        segment_slices(np.array([1]), 2)


def test_the_feature_list_must_describe_the_matrix():
    assert value_columns(None, 2).tolist() == [True, True]
    with pytest.raises(ConfigError, match="TOC-202"):
        value_columns([{"role": "value"}], 2)


def test_an_unfitted_step_says_so():
    with pytest.raises(StateError, match="TOC-301"):
        fitted(Scale(), "center_")
