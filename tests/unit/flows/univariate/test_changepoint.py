"""Steps and bends are found where they are, and noise, spikes and seasons are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import DataError
from tocsin.core.seed import generator
from tocsin.flows.univariate.changepoint import changes
from tocsin.flows.univariate.terms import Terms


def noise(n: int = 300, seed: int = 0) -> np.ndarray:
    return generator(seed, "changes").normal(size=n)


@pytest.mark.parametrize("seed", range(5))
def test_two_steps_and_a_bend(seed: int) -> None:
    values = noise(600, seed) + 8 * (np.arange(600) >= 150) - 8 * (np.arange(600) >= 300) + np.maximum(np.arange(600) - 450, 0) * 0.8
    found = np.flatnonzero(changes(values).changed)
    assert len(found) == 3 and np.abs(found - [150, 300, 450]).max() <= 6 and np.abs(found[:2] - [150, 300]).max() <= 1


def test_noise_with_and_without_memory_spikes_and_seasons_do_not_change() -> None:
    flagged = 0
    for seed in range(10):
        e = noise(400, seed)
        slow = np.convolve(e, 0.7 ** np.arange(30))[:400]
        spiky = e.copy()
        spiky[::45] += 25
        for values in (e, slow, spiky, e + 6 * np.sin(np.arange(400) * 2 * np.pi / 12), np.arange(400.0) + e):
            flagged += int(changes(values).changed.sum())
    assert flagged <= 2


def test_a_lower_threshold_accepts_fewer() -> None:
    values = noise(400) + 5 * (np.arange(400) >= 200)
    assert changes(values, threshold=0.9).changed[199:202].any()
    assert not changes(values, threshold=0.02).changed.any() and not changes(values, threshold=0.0).changed.any()


def test_the_window_decides_how_short_a_trend_counts() -> None:
    values = noise(400) * 0.3
    values[200:208] += 5
    assert changes(values, window=5).changed[[199, 200, 201, 207, 208, 209]].sum() == 2
    assert changes(values, window=60).changed.sum() == 0
    for window in (2, 200):
        with pytest.raises(DataError, match="TOC-184"):
            changes(values, window=window)


def test_a_change_within_a_gap_belongs_to_the_point_after_it() -> None:
    values, stamps = np.r_[np.zeros(40), np.full(40, 9.0)], np.datetime64("2024-01-01", "us") + np.arange(80) * np.timedelta64(1, "D")
    kept = np.setdiff1d(np.arange(80), [39, 40, 41])
    found = changes(values[kept], stamps[kept], Terms("daily"))
    assert found.changed.sum() == 1 and abs(int(np.flatnonzero(found.changed)[0]) - 39) <= 1


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=12, max_size=50))
@settings(max_examples=100, deadline=None)
def test_any_finite_series_gets_confidences_from_0_to_1(values: list[float]) -> None:
    found = changes(np.array(values))
    assert len(found.changed) == len(found.confidence) == len(values)
    assert np.isfinite(found.confidence).all() and (found.confidence >= 0).all() and (found.confidence <= 1).all()


def test_a_given_period_is_answered_and_the_longest_series_too() -> None:
    assert changes(noise(60), terms=Terms(period=12)).period == 12
    assert len(changes(noise(8640)).changed) == 8640
