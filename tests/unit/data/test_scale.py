"""Columns in comparable units, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import build
from tocsin.data.scale import Scale

METHODS = ("standard", "robust", "quantile", "log")


@pytest.mark.parametrize("method", METHODS)
def test_a_normal_column_gets_mean_0_and_spread_1(method):
    X = np.random.default_rng(0).normal(50, 7, size=(20_000, 1))
    Z = Scale(method).fit(X).transform(X)
    assert abs(Z.mean()) < 0.03 and abs(Z.std() - 1) < 0.03


@pytest.mark.parametrize("method", [*METHODS, "none"])
def test_the_way_back(method):
    X = np.random.default_rng(1).normal(size=(300, 3)) * [1, 1e6, 1e-6] + [0, 5e6, 1]
    step = Scale(method).fit(X)
    new = np.concatenate([X, X.mean(0) + 8 * (X[:9] - X.mean(0))])
    assert np.allclose(step.inverse(step.transform(new)), new, rtol=1e-7, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_far_outliers_stay_far_and_in_order(method):
    X = np.random.default_rng(2).normal(size=(500, 1))
    z = Scale(method).fit(X).transform([[-1e4], [-100.0], [X.min()], [0.0], [X.max()], [10.0], [100.0], [1e4]]).ravel()
    assert (np.diff(z) > 0).all() and z[-1] > 10 and z[0] < -10


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(train=arrays(float, (7, 2), elements=st.floats(-1e308, 1e308)), new=arrays(float, (5, 2), elements=st.floats(-1e308, 1e308)))
def test_finite_in_finite_out_whatever_the_size(method, train, new):
    step = Scale(method).fit(train)
    Z = step.transform(new)
    assert np.isfinite(Z).all() and np.isfinite(step.inverse(Z)).all()
    for j in range(2):
        assert (np.diff(step.transform(np.sort(new, axis=0))[:, j]) >= -1e-9).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_row_and_constant_columns(method):
    step = Scale(method).fit([[3.1, 1e9]])
    assert step.transform([[3.1, 1e9]]).tolist() == [[0.0, 0.0]]
    assert step.transform([[13.1, 1e9]])[0, 0] > 2
    constant = Scale(method).fit(np.full((1000, 1), 0.1))
    assert abs(constant.transform([[0.1]])[0, 0]) < 1e-12


def test_robust_is_not_moved_by_outliers_and_falls_back_without_a_middle():
    X = np.r_[np.random.default_rng(0).normal(size=900), np.full(100, 1e6)][:, None]
    assert abs(Scale("robust").fit(X).transform([[1.0]])[0, 0] - 1) < 0.25
    mostly_zero = np.r_[np.zeros(90), np.arange(10.0)][:, None]
    assert np.isclose(Scale("robust").fit(mostly_zero).spread_[0], mostly_zero.std())


def test_quantile_evens_out_a_heavy_tail_and_ties():
    X = np.exp(3 * np.random.default_rng(0).normal(size=(5000, 1)))
    Z = Scale("quantile").fit(X).transform(X)
    assert abs(Z.std() - 1) < 0.05 and Z.max() < 5
    ties = np.repeat([0.0, 1.0], [90, 10])[:, None]
    z = np.unique(Scale("quantile").fit(ties).transform(ties))
    assert len(z) == 2 and z[0] < 0 < 1 < z[1]


def test_log_takes_heavy_tails_by_size_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    X = np.c_[np.floor(np.exp(4 * rng.normal(size=2000))), rng.normal(size=2000), rng.integers(0, 2, 2000), np.full(2000, 3.0)]
    step = Scale("log").fit(X)
    assert step.by_size.tolist() == [True, False, False, False]
    Z, plain = step.transform(X), Scale("standard").fit(X).transform(X)
    assert abs(Z[:, 0].std() - 1) < 1e-9 and Z[:, 0].max() < 6 and np.array_equal(Z[:, 1:], plain[:, 1:])
    rows = np.array([[1e300, 0, 0, 3], [-1e300, 0, 0, 3], [-5.0, 0, 0, 3], [0.0, 0, 0, 3], [1.0, 0, 0, 3], [10.0, 0, 0, 3]])
    made = step.transform(rows)
    assert np.isfinite(made).all() and (np.diff(made[[1, 2, 3, 4, 5, 0], 0]) > 0).all()
    assert np.allclose(step.inverse(made[2:]), rows[2:]) and np.isfinite(step.inverse(made * 1e6)).all()
    assert np.allclose(step.inverse(Z)[:, 0], X[:, 0])


def test_clipping_is_at_a_million_and_only_there():
    step = Scale("standard").fit([[0.0], [2.0]])
    assert step.transform([[1e300], [-1e300], [9e5]]).ravel().tolist() == [1e6, -1e6, 899999.0]


def test_evidence_columns_are_left_alone():
    X = np.c_[np.arange(10.0), np.arange(10.0)]
    for method in METHODS:
        step = Scale(method).fit(X, features=[{"role": "value"}, {"role": "unseen"}])
        Z = step.transform(X)
        assert np.array_equal(Z[:, 1], X[:, 1]) and not np.array_equal(Z[:, 0], X[:, 0])
        assert np.array_equal(step.inverse(Z)[:, 1], X[:, 1])


@pytest.mark.parametrize("method", [*METHODS, "none"])
def test_rows_do_not_depend_on_their_batch_and_the_state_rebuilds_the_step(method):
    X = np.random.default_rng(3).normal(size=(64, 3))
    step = Scale(method).fit(X, features=[{"role": role} for role in ("value", "missing", "value")])
    again = build(Scale, step.state())
    alone = np.concatenate([again.transform(X[i:i + 1]) for i in range(64)])
    assert np.array_equal(alone, step.transform(X))
    assert np.array_equal(again.inverse(X), step.inverse(X))
    assert "2 columns were scaled" in step.changes()[0].message


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="TOC-202"):
        Scale("magic").fit([[1.0]])
    with pytest.raises(DataError, match="TOC-110"):
        Scale().fit([[np.nan]])
    with pytest.raises(DataError, match="TOC-111"):
        Scale().fit([[1.0]]).inverse([[1.0, 2.0]])
    with pytest.raises(StateError, match="TOC-301"):
        Scale().transform([[1.0]])


def test_evidence_can_be_shrunk_to_a_bound_and_comes_back():
    features = [{"role": "value"}, {"role": "missing"}, {"role": "unseen"}]
    X = np.array([[1.0, 9.9, 0.0], [3.0, -0.1, 0.0]])
    scale = Scale("standard", evidence=1.0).fit(X, features=features)
    made = scale.transform([[2.0, 9.9, 10.0]])
    assert made[0, 1] == pytest.approx(1.0) and made[0, 2] == 10.0  # what training never showed keeps its strength
    np.testing.assert_allclose(scale.inverse(scale.transform(X)), X)
