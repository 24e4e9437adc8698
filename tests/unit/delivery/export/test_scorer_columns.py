"""Histograms and tails in the graph; the normal's tail far beyond the training range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri_exp

import tocsin
from tocsin.delivery.export import scorer_columns
from tocsin.delivery.export.scorer import row_scores

_R = np.random.default_rng(0)
_TRAIN = {
    "skewed": np.exp(_R.normal(size=(300, 3)) @ _R.normal(size=(3, 3))),
    "counts": _R.poisson(2, size=(200, 2)).astype(float),
    "constant": np.column_stack([np.full(40, 3.0), _R.normal(size=40)]),
    "two": np.array([[0.0, 1.0], [1.0, 3.0]]),
}


@pytest.mark.parametrize("train", _TRAIN)
@pytest.mark.parametrize("params", [{}, {"knots": 7}, {"dependence": False}])
def test_a_copula_is_the_detectors_on_knots_between_them_and_beyond(value, train, params):
    X = _TRAIN[train]
    detector = tocsin.make("copula", **params).fit(X)
    new = np.concatenate([X[:30], X[:30] * 1.01, X[:5] * 1e3, X[:5] - 1e200, X[:5] + 1e9])
    made = value(lambda graph, x: row_scores(graph, x, detector), x=new)
    np.testing.assert_allclose(made, detector.anomaly_score(new), rtol=1e-10)


@pytest.mark.parametrize("n", [2, 50, 10**6])
def test_the_normal_tail_is_known_as_far_as_cells_go(value, n):
    out = np.concatenate([[0.0], np.logspace(-8, 15, 400)])[:, None]
    inside = np.full_like(out, 0.25)
    made = value(lambda graph, a, u, o: scorer_columns._normal(graph, a, u, o, n, 1e-3), a=inside, u=np.zeros_like(out), o=out)
    wanted = -ndtri_exp(-np.log(2 * n) - out)
    np.testing.assert_allclose(made[1:], wanted[1:], rtol=3e-11)
    assert made[0] == 0.25
    left = value(lambda graph, a, u, o: scorer_columns._normal(graph, a, u, o, n, 1e-3), a=inside, u=out, o=np.zeros_like(out))
    assert np.array_equal(left[1:], -made[1:])
