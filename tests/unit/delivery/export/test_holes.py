"""Holes in windows are filled as Impute fills those of segments."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.data.impute import Impute
from tocsin.delivery.export.holes import filled


def _windows(b: int, t: int, d: int) -> np.ndarray:
    r = np.random.default_rng(b + t)
    X = r.normal(size=(b, t, d))
    X[r.random(X.shape) < r.choice([0.1, 0.5, 0.9], size=(b, 1, d))] = np.nan
    X[0, :, 0] = np.nan  # nothing known
    return X


@pytest.mark.parametrize("method", ["linear", "previous"])
@pytest.mark.parametrize(("b", "t"), [(1, 1), (3, 2), (5, 40), (2, 300)])
def test_it_is_impute(value, b, t, method):
    X = _windows(b, t, 3)
    step = Impute(method).fit(np.full((2, 3), 7.0))
    wanted = step.transform(X.reshape(-1, 3), groups=np.repeat(np.arange(b), t)).reshape(X.shape)
    made = value(lambda graph, x: filled(graph, x, ahead=method == "linear"), x=X)
    np.testing.assert_allclose(np.where(np.isnan(made), 7.0, made), wanted, rtol=1e-14)
