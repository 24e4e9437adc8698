from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.data.period import window_length
from tocsin.data.smooth import mean_around
from tocsin.detectors import spectral_residual
from tocsin.detectors.spectral_residual import SpectralResidual


def _wave(t: int = 600, c: int = 1, seed: int = 0) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 30) + 0.05 * generator(seed, "wave").normal(size=(t, c))


@pytest.mark.parametrize("reference", ["training", "block"])
def test_the_naive_formula(reference: str) -> None:
    X, l = _wave(100)[:, 0], 16
    Z = (X - X.mean()) / X.std()
    ends = sorted({*range(l - 1, 100, 4), 99})
    blocks = [np.fft.fft(Z[e - l + 1:e + 1]) for e in ends]
    logs = np.array([np.log(np.abs(block) + 1e-8) for block in blocks])
    total, weight = np.zeros(100), np.zeros(100)
    shape = np.sin(np.pi * (np.arange(l) + 0.5) / l) ** 2
    for e, block, log in zip(ends, blocks, logs):
        half = log[:l // 2 + 1]
        padded = np.r_[half[0], half, half[-1]]
        usual = logs.mean(axis=0)[:l // 2 + 1] if reference == "training" else (padded[:-2] + padded[1:-1] + padded[2:]) / 3
        left = np.fft.irfft(np.exp(half - usual + 1j * np.angle(block[:l // 2 + 1])), l)
        total[e - l + 1:e + 1] += shape * left**2
        weight[e - l + 1:e + 1] += shape
    model = SpectralResidual(window=l, reference=reference, smooth=0).fit(X)
    np.testing.assert_allclose(model.anomaly_score(X), total / weight, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("reference", ["training", "block"])
def test_a_spike_scores_highest_where_it_is(reference: str) -> None:
    odd = _wave(c=2, seed=1)
    odd[333, 1] += 2
    made = SpectralResidual(reference=reference, smooth=0).fit(_wave(c=2)).anomaly_map(odd)
    assert np.unravel_index(made.argmax(), made.shape) == (333, 1)


def test_a_burst_of_noise_is_found() -> None:
    odd = _wave(seed=1)
    odd[300:330] += 0.3 * generator(2, "burst").normal(size=(30, 1))
    assert 285 < SpectralResidual().fit(_wave()).anomaly_score(odd).argmax() < 345


def test_smoothing_is_the_mean_around() -> None:
    X, groups = _wave(c=2), np.zeros(600, dtype=np.int64)
    sharp = SpectralResidual(smooth=0).fit(X).anomaly_score(X)
    for smooth, reach in ((11, 5), (None, window_length(X) // 2)):
        np.testing.assert_allclose(SpectralResidual(smooth=smooth).fit(X).anomaly_score(X), mean_around(sharp, groups, reach), rtol=1e-9)


def test_blocks_are_of_the_longest_segment_at_most() -> None:
    assert SpectralResidual().fit(_wave()).window_ == 128
    assert SpectralResidual().fit(_wave(100), groups=np.arange(100) // 40).window_ == 40
    assert SpectralResidual().fit(_wave(100), groups=np.arange(100) // 2).window_ == 8
    assert SpectralResidual(window=50).fit(_wave()).window_ == 50


def test_only_near_steps_count() -> None:
    model, X = SpectralResidual(window=64).fit(_wave()), _wave(seed=1)
    changed = X.copy()
    changed[400:] += 9
    np.testing.assert_allclose(model.anomaly_score(changed)[:310], model.anomaly_score(X)[:310], rtol=1e-9)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, groups = _wave(300, 2), np.repeat([0, 1, 2], [150, 5, 145])
    wanted = SpectralResidual(window=32).fit(X, groups=groups).anomaly_score(X, groups=groups)
    monkeypatch.setattr(spectral_residual, "_CELLS", 200)
    np.testing.assert_allclose(SpectralResidual(window=32).fit(X, groups=groups).anomaly_score(X, groups=groups), wanted, rtol=1e-9)


def test_fit_score_is_the_score() -> None:
    assert np.array_equal(SpectralResidual().fit_score(_wave()), SpectralResidual().fit(_wave()).anomaly_score(_wave()))


@pytest.mark.parametrize("reference", ["training", "block"])
def test_short_segments_and_constants(reference: str) -> None:
    groups = np.arange(60) // 2
    model = SpectralResidual(reference=reference).fit(_wave(60))
    assert np.isfinite(model.anomaly_score(_wave(60), groups=groups)).all()
    constant = SpectralResidual(reference=reference, smooth=0).fit(np.full((60, 1), 3.0))
    assert constant.anomaly_score(np.r_[np.full(40, 3.0), 4.0, np.full(40, 3.0)]).argmax() == 40


@pytest.mark.parametrize("wrong", [{"window": 7}, {"window": 9.5}, {"smooth": -1}, {"reference": "other"}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        SpectralResidual(**wrong).fit(_wave())
