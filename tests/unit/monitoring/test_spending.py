"""One promise shared by many looks and many columns."""

from __future__ import annotations

import math

import numpy as np

from tocsin.monitoring.spending import share, standing_out


def test_all_looks_together_spend_no_more_than_the_promise() -> None:
    parts = [share(number) for number in range(1, 200_000)]
    rest = share(1) * 11 * math.log(11) ** 2 / math.log(200_010)  # the integral of what follows
    assert abs(sum(parts) + rest - 1) < 0.001 and sorted(parts, reverse=True) == parts


def test_a_late_look_can_still_see() -> None:
    assert share(1_000) > 1e-5


def test_nothing_stands_out_of_chance() -> None:
    rng = np.random.default_rng(0)
    runs = [standing_out(rng.uniform(size=20), 0.05).any() for _ in range(2_000)]
    assert np.mean(runs) <= 0.05


def test_what_stands_out_is_named() -> None:
    p = np.full(20, 0.5)
    p[[3, 7]] = 1e-9, 1e-4
    assert np.flatnonzero(standing_out(p, 0.05)).tolist() == [3, 7]
    assert standing_out(np.array([]), 0.05).tolist() == []
