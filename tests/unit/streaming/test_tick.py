"""The grid laid row by row is the one that batch lays."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.data.clock import apply, regrid
from tocsin.streaming.arrival import Row
from tocsin.streaming.tick import Ticker


def _laid(times, values, *, size=1.0, joins=True):
    ticker = Ticker(size, joins=joins)
    steps, late = [], []
    for i, (at, value) in enumerate(zip(times, values)):
        made, behind = ticker.push(Row(at, i, np.atleast_1d(value).astype(float)))
        steps += made
        late += behind
    return ticker, steps + ticker.end(), late


def _times(rng, n):
    """A clock with holes short and long, and some rows twice in a step."""
    ahead = rng.choice([1, 1, 1, 1, 1, 2, 3, 10, 11, 25], size=n)
    at = np.cumsum(ahead).astype(float) + rng.uniform(-0.04, 0.04, n)
    return np.sort(np.r_[at, at[::17] + 0.05])


@pytest.mark.parametrize("seed", range(4))
def test_the_grid_of_batch(seed):
    rng = np.random.default_rng(seed)
    times = _times(rng, 150)
    values = rng.normal(size=(len(times), 2))
    values[rng.random(values.shape) < 0.1] = np.nan
    grid = regrid(times, step=1.0)
    ticker, steps, late = _laid(times, values)
    assert late == []
    np.testing.assert_allclose(np.array([step.values for step in steps]), apply(values, grid), atol=1e-12)
    assert np.cumsum([step.cut for step in steps]).tolist() == grid.segments.tolist()
    assert [not step.members for step in steps] == grid.filled.tolist()
    assert [member.position for step in steps for member in step.members] == np.arange(len(times)).tolist()
    assert (ticker.filled, ticker.cuts) == (int(grid.filled.sum()), int(grid.segments[-1]))


def test_without_joining_a_step_is_told_at_once_and_a_second_row_is_late():
    _, steps, late = _laid([0.0, 1.0, 1.2, 4.0], [1.0, 2.0, 3.0, 4.0], joins=False)
    assert [len(step.members) for step in steps] == [1, 1, 0, 0, 1]
    assert [row.position for row in late] == [2]


def test_without_a_step_rows_pass_as_they_are():
    _, steps, _ = _laid([0.0, 1.0, 50.0], [1.0, 2.0, 3.0], size=0.0)
    assert [(len(step.members), step.cut) for step in steps] == [(1, False)] * 3


def test_a_clock_set_back_cuts():
    ticker = Ticker(1.0, joins=False)
    ticker.push(Row(100.0, 0, np.zeros(1)))
    steps, _ = ticker.push(Row(3.0, 1, np.zeros(1), "clock set back"))
    assert [step.cut for step in steps] == [True]
    assert steps[0].members[0].note == "clock set back"


def test_an_open_step_holds_so_many_rows_and_no_more():
    ticker = Ticker(10.0, joins=True, most=5)
    late = [row.position for i in range(8) for row in ticker.push(Row(float(i) / 10, i, np.array([float(i)])))[1]]
    assert (late, ticker.held, ticker.merged) == ([5, 6, 7], 5, 4)
    assert ticker.end()[0].values.tolist() == [2.0]
    assert ticker.held == 0


@pytest.mark.parametrize("next_", [1e308, 10**308])
def test_a_distance_beyond_all_steps_cuts(next_):
    ticker = Ticker(1e-14, joins=False)
    ticker.push(Row(-next_, 0, np.zeros(1)))
    steps, _ = ticker.push(Row(next_, 1, np.zeros(1)))
    assert [step.cut for step in steps] == [True]
