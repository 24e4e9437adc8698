"""Time stamps as they came → a regular grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.clock import apply, regrid

DAY = np.datetime64("2024-01-01T00:00", "s")


def whats(grid):
    return {finding.what: finding.count for finding in grid.findings}


@pytest.mark.parametrize("time", [
    np.arange(50), np.arange(50) * 0.1, np.arange(50, dtype=np.uint8), 1e9 + np.arange(50) / 7,
    np.arange(50, dtype=np.uint64) + 2**63, DAY + np.arange(50) * np.timedelta64(15, "m"),
    (DAY + np.arange(50)).astype("M8[ns]"), np.arange(50).astype("M8[D]"), [DAY.astype(object)],
])
def test_a_regular_clock_passes_unchanged(time):
    grid = regrid(time)
    assert grid.unchanged and not grid.filled.any() and not grid.segments.any() and grid.findings == ()
    assert np.array_equal(grid.time, np.asarray(time).astype(grid.time.dtype))
    values = np.random.default_rng(0).normal(size=(len(time), 2))
    assert apply(values, grid) is values


def test_the_step_is_in_seconds_for_dates():
    assert regrid(DAY + np.arange(9) * np.timedelta64(15, "m")).step == 900.0
    assert regrid(np.arange(9) * np.timedelta64(1, "D") + np.datetime64("2024-01-01", "ns")).step == 86400.0
    assert regrid(np.arange(9) * 2.5).step == 2.5


def test_a_short_gap_is_filled_and_marked():
    time = np.delete(DAY + np.arange(20) * np.timedelta64(60, "s"), [7, 8, 12])
    grid = regrid(time)
    assert np.flatnonzero(grid.filled).tolist() == [7, 8, 12] and not grid.segments.any()
    assert np.array_equal(grid.time, DAY + np.arange(20) * np.timedelta64(60, "s"))
    made = apply(np.arange(17.0)[:, None], grid)
    assert np.isnan(made[[7, 8, 12]]).all() and np.array_equal(made[grid.row].ravel(), np.arange(17.0))
    assert whats(grid) == {"gap_filled": 3}


def test_a_long_gap_cuts():
    grid = regrid(np.r_[np.arange(10), np.arange(100, 110)], longest_gap=5)
    assert grid.unchanged and grid.segments.tolist() == [0] * 10 + [1] * 10
    assert whats(grid) == {"gap_cut": 1}
    assert regrid([0, 1, 2, 7, 8], longest_gap=5).filled.sum() == 4, "a gap of exactly longest_gap steps is filled"
    assert regrid([0, 1, 2, 8, 9], longest_gap=5).segments.tolist() == [0, 0, 0, 1, 1]


def test_jitter_is_moved_onto_the_grid():
    rng = np.random.default_rng(0)
    time = np.arange(200) + rng.uniform(-0.3, 0.3, 200)
    grid = regrid(time, step=1.0)
    assert grid.unchanged and set(whats(grid)) == {"irregular"}
    slight = regrid(np.arange(200) + rng.uniform(-0.05, 0.05, 200))
    assert slight.unchanged and set(whats(slight)) == {"jitter"}


def test_a_clock_that_drifts_is_followed():
    grid = regrid(np.arange(2000) * 1.004, step=1.0)
    assert grid.unchanged


def test_months_are_equal_steps():
    grid = regrid(np.arange("2000-01", "2020-01", dtype="M8[M]").astype("M8[D]"))
    assert grid.unchanged and not grid.segments.any()


def test_rows_of_one_stamp_are_averaged_and_counted():
    grid = regrid([0, 1, 1, 1, 2, 3])
    assert grid.row.tolist() == [0, 1, 1, 1, 2, 3]
    made = apply([[0.0, 1.0], [1.0, np.nan], [2.0, np.nan], [6.0, 5.0], [2.0, 1.0], [3.0, 1.0]], grid)
    assert made.tolist() == [[0, 1], [3, 5], [2, 1], [3, 1]]
    assert whats(grid) == {"duplicate_time": 2, "merged": 2}
    assert np.isnan(apply(np.full((6, 1), np.nan), grid)).all()
    assert np.isfinite(apply(np.full((6, 1), 1.7e308), grid)).all()


def test_unsorted_rows_are_sorted_and_mapped_back():
    grid = regrid([3.0, 1.0, 0.0, 2.0])
    assert grid.row.tolist() == [3, 1, 0, 2] and grid.time.tolist() == [0, 1, 2, 3]
    assert apply([[3.0], [1.0], [0.0], [2.0]], grid).ravel().tolist() == [0, 1, 2, 3]
    assert whats(grid) == {"unsorted": 2}


def test_groups_have_their_own_clocks_and_segments():
    grid = regrid([0, 0, 1, 1, 3, 2], ["b", "a", "b", "a", "b", "a"])
    assert grid.segments.tolist() == [0, 0, 0, 0, 1, 1, 1], "in order of appearance"
    assert grid.row.tolist() == [0, 4, 1, 5, 3, 6] and np.flatnonzero(grid.filled).tolist() == [2]


def test_a_random_clock_keeps_its_rows_apart_and_says_irregular():
    rng = np.random.default_rng(0)
    grid = regrid(np.cumsum(rng.exponential(size=500)))
    assert "irregular" in whats(grid) and grid.step > 0
    assert len(grid) <= 3 * 500 and not np.isnan(apply(np.ones((500, 1)), grid)[grid.row]).any()


def test_a_grid_that_would_grow_threefold_is_not_laid():
    time = np.cumsum(np.r_[np.ones(60), np.full(40, 9.0)])
    grid = regrid(time)
    assert grid.unchanged and grid.step == 0 and grid.segments.max() == 0
    assert "irregular" in whats(grid) and "375" not in grid.findings[-1].message
    again = regrid(time[:50], step=grid.step)
    assert again.unchanged and again.step == 0 and again.findings == (), "the decision is kept at score time"


@pytest.mark.parametrize("time", [[5.0], [DAY]])
def test_one_row(time):
    grid = regrid(np.array(time))
    assert grid.unchanged and grid.step == 0 and grid.segments.tolist() == [0] and grid.findings == ()
    assert regrid(np.array(time), step=60.0).unchanged


def test_all_rows_at_the_same_time_stay_as_they_came():
    grid = regrid(np.zeros(5))
    assert grid.unchanged and whats(grid) == {"no_clock": 5}
    panel = regrid(np.zeros(4), [1, 2, 1, 2])
    assert panel.row.tolist() == [0, 2, 1, 3] and panel.segments.tolist() == [0, 0, 1, 1]
    snapshot = regrid(np.zeros(3), [1, 2, 3])
    assert snapshot.unchanged and snapshot.segments.tolist() == [0, 1, 2] and snapshot.findings == ()


def test_a_learned_step_is_used():
    assert regrid([0.0, 4.0], step=2.0).filled.tolist() == [False, True, False]
    assert regrid(DAY + np.array([0, 120]), step=np.timedelta64(1, "m")).filled.tolist() == [False, True, False]
    assert regrid(np.arange(10) * 0.5, step=1.0).row.max() in (4, 5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), min_size=1, max_size=40), st.integers(1, 12))
def test_what_holds_for_every_clock(rows, longest_gap):
    time, group = np.array([t for t, _ in rows]), np.array([g for _, g in rows])
    grid = regrid(time, group, longest_gap=longest_gap)
    g, n = len(grid), len(time)
    assert grid.row.shape == (n,) and grid.segments.shape == grid.filled.shape == grid.time.shape == (g,)
    assert g <= 3 * n and set(grid.row) == set(np.flatnonzero(~grid.filled)), "every real grid row holds an input row"
    assert set(np.diff(grid.segments)) <= {0, 1} and grid.segments[0] == 0
    for segment in range(grid.segments[-1] + 1):
        inside = grid.segments == segment
        assert len(set(group[inside[grid.row]])) == 1, "a segment holds one group"
        assert (np.diff(grid.time[inside]) >= 0).all()
    assert not grid.filled[0] and not grid.filled[-1]


@pytest.mark.parametrize(("time", "code"), [
    ([0.0, np.nan], "TOC-160"), ([0.0, np.inf], "TOC-160"), (np.array(["2024-01-01", "NaT"], "M8[s]"), "TOC-160"), (["a", "b"], "TOC-160"),
    ([], "TOC-160"), ([[0.0]], "TOC-160"), (np.array([object()]), "TOC-160"),
])
def test_stamps_that_cannot_be_used_are_refused(time, code):
    with pytest.raises(DataError, match=code):
        regrid(time)


def test_wrong_settings_are_refused():
    with pytest.raises(DataError, match="TOC-101"):
        regrid([0.0, 1.0], [1])
    for wrong in ({"step": -1.0}, {"step": np.timedelta64(1, "s")}, {"step": np.nan}, {"longest_gap": 0}):
        with pytest.raises(ConfigError, match="TOC-202"):
            regrid([0.0, 1.0], **wrong)
    with pytest.raises(DataError, match="TOC-101"):
        apply([[1.0]], regrid([0.0, 1.0]))
