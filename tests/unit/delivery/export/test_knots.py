"""Searching and interpolating all columns at once gives numpy's numbers to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.data.scale import Scale
from tocsin.delivery.export.knots import Knots, normal_scores, straight

_R = np.random.default_rng(0)


@pytest.mark.parametrize("counts", [[1], [1, 2, 3], [5, 300, 17], [501, 500, 499], [1024, 1]])
def test_knots_reached_are_those_at_most_as_large(value, counts):
    columns = [np.unique(_R.normal(size=count)) for count in counts]
    x = np.stack([np.concatenate([column[[0, -1]], [-9.0, 9.0], _R.choice(column, 20), _R.normal(size=40)]) for column in columns], axis=1)
    made = value(lambda graph, v: Knots(columns).reached(graph, v), v=x)
    wanted = np.stack([column.searchsorted(x[:, j], "right") for j, column in enumerate(columns)], axis=1)
    assert np.array_equal(made, wanted)


@pytest.mark.parametrize("counts", [[1, 2], [501, 30], [64]])
def test_straight_lines_are_numpys_bit_for_bit(value, counts):
    columns = [np.unique(_R.normal(size=count)) for count in counts]
    heights = [_R.normal(size=len(column)).cumsum() for column in columns]
    x = np.stack([np.concatenate([_R.choice(column, 50), _R.normal(size=50) * 3]) for column in columns], axis=1)
    made = value(lambda graph, v: straight(graph, v, columns, heights), v=x)
    wanted = np.stack([np.interp(x[:, j], q, h) for j, (q, h) in enumerate(zip(columns, heights))], axis=1)
    assert np.array_equal(made, wanted)


def test_normal_scores_are_those_of_scale_and_equal_within_the_range(value):
    X = np.column_stack([_R.lognormal(size=700), _R.poisson(1, 700), np.full(700, 2.0)]).astype(float)
    scale = Scale("quantile").fit(X)
    made = value(lambda graph, v: normal_scores(graph, v, scale), v=X)
    assert np.array_equal(made, scale.transform(X))
    far = np.concatenate([X[:5] * 1e3, X[:5] - 1e300, X[:5] + 1e-9])
    np.testing.assert_allclose(value(lambda graph, v: normal_scores(graph, v, scale), v=far), scale.transform(far), rtol=1e-13)
