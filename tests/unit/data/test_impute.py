"""Missing cells become learned numbers."""

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import build
from tocsin.data.impute import Impute

NAN = np.nan


def filled(method, train, rows, groups=None):
    return Impute(method).fit(train).transform(rows, **({} if groups is None else {"groups": np.array(groups)}))


@pytest.mark.parametrize(("method", "value"), [("median", 2.0), ("mean", 3.0), ("previous", 2.0), ("linear", 2.0)])
def test_a_lone_hole_takes_the_training_value(method, value):
    assert filled(method, [[1.0], [2.0], [6.0], [NAN]], [[NAN]]).tolist() == [[value]]


def test_previous_looks_back_in_its_segment_only():
    X = [[NAN], [1.0], [NAN], [NAN], [5.0], [NAN]]
    assert filled("previous", [[9.0]], X, [0, 0, 0, 1, 1, 1]).ravel().tolist() == [9, 1, 1, 9, 5, 5]


def test_linear_goes_straight_between_neighbours_of_its_segment():
    X = [[NAN], [1.0], [NAN], [3.0], [NAN], [NAN], [7.0], [NAN]]
    assert filled("linear", [[0.0]], X, [0] * 5 + [1] * 3).ravel().tolist() == [1, 1, 2, 3, 3, 7, 7, 7]


def test_previous_never_uses_what_comes_later():
    X = np.random.default_rng(0).normal(size=(50, 2))
    X[::3] = NAN
    whole = filled("previous", X, X)
    assert np.array_equal(Impute("previous").fit(X).transform(X[:20]), whole[:20])


def test_nothing_is_left_missing_even_where_nothing_was_known():
    made = filled("median", [[NAN, 1.0], [NAN, 3.0]], [[NAN, NAN], [4.0, 5.0]])
    assert made.tolist() == [[0.0, 2.0], [4.0, 5.0]]


def test_huge_values_do_not_overflow():
    X = [[1.7e308], [1.7e308], [-1.7e308], [-1.7e308]]
    for method in ("median", "mean", "linear"):
        assert np.isfinite(filled(method, X, [[1.7e308], [NAN], [-1.7e308]])).all()


def test_the_input_stays_and_complete_rows_pass():
    X = np.array([[1.0, NAN], [2.0, 3.0]])
    kept = X.copy()
    made = filled("mean", X, X)
    assert np.array_equal(X, kept, equal_nan=True) and made[1].tolist() == [2.0, 3.0]


def test_state_and_changes():
    step = Impute("mean").fit([[1.0, NAN], [3.0, NAN]])
    assert build(Impute, step.state()).transform([[NAN, NAN]]).tolist() == [[2.0, 0.0]]
    (finding,) = step.changes()
    assert (finding.count, finding.of) == (2, 4) and "2 missing cells in 1 columns" in finding.message
    assert Impute().fit([[1.0]]).changes() == ()


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="TOC-202"):
        Impute("magic").fit([[1.0]])
    with pytest.raises(DataError, match="TOC-110"):
        Impute().fit([[np.inf]])
    with pytest.raises(DataError, match="TOC-111"):
        Impute().fit([[1.0]]).transform([[1.0, 2.0]])
    with pytest.raises(DataError, match="TOC-116"):
        filled("previous", [[1.0]], [[1.0]], [0, 0])
    with pytest.raises(StateError, match="TOC-301"):
        Impute().transform([[1.0]])
