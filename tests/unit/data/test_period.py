from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.period import period, window_length


def _wave(t: int, p: float) -> np.ndarray:
    return np.sin(np.arange(t) * 2 * np.pi / p)


@pytest.mark.parametrize("p", [8, 12, 24, 50, 144])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_period_of_a_wave(p: int, noise: float) -> None:
    x = _wave(1000, p) + noise * generator(0, "noise").normal(size=1000)
    assert abs(period(x[:, None]) - p) <= max(1, p // 10)


def test_the_clearest_channel_decides() -> None:
    noise = generator(1, "noise").normal(size=(800, 3))
    assert period(np.column_stack([noise, _wave(800, 30)])) == 30


@pytest.mark.parametrize("X", [np.zeros((100, 2)), generator(2, "noise").normal(size=(2000, 1)), np.arange(3.0)[:, None], np.ones((1, 1)),
                               np.full((50, 1), 1e9)])
def test_no_period(X: np.ndarray) -> None:
    assert period(X) is None


def test_multiples_of_the_period_do_not_win() -> None:
    pulses = np.zeros(600)
    pulses[::20] = 1.0
    assert period(pulses[:, None]) == 20


def test_longest_bounds_the_search() -> None:
    assert period(_wave(1000, 200)[:, None], longest=100) is None


@pytest.mark.parametrize(("t", "p", "wanted"), [(1000, 24, 24), (1000, 4, 8), (12000, 1000, 256), (100, 24, 16), (10, 5, 4)])
def test_window_is_a_period_within_bounds(t: int, p: int, wanted: int) -> None:
    assert window_length(_wave(t, p)[:, None]) == wanted


def test_window_without_a_period() -> None:
    assert window_length(np.zeros((1000, 1))) == 32
