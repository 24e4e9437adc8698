"""Means over stretches, and what a mean of later rows is worth against them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from tocsin.monitoring.memory import in_order, recall


def ar(seed: int, n: int, phi: float) -> np.ndarray:
    return lfilter([1], [1, -phi], np.random.default_rng(seed).normal(size=n + 500) * np.sqrt(1 - phi**2))[500:]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_rows_are_worth_what_theory_says(phi: float) -> None:
    memory = recall(ar(0, 50_000, phi)[None], np.arange(50_000), 50_000, 1)
    assert memory.worth(10_000) == pytest.approx(10_000 * (1 - phi) / (1 + phi), rel=0.5)


def test_a_season_lies_inside_a_stretch() -> None:
    day = np.sin(2 * np.pi * np.arange(20_000) / 200)
    assert recall(day[None], np.arange(20_000), 20_000, 200).length >= 200


def test_where_much_is_unknown_stretches_are_long() -> None:
    at = np.sort(np.random.default_rng(0).choice(100_000, 1_000, replace=False))
    memory = recall(ar(1, 100_000, 0.9)[None, at], at, 100_000, 16)
    assert memory.length == 2_000 and 40 <= len(memory.means) <= 50


def test_what_never_varied_and_varies_now_is_certain() -> None:
    memory = recall(np.zeros((1, 500)), np.arange(500), 500, 4)
    assert memory.compare(np.array([0.0]), 100) == 1.0 and memory.compare(np.array([0.5]), 100) == 0.0


def test_an_order_that_matters_is_seen_and_a_shuffle_is_not() -> None:
    codes = (ar(2, 2_000, 0.95) > 0).astype(int)
    assert in_order(codes, np.arange(2_000), 2_000, 2)
    shuffled = [in_order(np.random.default_rng(seed).permutation(codes), np.arange(2_000), 2_000, 2) for seed in range(100)]
    assert sum(shuffled) <= 4
