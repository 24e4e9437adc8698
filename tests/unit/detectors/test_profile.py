from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.data.period import window_length
from tocsin.detectors import profile
from tocsin.detectors.profile import Profile


def _wave(t: int = 400, c: int = 1, noise: float = 0.05) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 20) * (1 + np.arange(c)) + noise * generator(t, "wave").normal(size=(t, c))


def _windows(X: np.ndarray, length: int) -> np.ndarray:
    return np.stack([X[i:i + length] for i in range(len(X) - length + 1)])  # (w, l, c)


def _slow(reference: np.ndarray, X: np.ndarray, length: int, k: int, normalise: bool, zone: int) -> np.ndarray:
    """The definition, pair by pair; ``zone`` 0 where X is not the reference."""
    def rows(series: np.ndarray) -> np.ndarray:
        z = (series - reference.mean(axis=0)) / reference.std(axis=0)
        windows = _windows(z, length)
        if normalise:
            windows = (windows - windows.mean(axis=1, keepdims=True)) / np.maximum(windows.std(axis=1, keepdims=True), 0.05)
        return windows.reshape(len(windows), -1)
    known, judged = rows(reference), rows(X)
    scores = []
    for i, row in enumerate(judged):
        distances = np.sqrt(np.square(known - row).sum(axis=1))
        allowed = np.abs(np.arange(len(known)) - i) >= zone
        scores.append(np.sort(distances[allowed])[:k].mean() / np.sqrt(len(row)))
    return np.array([np.mean([scores[w] for w in range(max(0, i - length + 1), min(i + 1, len(scores)))]) for i in range(len(X))])


@pytest.mark.parametrize(("k", "normalise", "c"), [(1, True, 1), (3, False, 2), (2, True, 2)])
def test_scores_are_those_of_all_pairs(k: int, normalise: bool, c: int) -> None:
    train, X = _wave(220, c), _wave(150, c)
    model = Profile(window=12, k=k, normalise=normalise)
    np.testing.assert_allclose(model.fit(train).anomaly_score(X), _slow(train, X, 12, k, normalise, 0), rtol=2e-5)
    np.testing.assert_allclose(model.fit_score(train), _slow(train, train, 12, k, normalise, 12), rtol=2e-5)


def test_own_rows_are_no_copies_of_themselves() -> None:
    X = _wave()
    X[200:220] = generator(0, "odd").normal(size=(20, 1))
    model = Profile(window=20)
    own = model.fit_score(X)
    assert model.anomaly_score(X).max() < 1e-6, "every window is remembered"
    assert 195 <= own.argmax() < 225
    assert own[200:220].min() > 3 * np.median(own)


def test_an_anomaly_keeps_no_company_with_its_own_neighbourhood() -> None:
    """Windows that overlap an anomaly hold it, too: without the zone they would explain each other."""
    X = _wave(noise=0.02)
    X[200:203] += 4
    model = Profile(window=20)
    assert model.fit_score(X)[195:208].max() > 10 * np.median(model.fit_score(X))


def test_own_segments_do_not_leave_each_other_out() -> None:
    X, groups = np.tile(_wave(60), (4, 1)), np.repeat(np.arange(4), 60)
    assert Profile(window=50).fit_score(X, groups=groups).max() < 1e-6, "each segment has three exact copies"


def test_where_all_windows_overlap_the_furthest_is_taken() -> None:
    X = _wave(40)
    assert np.isfinite(Profile(window=30).fit_score(X)).all()
    assert np.ptp(Profile(window=40).fit_score(X)) == 0, "one window has only itself"


def test_level_and_size_are_nothing_to_shapes_and_much_to_raw_windows() -> None:
    train, X = _wave(), _wave(200)
    moved = 3 * X + 10
    raw, shape = (Profile(window=20, normalise=normalise).fit(train) for normalise in (False, True))
    np.testing.assert_allclose(shape.anomaly_score(moved), shape.anomaly_score(X), rtol=1e-2)
    assert raw.anomaly_score(moved).min() > 10 * raw.anomaly_score(X).max()


def test_expected_follows_level_and_size() -> None:
    train, X = _wave(c=2), 3 * _wave(200, c=2, noise=0) + 10
    model = Profile(window=20).fit(train)
    np.testing.assert_allclose(model.expected(X), X, atol=0.8)  # waves of 3 and 6


