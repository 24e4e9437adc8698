from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.data.usual import usual
from tocsin.detectors import points
from tocsin.detectors.points import Points


def _wave(t: int = 600, c: int = 1, seed: int = 0) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 60) + 0.05 * generator(seed, "wave").normal(size=(t, c))


def test_the_naive_formula() -> None:
    X, groups = _wave(100, 2), np.repeat([0, 1, 2], [60, 25, 15])
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    far, bent = np.empty_like(Z), np.empty_like(Z)
    for start, stop in ((0, 60), (60, 85), (85, 100)):
        for i in range(start, stop):
            room = min(i - start, stop - 1 - i, 3)
            if room == 0:
                inner = i + 1 if i == start else i - 1
                far[i] = bent[i] = np.abs(Z[inner - 1] - 2 * Z[inner] + Z[inner + 1]) / 2
                continue
            near = [i + sign * min(k, room) for k in (1, 2, 3) for sign in (-1, 1)]
            far[i] = np.abs(Z[i] - np.median(Z[near], axis=0))
            bent[i] = np.abs(Z[i] - (Z[i - 1] + Z[i + 1]) / 2)
    model = Points(window=7).fit(X, groups=groups)
    wanted = far / usual(far) + bent / usual(bent)
    np.testing.assert_allclose(model.anomaly_map(X, groups=groups), wanted, rtol=1e-9)
    np.testing.assert_allclose(model.anomaly_score(X, groups=groups), wanted.max(axis=1), rtol=1e-9)


def test_the_quarter_of_channels_that_stand_out_decides() -> None:
    X = _wave(100, 9)
    model = Points().fit(X)
    cells = np.sort(model.anomaly_map(X), axis=1)
    np.testing.assert_allclose(model.anomaly_score(X), cells[:, -3:].mean(axis=1))


@pytest.mark.parametrize("at", [2, 300, 597])
def test_a_spike_scores_highest_where_it_is(at: int) -> None:
    odd = _wave(c=2, seed=1)
    odd[at, 1] += 1
    model = Points().fit(_wave(c=2))
    scores, cells = model.anomaly_score(odd), model.anomaly_map(odd)
    assert scores.argmax() == at
    assert np.unravel_index(cells.argmax(), cells.shape) == (at, 1)
    others = np.delete(scores, np.arange(max(0, at - 1), min(600, at + 2)))
    assert scores[at] > 1.5 * others.max()


@pytest.mark.parametrize("at", [0, 1, 598, 599])
def test_at_a_segments_end_it_is_one_of_the_last_two(at: int) -> None:
    odd = _wave(seed=1)
    odd[at] += 1
    scores = Points().fit(_wave()).anomaly_score(odd)
    assert abs(int(scores.argmax()) - at) <= 1


def test_a_slope_is_not_odd_at_its_ends() -> None:
    steep = np.arange(100.0)[:, None] + 0.1 * generator(0, "slope").normal(size=(100, 1))
    scores = Points().fit(steep).anomaly_score(steep)
    assert scores[[0, -1]].max() < scores[5:-5].max()


def test_two_odd_steps_beside_each_other() -> None:
    odd = _wave(seed=1)
    odd[300:302] += 1.5
    assert set(np.argsort(Points().fit(_wave()).anomaly_score(odd))[-2:]) == {300, 301}


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, groups = _wave(200, 2), np.repeat([0, 1, 2], [120, 5, 75])
    wanted = Points().fit(X, groups=groups).anomaly_score(X, groups=groups)
    monkeypatch.setattr(points, "_CELLS", 300)
    assert np.array_equal(Points().fit(X, groups=groups).anomaly_score(X, groups=groups), wanted)


def test_only_near_steps_count() -> None:
    model, X = Points().fit(_wave()), _wave(seed=1)
    changed = X.copy()
    changed[400:] += 9
    assert np.array_equal(model.anomaly_score(changed)[:390], model.anomaly_score(X)[:390])


def test_fit_score_is_the_score() -> None:
    assert np.array_equal(Points().fit_score(_wave()), Points().fit(_wave()).anomaly_score(_wave()))


def test_short_segments_and_constants() -> None:
    X = _wave(60)
    assert not Points().fit(X).anomaly_score(X, groups=np.arange(60)).any()  # a step alone has nothing to be odd beside
    assert np.isfinite(Points().fit(X, groups=np.arange(60) // 3).anomaly_score(X, groups=np.arange(60) // 2)).all()
    constant = Points().fit(np.full((60, 1), 3.0))
    assert not constant.anomaly_score(np.full((40, 1), 3.0)).any()
    assert constant.anomaly_score(np.r_[np.full(20, 3.0), 4.0, np.full(20, 3.0)]).argmax() == 20


@pytest.mark.parametrize("wrong", [{"window": 2}, {"window": 9.5}, {"window": True}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Points(**wrong).fit(_wave())
