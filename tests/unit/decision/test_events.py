import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.decision.events import merge

FLAGS = np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)
SCORE = np.array([5.0, 7.0, 0.0, 7.0, 0.0, 9.0, 3.0])
P = 1 / (1 + SCORE)


def spans(events):
    return [(event.start, event.end, event.peak) for event in events]


def test_each_run_is_an_event_with_its_worst_point():
    events = merge(FLAGS, SCORE, P)
    assert spans(events) == [(0, 1, 1), (3, 3, 3), (6, 6, 6)]
    assert events[0].score == 7 and events[0].p_value == pytest.approx(1 / 8)


def test_gaps_are_bridged_up_to_the_given_length():
    assert spans(merge(FLAGS, SCORE, P, gap=1)) == [(0, 3, 1), (6, 6, 6)]
    # the peak is the highest score of the event, even between its flagged points
    assert spans(merge(FLAGS, SCORE, P, gap=2)) == [(0, 6, 5)]


def test_no_event_crosses_a_segment():
    assert spans(merge(np.ones(4), np.arange(4), np.ones(4), groups=[0, 0, 1, 1], gap=9)) == [(0, 1, 1), (2, 3, 3)]
    assert len(merge(np.ones(3), np.arange(3), np.ones(3), groups=["a", "b", "a"])) == 3


def test_times_are_those_of_the_ends():
    time = np.datetime64("2026-01-01", "h") + np.arange(7)
    event = merge(FLAGS, SCORE, P, time=time)[0]
    assert (event.start_time, event.end_time) == (time[0], time[1])


def test_nothing_flagged_nothing_found():
    assert merge(np.zeros(3), np.zeros(3), np.ones(3)) == ()
    assert merge([], [], []) == ()


def test_bad_arguments():
    with pytest.raises(ConfigError, match="TOC-243"):
        merge(FLAGS, SCORE, P, gap=-1)
    with pytest.raises(DataError, match="TOC-101"):
        merge(FLAGS, SCORE[:3], P)
    with pytest.raises(DataError, match="TOC-101"):
        merge(FLAGS, SCORE, P, groups=[0])
