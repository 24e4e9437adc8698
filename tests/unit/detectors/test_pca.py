from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.pca import Pca


def _rows(n: int, d: int) -> np.ndarray:
    random = generator(0, "pca", n, d)
    return random.normal(size=(n, 3)) @ random.normal(size=(3, d)) + 0.3 * random.normal(size=(n, d)) + 7


def test_score_is_the_exponent_of_probabilistic_components() -> None:
    X = _rows(400, 8)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    known = PCA(n_components=3).fit(Z)
    precision = known.get_precision() * 400 / 399  # the reference divides by n − 1
    np.testing.assert_allclose(Pca(components=3).fit(X).anomaly_score(X), ((Z @ precision) * Z).mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(400, 8), (10, 30)])
def test_cells_mean_the_score_and_expected_lies_on_the_axes(n: int, d: int) -> None:
    X = _rows(n, d)
    model = Pca(components=3).fit(X)
    np.testing.assert_allclose(model.anomaly_map(X).mean(axis=1), model.anomaly_score(X), rtol=1e-8)
    np.testing.assert_allclose(model.expected(model.expected(X)), model.expected(X), rtol=1e-8)
    assert np.abs(model.expected(X) - X).mean() < 0.5


def test_variance_decides_the_number_of_axes() -> None:
    X = _rows(400, 8)
    sizes = [len(Pca(variance=share).fit(X).axes_) for share in (0.01, 0.9, 1.0)]
    assert sizes[0] == 1 and 2 <= sizes[1] <= 4 and sizes[2] == 8
    assert len(Pca(components=50).fit(X).axes_) == 8


@pytest.mark.parametrize("wrong", [{"variance": 0.0}, {"variance": 1.5}, {"components": 0}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Pca(**wrong).fit(_rows(9, 2))
