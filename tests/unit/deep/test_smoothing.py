"""The mean of neighbouring steps."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.deep.smoothing import smoothed


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 0), (2, 2), (0, 4), (50, 50)])
def test_equals_the_mean_in_the_segment(before: int, after: int) -> None:
    cells = np.random.default_rng(0).normal(size=(40, 2))
    groups = np.repeat([0, 1, 2], [25, 1, 14])
    made = smoothed(cells, groups, before, after)
    for i in range(40):
        near = [j for j in range(max(0, i - before), min(40, i + after + 1)) if groups[j] == groups[i]]
        assert made[i] == pytest.approx(cells[near].mean(0))


def test_a_huge_value_costs_no_precision_elsewhere() -> None:
    cells = np.ones((20, 1))
    cells[3] = 1e300
    made = smoothed(cells, np.zeros(20, int), 2, 0)[:, 0]
    assert (made[6:] == 1).all() and (made[:3] == 1).all() and (made[3:6] > 1e299).all()


def test_later_steps_change_nothing_to_the_last_bit() -> None:
    cells = np.random.default_rng(1).normal(size=(60, 3))
    whole = smoothed(cells, np.zeros(60, int), 7, 0)
    assert np.array_equal(smoothed(cells[:33], np.zeros(33, int), 7, 0), whole[:33])


def test_the_input_is_not_changed() -> None:
    cells = np.ones((5, 1))
    smoothed(cells, np.zeros(5, int), 2, 2)
    assert (cells == 1).all()
