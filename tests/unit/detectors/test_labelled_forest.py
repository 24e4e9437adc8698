from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import derive, generator
from tocsin.detectors import labelled_forest
from tocsin.detectors.labelled_forest import LabelledForest


def _rows(n: int = 300, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    X = generator(0, "labelled forest", n, d).normal(size=(n, d)) * 3 + 7
    X[: n // 2] = np.round(X[: n // 2])  # ties
    return X, ((X[:, 0] > 9) & (X[:, -1] > 8)).astype(int)


@pytest.mark.parametrize(("n", "d"), [(300, 4), (40, 1), (500, 12)])
def test_votes_equal_scikit_learns(n: int, d: int) -> None:
    X, _ = _rows(n, d)
    y = (X[:, 0] > 9).astype(int)
    model = LabelledForest(trees=20, seed=3).fit(X, y)
    peer = ExtraTreesClassifier(n_estimators=20, max_features="sqrt", bootstrap=True, class_weight="balanced_subsample",
                                random_state=derive(3, "labelled forest")).fit(model._single(X), y)
    test = np.vstack([X, X * 2])
    chance = peer.predict_proba(model._single(test))[:, 1]
    np.testing.assert_allclose(model.anomaly_score(test), np.log((chance + 1e-3) / (1 - chance + 1e-3)), rtol=1e-9, atol=1e-9)


def test_training_rows_are_judged_by_trees_that_did_not_see_them() -> None:
    X, _ = _rows()
    y = (generator(1, "coin").random(len(X)) < 0.3).astype(int)  # nothing can be learned
    model = LabelledForest(trees=60)
    unseen = model.fit_held_out(X, y)
    seen = model.anomaly_score(X)
    assert seen[y == 1].mean() > seen[y == 0].mean() + 1.5
    assert abs(unseen[y == 1].mean() - unseen[y == 0].mean()) < 0.5


def test_a_row_that_every_tree_has_seen_is_judged_by_all() -> None:
    X, y = _rows(30)
    y[0] = 1
    model = LabelledForest(trees=1)
    unseen, drawn = model.fit_held_out(X, y), set(model._drawn[0].tolist())
    rows = sorted(drawn)
    assert np.array_equal(unseen[rows], model.anomaly_score(X)[rows]) and len(drawn) < 30


def test_one_known_anomaly_makes_its_region_suspect() -> None:
    X = generator(0, "one known").normal(size=(400, 2))
    X[:5] = [5.0, -5.0] + 0.1 * X[:5]
    scores = LabelledForest().fit(X, np.arange(400) == 0).anomaly_score(X)
    assert scores[1:5].min() > scores[5:].max()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = _rows()
    model = LabelledForest(trees=10).fit(X, y)
    whole = model.anomaly_score(X)
    monkeypatch.setattr(labelled_forest, "_CELLS", 70)
    assert np.array_equal(model.anomaly_score(X), whole)


def test_wrong_settings_and_missing_labels() -> None:
    X, y = _rows()
    with pytest.raises(ConfigError, match="TOC-202"):
        LabelledForest(trees=0).fit(X, y)
    with pytest.raises(DataError, match="TOC-185"):
        LabelledForest().fit(X)
    with pytest.raises(DataError, match="TOC-186"):
        LabelledForest().fit(X, np.ones(len(X)))
