from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.data.period import window_length
from tocsin.detectors.window_statistics import WindowStatistics, statistics


def _wave(t: int = 400, c: int = 1) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 20) * (1 + np.arange(c)) + 0.05 * generator(t, "wave").normal(size=(t, c))


def _described(x: np.ndarray, level: bool) -> list[float]:
    """The statistics of one channel of one window, one by one."""
    l, mean, size = len(x), x.mean(), x.std()
    steps, least = np.diff(x), max(x.std(), 1e-3)
    quarter = max(2, l // 4)

    def likeness(lag: int) -> float:
        return float(np.mean([(x[i] - mean) * (x[i + lag] - mean) for i in range(l - lag)]) / least**2) if lag < l else 0.0

    off = 0.0 if level else mean
    found = [np.log(size + 1e-3), np.log(np.abs(steps).mean() + 1e-3), np.log(np.abs(steps).max() + 1e-3), x.max() - off, x.min() - off,
             likeness(1), likeness(quarter), np.clip(((x - mean) ** 3).mean() / least**3, -5, 5),
             float((x - mean) @ np.linspace(-1, 1, l)) / l, steps.max(), steps.min()]
    return [*found, mean] if level else found


def _slow(reference: np.ndarray, X: np.ndarray, length: int, k: int, zone: int, level: bool = True) -> np.ndarray:
    """The definition, window by window and channel by channel; ``zone`` 0 where X is not the reference."""
    def rows(series: np.ndarray) -> np.ndarray:
        z = (series - reference.mean(axis=0)) / reference.std(axis=0)
        return np.array([np.ravel([_described(x, level) for x in z[i:i + length].T]) for i in range(len(z) - length + 1)])
    known, judged = rows(reference), rows(X)
    centre, size = known.mean(axis=0), known.std(axis=0)
    known, judged = (known - centre) / size, (judged - centre) / size
    scores = []
    for i, row in enumerate(judged):
        allowed = np.abs(np.arange(len(known)) - i) >= zone
        scores.append(np.sort(np.sqrt(np.square(known[allowed] - row).sum(axis=1)))[:k].mean() / np.sqrt(len(row)))
    return np.array([np.mean([scores[w] for w in range(max(0, i - length + 1), min(i + 1, len(scores)))]) for i in range(len(X))])


@pytest.mark.parametrize(("k", "c", "level"), [(3, 1, True), (1, 2, True), (2, 2, False)])
def test_scores_are_those_of_all_pairs(k: int, c: int, level: bool) -> None:
    train, X = _wave(220, c), _wave(150, c)
    model = WindowStatistics(window=12, k=k, level=level)
    np.testing.assert_allclose(model.fit(train).anomaly_score(X), _slow(train, X, 12, k, 0, level), rtol=1e-4)
    np.testing.assert_allclose(model.fit_score(train), _slow(train, train, 12, k, 12, level), rtol=1e-4)


def test_without_the_level_a_drift_is_no_evidence() -> None:
    train = _wave(600)
    model = WindowStatistics(window=20, level=False).fit(train)
    np.testing.assert_allclose(model.anomaly_score(train + 7.0), model.anomaly_score(train), rtol=1e-3)
    assert WindowStatistics(window=20).fit(train).anomaly_score(train + 7.0).min() > 3 * model.anomaly_score(train + 7.0).max()


def test_the_statistics() -> None:
    made = statistics(np.array([[[0.0], [4.0], [2.0]]]))
    least = np.sqrt(8 / 3)
    sizes = [np.log(least + 1e-3), np.log(3.001), np.log(4.001)]
    np.testing.assert_allclose(made, [[*sizes, 4, 0, -2 / least**2, 0, 0, 2 / 3, 4, -2, 2]], atol=1e-12)


@pytest.mark.parametrize("change", ["level", "size", "noise", "frozen", "spike"])
def test_what_it_sees(change: str) -> None:
    X, at = _wave(600, 2), slice(300, 330)
    if change == "level":
        X[at, 1] += 4
    elif change == "size":
        X[at, 0] *= 2.5
    elif change == "noise":
        X[at, 0] += generator(1, "rough").normal(size=30) * 0.7
    elif change == "frozen":
        X[at, 1] = X[300, 1]
    else:
        X[310, 0] += 3
    own = WindowStatistics(window=20).fit_score(X)
    assert 281 <= own.argmax() < 349
    assert own.max() > 3 * np.median(own)


def test_own_rows_are_no_copies_of_themselves() -> None:
    X = _wave()
    X[200:210] += 5
    model = WindowStatistics(window=20)
    own = model.fit_score(X)
    np.testing.assert_array_equal(WindowStatistics(window=20, k=1).fit(X).anomaly_score(X) < 1e-6, True)
    assert 190 <= own.argmax() < 220


def test_a_constant_series_scores_zero() -> None:
    X = np.full((80, 2), 7.1)
    model = WindowStatistics()
    assert (model.fit_score(X) == 0).all() and (model.anomaly_score(X) == 0).all()
    assert (model.anomaly_score(X + np.array([0.0, 3.0])) > 0).all()


def test_window_is_a_period_unless_given() -> None:
    X = _wave()
    assert WindowStatistics().fit(X).window_ == window_length(X) == 20
    assert WindowStatistics(window=33).fit(X).window_ == 33


def test_memory_is_thinned() -> None:
    model = WindowStatistics(window=10, most=50).fit(_wave(c=2))
    assert model.rows_.shape == (50, 24) and len(model.bank_) == 64
    assert np.isfinite(WindowStatistics(window=10, most=50).fit_score(_wave(c=2))).all()


def test_segments_of_the_training_series_stay_apart() -> None:
    X, groups = np.tile(_wave(60), (4, 1)), np.repeat(np.arange(4), 60)
    assert WindowStatistics(window=50).fit_score(X, groups=groups).max() < 1e-6, "each segment has three exact copies"


def test_short_segments_are_judged_by_what_is_in_them() -> None:
    model = WindowStatistics(window=20).fit(_wave())
    X = np.concatenate([_wave(60)[40:45], _wave(60)[40:45] + np.array([[0], [0], [4], [0], [0]])])
    good, bad = np.split(model.anomaly_score(X, groups=np.repeat([0, 1], 5)), 2)
    assert bad.min() > 3 * good.max()


def test_state_builds_the_same() -> None:
    X = _wave(c=2)
    model = WindowStatistics(window=10)
    model.fit_score(X)
    assert set(model.state()["learned"]) == {"window_", "mean_", "std_", "bank_", "level_", "size_", "rows_", "width_"}
    assert np.array_equal(build(WindowStatistics, model.state()).anomaly_score(X), model.anomaly_score(X))


@pytest.mark.parametrize("wrong", [{"window": 1}, {"k": 0}, {"most": 1}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=f"TOC-202.*{next(iter(wrong))}"):
        WindowStatistics(**wrong).fit(_wave())
