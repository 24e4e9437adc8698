from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, ConfigError, StateError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.data.period import window_length
from tocsin.data.window import spread, spread_cells, window_ends
from tocsin.detectors import windows
from tocsin.detectors.windows import Windows


def _wave(t: int = 400, c: int = 1) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + np.arange(c)) * 2 * np.pi / 20) + 0.05 * generator(0, "wave").normal(size=(t, c))


def _flat(X: np.ndarray, length: int) -> np.ndarray:
    return np.stack([X[i:i + length].ravel() for i in range(len(X) - length + 1)])


@pytest.mark.parametrize("inner", ["knn", "gaussian", "iforest", "baseline"])
def test_scores_are_the_inner_scores_spread(inner: str) -> None:
    X, groups = _wave(c=2), np.zeros(400, dtype=int)
    peer = catalog.make(inner).fit(_flat(X, 12))
    wanted = spread(peer.anomaly_score(_flat(X, 12)), window_ends(groups, 12), groups, 12)
    np.testing.assert_allclose(Windows(inner, window=12).fit(X).anomaly_score(X), wanted, rtol=1e-9)


@pytest.mark.parametrize(("stride", "cells"), [(1, 1 << 22), (1, 400), (5, 400), (30, 400), (30, 1 << 22)])
def test_expected_is_the_same_in_stretches(stride: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, groups = _wave(c=2), np.repeat([0, 1, 2], [170, 5, 225])
    model = Windows("gaussian", window=12, stride=stride).fit(X)
    ends = window_ends(groups, 12, stride)
    flat = np.concatenate([rows for _, rows in model._flat(X, groups, ends)])
    wanted = spread_cells(model.inner_.expected(flat).reshape(-1, 12, 2), ends, groups, 12)
    monkeypatch.setattr(windows, "_CELLS", cells)
    np.testing.assert_allclose(model.expected(X, groups=groups), wanted, rtol=1e-9)


def test_window_is_a_period_unless_given() -> None:
    X = _wave()
    model = Windows().fit(X)
    assert model.window_ == window_length(X) == 20
    assert model.window is None


def test_parameters_reach_the_inner_detector() -> None:
    model = Windows("knn", {"k": 2, "metric": "l1"}, window=10).fit(_wave())
    assert model.inner_.params().items() >= {"k": 2, "metric": "l1", "scale": True}.items()
    assert model.params()["params"] == {"k": 2, "metric": "l1"}
    assert model.fresh(window=12).params() == {**model.params(), "window": 12}


def test_training_windows_are_thinned_evenly() -> None:
    model = Windows("knn", window=10, max_windows=50).fit(_wave())
    assert len(model.inner_.rows_) == 50
    assert np.isfinite(model.anomaly_score(_wave())).all()


def test_wide_windows_are_thinned_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_FIT_CELLS", 30 * 10)
    assert len(Windows("knn", window=10).fit(_wave()).inner_.rows_) == 30


def test_tags_follow_the_inner_detector() -> None:
    assert Windows("knn").tags.gives_expected
    assert not Windows("iforest").tags.gives_expected
    assert Windows("iforest").tags.modality == "series"
    assert Windows("autoencoder").tags.slow_fit
    with pytest.raises(StateError, match="TOC-302"):
        Windows("iforest", {"trees": 5}, window=10).fit(_wave()).expected(_wave())


@pytest.mark.parametrize(("wrong", "code"), [
    ({"detector": "windows"}, "TOC-206"), ({"detector": "nothing"}, "TOC-203"), ({"params": {"kk": 1}}, "TOC-204"),
    ({"params": {"k": 0}}, "TOC-202"), ({"window": 1}, "TOC-202"), ({"stride": 0}, "TOC-202"), ({"max_windows": 1}, "TOC-202"),
    ({"window": 400}, "TOC-207")])
def test_wrong_settings(wrong: dict, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        Windows(**wrong).fit(_wave())


def test_state_nests_the_inner_state() -> None:
    X = _wave()
    model = Windows("gaussian", window=10).fit(X)
    state = model.state()
    assert state["params"]["detector"] == "gaussian"
    assert set(state["learned"]["inner_"]["learned"]) >= {"mean_", "axes_"}
    assert np.array_equal(build(Windows, state).anomaly_score(X), model.anomaly_score(X))


@pytest.mark.parametrize("inner", [None, 3, {}, {"learned": None}, {"learned": {"__class__": 1}}])
def test_a_damaged_inner_state_is_refused(inner: object) -> None:
    state = Windows("gaussian", window=10).fit(_wave()).state()
    state["learned"] = {**state["learned"], "inner_": inner}
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Windows, state)


def test_short_segments_are_scored() -> None:
    model = Windows(window=10).fit(_wave())
    assert np.isfinite(model.anomaly_score(_wave(7), groups=[0, 0, 0, 1, 1, 2, 3])).all()


def test_memory_does_not_grow_with_the_windows() -> None:
    X = _wave(60_000)
    model = Windows("baseline", window=200).fit(X[:2000])
    tracemalloc.start()
    model.expected(X)
    model.anomaly_score(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # all windows at once are 96 MB, their cells and copies several times that


def test_a_deep_detector_inside() -> None:
    pytest.importorskip("torch")
    X = _wave(200)
    small = {**catalog.load("autoencoder").small().params(), "training": {"epochs": 2}}
    model = Windows("autoencoder", small, window=10).fit(X)
    assert np.array_equal(build(Windows, model.state()).anomaly_score(X), model.anomaly_score(X))


def test_a_stretch_shorter_than_the_window_is_judged_by_what_is_in_it() -> None:
    wave = np.sin(np.arange(900) * 2 * np.pi / 60) + generator(0, "short").normal(0, 0.1, 900)
    model = Windows("knn", window=60).fit(wave[:600])
    usual = model.anomaly_score(wave[600:]).max()
    short = np.sin((np.arange(20) + 7) * 2 * np.pi / 60)
    odd = short.copy()
    odd[8:14] += 1.0
    assert model.anomaly_score(short).max() <= usual < model.anomaly_score(odd).min()


def test_filled_windows_are_no_examples_of_normal_ones() -> None:
    wave = np.sin(np.arange(640) * 2 * np.pi / 60)
    groups = np.repeat([0, 1], [600, 40])
    model = Windows("knn", window=60).fit(wave, groups=groups)
    assert len(model.inner_.rows_) == 600 - 59
