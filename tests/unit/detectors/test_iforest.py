from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import derive, generator
from tocsin.detectors import iforest
from tocsin.detectors.iforest import Iforest


def _rows(n: int, d: int) -> np.ndarray:
    X = generator(0, "forest", n, d).normal(size=(n, d)) * 3 + 7
    X[: n // 4] = np.round(X[: n // 4])  # ties
    return X


@pytest.mark.parametrize(("n", "d", "rows"), [(600, 8, 256), (40, 3, 256), (300, 1, 16), (2, 2, 256), (500, 4, 500)])
def test_scores_equal_scikit_learns(n: int, d: int, rows: int) -> None:
    X, test = _rows(n, d), np.vstack([_rows(n, d), _rows(50, d) * 2])
    model = Iforest(trees=30, rows=rows, seed=4).fit(X)
    peer = IsolationForest(n_estimators=30, max_samples=min(rows, n), random_state=derive(4, "iforest")).fit(model._single(X))
    np.testing.assert_allclose(model.anomaly_score(test), -peer.score_samples(model._single(test)), rtol=1e-10)


def test_a_row_on_the_cut_goes_left_as_it_did_while_growing() -> None:
    model = Iforest(trees=1).fit([[0.0], [1.0]])
    model.mean_, model.std_ = np.zeros(1), np.ones(1)
    model.cut_ = np.where(model.left_ == model.right_, model.cut_, 0.5)
    model.depth_ = np.where(np.arange(len(model.depth_)) == model.left_[0], 1.0, 9.0)
    assert model.anomaly_score([[0.5], [0.5000001]]).tolist() == [2.0 ** -1, 2.0 ** -9]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X = _rows(200, 3)
    model = Iforest(trees=20).fit(X)
    whole = model.anomaly_score(X)
    monkeypatch.setattr(iforest, "_CELLS", 20 * 7)
    assert np.array_equal(model.anomaly_score(X), whole)


def test_seed_matters() -> None:
    X = _rows(200, 3)
    assert not np.array_equal(Iforest(20, seed=0).fit(X).anomaly_score(X), Iforest(20, seed=1).fit(X).anomaly_score(X))


def test_clock_like_columns_keep_their_resolution() -> None:
    clock = 1.7e9 + generator(1, "clock").uniform(0, 10, size=(500, 1))  # single precision sees steps of 128 here
    near, far = Iforest(50).fit(clock).anomaly_score([[1.7e9 + 5], [1.7e9 + 40]])
    assert far > near + 0.1


def test_identical_rows_have_no_tree_and_equal_scores() -> None:
    assert np.ptp(Iforest(10).fit(np.ones((50, 2))).anomaly_score([[1.0, 1.0], [5.0, 5.0]])) == 0


@pytest.mark.parametrize("wrong", [{"trees": 0}, {"rows": 1}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Iforest(**wrong).fit(_rows(20, 2))