def test_expected_leaves_a_spike_out() -> None:
    clean = _wave(200, noise=0)
    X = clean.copy()
    X[100:102] += 5
    made = Profile(window=20, normalise=False).fit(_wave()).expected(X)
    assert np.abs(made - clean).max() < 1.6, "far nearer to the wave than to the spike"


def test_raw_expected_is_the_nearest_windows() -> None:
    train = _wave(c=2)
    model = Profile(window=20, normalise=False).fit(train)
    np.testing.assert_allclose(model.expected(train), train, atol=1e-5)  # its own windows, to float32
    model = Profile(window=20, normalise=False, k=8).fit(train)
    clean = _wave(c=2, noise=0)
    assert np.abs(model.expected(train) - clean).mean() < 0.7 * np.abs(train - clean).mean(), "neighbours average the noise out"


@pytest.mark.parametrize(("normalise", "values"), [(True, 0.0), (False, 0.0)])
def test_a_constant_series_scores_zero(normalise: bool, values: float) -> None:
    X = np.full((80, 2), 7.1)
    model = Profile(normalise=normalise)
    assert (model.fit_score(X) == values).all() and (model.anomaly_score(X) == values).all()
    np.testing.assert_allclose(model.expected(X), 7.1)


def test_rounding_noise_on_a_flat_stretch_is_no_anomaly() -> None:
    X = _wave(600)
    X[300:360] = 0.2 + 1e-9 * generator(0, "dust").normal(size=(60, 1))
    X[450:510] = 0.2
    assert Profile(window=20).fit_score(X)[320:340].max() < 1e-3


def test_window_is_in_periods_unless_given() -> None:
    X = _wave()
    assert Profile().fit(X).window_ == window_length(X) == 20
    assert Profile(periods=2.0).fit(X).window_ == 40
    assert Profile(periods=50).fit(X).window_ == 400 // 3
    assert Profile(periods=0.01).fit(X).window_ == 4
    assert Profile(window=33, periods=2.0).fit(X).window_ == 33


def test_the_bank_is_thinned_by_number_and_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    X = _wave()
    assert Profile(window=10, most=50).fit(X).bank_.shape == (50, 10, 1)
    assert np.isfinite(Profile(window=10, most=50).fit_score(X)).all()
    monkeypatch.setattr(profile, "_CELLS", 300)
    assert Profile(window=10).fit(X).bank_.shape == (30, 10, 1)


def test_short_segments_are_judged_by_what_is_in_them() -> None:
    model = Profile(window=20, normalise=False).fit(_wave())
    X = np.concatenate([_wave(60)[40:45], _wave(60)[40:45] + np.array([[0], [0], [4], [0], [0]])])
    good, bad = np.split(model.anomaly_score(X, groups=np.repeat([0, 1], 5)), 2)
    assert bad.min() > 3 * good.max()
    assert good.max() < 0.1


def test_a_state_of_only_the_bank_scores_the_same() -> None:
    X = _wave(c=2)
    model = Profile(window=10, k=2)
    own = model.fit_score(X)
    assert set(model.state()["learned"]) == {"window_", "mean_", "std_", "bank_", "width_"}
    again = build(Profile, model.state())
    assert np.array_equal(again.anomaly_score(X), model.anomaly_score(X))
    assert not np.allclose(own, again.anomaly_score(X))


def test_a_score_does_not_depend_on_where_a_batch_begins() -> None:
    model, X = Profile(window=12).fit(_wave(900)), _wave(700)
    np.testing.assert_allclose(model.anomaly_score(X[100:])[20:], model.anomaly_score(X)[120:], rtol=1e-9)


@pytest.mark.parametrize("wrong", [{"window": 1}, {"k": 0}, {"most": 1}, {"periods": 0.0}, {"periods": float("nan")},
                                   {"periods": float("inf")}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=f"TOC-202.*{next(iter(wrong))}"):
        Profile(**wrong).fit(_wave())


def test_memory_does_not_grow_with_the_windows() -> None:
    X = _wave(30_000)
    model = Profile(window=200).fit(X[:2000])
    tracemalloc.start()
    model.expected(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all windows at once are 48 MB in each of four forms


def test_more_periods_than_any_series_has_are_a_third_of_it() -> None:
    assert Profile(periods=1e308).fit(_wave(300)).window_ == 100
