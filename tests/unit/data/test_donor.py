"""Silent channels take the cells of training stretches."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, StateError
from tocsin.core.state import build
from tocsin.data.donor import Donor, silent_cells


def waves(t: int) -> np.ndarray:
    k = np.arange(t)
    return np.c_[np.sin(k * 2 * np.pi / 20), np.cos(k * 2 * np.pi / 20)]


def test_a_channel_that_is_gone_follows_the_other():
    X, gone = waves(200), np.zeros((200, 2), dtype=bool)
    gone[:, 1] = True
    held = X.copy()
    held[:, 1] = 0.0
    filled = Donor().fit(waves(400)).fill(held, gone, gone, np.zeros(200))
    assert np.abs(filled - X).max() < 0.05


def test_what_is_measured_stays_and_nothing_given_is_changed():
    X, gone = waves(60), np.zeros((60, 2), dtype=bool)
    gone[50:, 0] = True
    before = X.copy()
    filled = Donor().fit(waves(300)).fill(X, gone, gone, np.zeros(60))
    assert np.array_equal(filled[~gone], X[~gone]) and np.array_equal(X, before)


def test_stretches_stop_at_the_end_of_a_segment():
    X, groups = waves(60), np.repeat([0, 1], 30)
    gone = np.zeros((60, 2), dtype=bool)
    gone[25:30] = True
    donor = Donor().fit(waves(300))
    other = X.copy()
    other[30:] += 5.0
    assert np.array_equal(donor.fill(X, gone, gone, groups)[:30], donor.fill(other, gone, gone, groups)[:30])


def test_nothing_known_at_all_is_a_training_stretch():
    gone = np.ones((100, 2), dtype=bool)
    filled = Donor().fit(waves(300)).fill(np.zeros((100, 2)), gone, gone, np.zeros(100))
    assert np.abs(np.square(filled).sum(axis=1) - 1.0).max() < 1e-5  # on the circle, as all training rows


@pytest.mark.parametrize(("rows", "length"), [((0,), 4), ((3,), 4), (tuple(range(5, 17)), 40)])
def test_runs_at_the_ends_and_long_ones_are_silent(rows, length):
    gone = np.zeros((length, 1), dtype=bool)
    gone[list(rows)] = True
    assert np.array_equal(silent_cells(gone, np.zeros(length)), gone)


def test_short_holes_inside_are_not_silent():
    gone = np.zeros((40, 1), dtype=bool)
    gone[5:15] = True
    assert not silent_cells(gone, np.zeros(40)).any()
    assert silent_cells(gone, np.repeat([0, 1], [10, 30])).sum() == 10  # a segment's end cuts the hole in two that touch it


def test_memory_is_bounded_and_the_state_rebuilds_it():
    donor = Donor(cells=2000).fit(np.random.default_rng(0).normal(size=(5000, 20)))
    assert donor.rows_.size <= 4000
    again = build(Donor, donor.state())
    X, gone = np.zeros((30, 20)), np.ones((30, 20), dtype=bool)
    assert np.array_equal(again.fill(X, gone, gone, np.zeros(30)), donor.fill(X, gone, gone, np.zeros(30)))


def test_settings():
    with pytest.raises(ConfigError, match="TOC-202"):
        Donor(cells=10).fit(waves(50))
    with pytest.raises(StateError, match="TOC-301"):
        Donor().fill(waves(5), waves(5) > 9, waves(5) > 9, np.zeros(5))
