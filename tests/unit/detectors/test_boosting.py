from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.detectors import boosting
from tocsin.detectors.boosting import Boosting, class_weights


def _rows(n: int, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Anomalies lie in a corner of the first two columns; half of the rows hold rounded values, so that there are ties."""
    X = generator(0, "boosting", n, d).normal(size=(n, d)) * 3 + 7
    X[: n // 2] = np.round(X[: n // 2])
    return X, ((X[:, 0] > 8) & (X[:, 1] > 8)).astype(int)


@pytest.mark.parametrize(("n", "settings"), [(600, {}), (1500, {"trees": 150, "rate": 0.3}), (60, {"leaves": 2}), (300, {"weight": "none"}),
                                             (300, {"focus": 2.0, "weight": "root"})])
def test_scores_equal_scikit_learns(monkeypatch: pytest.MonkeyPatch, n: int, settings: dict) -> None:
    kept: list[HistGradientBoostingClassifier] = []
    grown = Boosting._grown
    monkeypatch.setattr(Boosting, "_grown", lambda self, *given: kept.append(grown(self, *given)) or kept[-1])
    X, y = _rows(n)
    model = Boosting(**{"trees": 40, **settings}).fit(X, y)
    test = np.vstack([X, X * 2, X[::-1] - 5, np.full((1, 4), 1e300), np.full((1, 4), -1e300)])
    np.testing.assert_allclose(model.anomaly_score(test), kept[-1].decision_function(test), rtol=1e-9, atol=1e-9)


def test_it_learns_a_corner_that_no_single_column_tells() -> None:
    X, y = _rows(800)
    test = np.array([[10.0, 10.0, 7, 7], [10.0, 4.0, 7, 7], [4.0, 10.0, 7, 7]])
    inside, right, above = Boosting().fit(X, y).anomaly_score(test)
    assert inside > 1 > -1 > max(right, above)


def test_few_labels_give_small_trees_and_many_stop_early() -> None:
    X, y = _rows(2000)
    few = np.where(np.cumsum(y) <= 5, y, 0)
    model = Boosting(trees=30).fit(X, few)
    assert len(model.left_) <= 30 * 7  # four leaves, three cuts
    noisy = np.where(generator(1, "noise").random(2000) < 0.2, 1 - y, y)
    assert len(Boosting(trees=150, rate=0.5).fit(X, noisy).roots_) < 150


def test_a_single_known_anomaly_is_found_again() -> None:
    X, _ = _rows(200)
    X[17] = 30.0
    scores = Boosting().fit(X, np.arange(200) == 17).anomaly_score(X)
    assert scores.argmax() == 17


def test_balanced_weights_raise_the_rare_class() -> None:
    X, y = _rows(300)
    y[np.flatnonzero(y)[4:]] = 0  # four known, the others hidden among the rest
    plain, even = (Boosting(weight=weight).fit(X, y).anomaly_score(X)[y == 1].mean() for weight in ("none", "balanced"))
    assert even > plain + 1


def test_class_weights() -> None:
    odd = np.arange(100) < 10
    for how, ratio in (("none", 1), ("root", 3), ("balanced", 9)):
        weight = class_weights(odd, how)
        assert weight.mean() == pytest.approx(1) and weight[0] / weight[-1] == pytest.approx(ratio)


def test_focus_turns_to_the_rows_that_are_hard() -> None:
    X, y = _rows(400)
    y[5] = 1 - y[5]  # one row that contradicts the others: the second pass weighs it most
    plain, focused = (Boosting(trees=30, focus=focus).fit(X, y).anomaly_score(X[5:6])[0] for focus in (0.0, 3.0))
    assert (focused > plain) == (y[5] == 1)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = _rows(200)
    model = Boosting(trees=20).fit(X, y)
    whole = model.anomaly_score(X)
    monkeypatch.setattr(boosting, "_CELLS", 20 * 7)
    assert np.array_equal(model.anomaly_score(X), whole)


@pytest.mark.parametrize(("wrong", "code"), [({"trees": 0}, "TOC-202"), ({"leaves": 1}, "TOC-202"), ({"weight": "heavy"}, "TOC-211"),
                                             ({"rate": 0.0}, "TOC-212"), ({"rate": 1.5}, "TOC-212"), ({"focus": -1.0}, "TOC-212")])
def test_wrong_settings(wrong: dict, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        Boosting(**wrong).fit(*_rows(40))


def test_labels_are_needed() -> None:
    X, y = _rows(40)
    for labels, code in ((None, "TOC-185"), (y * 0, "TOC-185"), (y * 0 + 1, "TOC-186")):
        with pytest.raises(DataError, match=code):
            Boosting().fit(X, labels)
