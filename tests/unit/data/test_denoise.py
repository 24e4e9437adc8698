"""Noise reduction along time."""

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.state import build
from tocsin.data.denoise import Denoise


def test_the_median_removes_a_spike_and_keeps_a_step():
    x = np.r_[np.zeros(10), np.ones(10)][:, None]
    spiked = x.copy()
    spiked[4] = 9.0
    assert np.array_equal(Denoise("median", 3).fit(x).transform(spiked), x)


def test_savgol_keeps_a_parabola_and_lowers_noise():
    t = np.linspace(-1, 1, 60)[:, None]
    assert np.allclose(Denoise("savgol", 7).fit(t).transform(t**2), t**2)
    noise = np.random.default_rng(0).normal(size=(500, 1))
    assert Denoise("savgol", 11).fit(noise).transform(noise).std() < 0.6


@pytest.mark.parametrize("method", ["median", "savgol"])
def test_no_window_crosses_a_segment(method):
    X = np.random.default_rng(1).normal(size=(40, 2))
    step = Denoise(method, 5).fit(X)
    groups = np.repeat([0, 1], [25, 15])
    parts = np.concatenate([step.transform(X[:25]), step.transform(X[25:])])
    assert np.array_equal(step.transform(X, groups=groups), parts)
    assert not np.array_equal(step.transform(X), parts)


@pytest.mark.parametrize("method", ["median", "savgol"])
def test_short_segments_and_huge_values_stay_finite(method):
    X = np.array([[1e308], [-1e308], [1e308]])
    assert np.isfinite(Denoise(method, 5).fit(X).transform(X, groups=np.array([0, 0, 1]))).all()
    assert np.isfinite(Denoise(method, 3).fit(X).transform(np.tile(X, (3, 1)))).all()


def test_evidence_columns_are_left_alone():
    X = np.zeros((9, 2))
    X[4] = 5.0
    made = Denoise("median", 3).fit(X, features=[{"role": "value"}, {"role": "missing"}]).transform(X)
    assert made[4].tolist() == [0.0, 5.0]


def test_state_and_changes():
    X = np.random.default_rng(0).normal(size=(50, 2))
    step = Denoise("median", 5).fit(X)
    assert np.array_equal(build(Denoise, step.state()).transform(X), step.transform(X))
    assert "of the variance" in step.changes()[0].message


@pytest.mark.parametrize("step", [Denoise("magic"), Denoise(width=4), Denoise(width=1), Denoise(width=2.5)])
def test_wrong_settings_are_refused(step):
    with pytest.raises(ConfigError, match="TOC-202"):
        step.fit(np.zeros((9, 1)))


def test_missing_cells_are_refused():
    with pytest.raises(DataError, match="TOC-110"):
        Denoise().fit([[np.nan]])
