"""Relations between channels: learned where they are steady, told where they broke."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.explanation import relations

T = 2000


def channels(seed: int, t: int = T) -> np.ndarray:
    """Four standardised channels: 0 and 1 move together, 2 follows 0 by four steps the other way round, 3 by itself."""
    rng = np.random.default_rng(seed)
    base = np.convolve(rng.normal(size=t + 14), np.ones(4) / 2, "same")[:t + 10]
    X = np.c_[base[6:t + 6], base[6:t + 6] + 0.3 * rng.normal(size=t), -base[2:t + 2] + 0.3 * rng.normal(size=t), rng.normal(size=t)]
    return X


@pytest.fixture(scope="module")
def known():
    return relations.learn(channels(0), np.zeros(T), 40)


def test_steady_pairs_are_kept_with_their_lag(known):
    found = {(a, b): (lag, usual) for (a, b), lag, usual in zip(known["pairs"].tolist(), known["lag"], known["usual"])}
    assert found[0, 1][0] == 0 and found[0, 1][1] > 0.9
    assert found[0, 2][0] == 4 and found[0, 2][1] < -0.9
    assert all(3 not in pair for pair in found)


def test_a_stuck_channel_breaks_its_pairs(known):
    X = channels(1)
    X[500:560, 1] = X[500, 1]
    told = relations.broken(known, X, np.zeros(T), 500, 560)
    assert told and all(1 in (one["a"], one["b"]) for one in told)
    assert abs(told[0]["now"]) < 0.5 < abs(told[0]["usual"]) and abs(told[0]["z"]) > 3.5


def test_ordinary_stretches_break_nothing(known):
    X = channels(2)
    assert sum(bool(relations.broken(known, X, np.zeros(T), start, start + 40)) for start in range(20, 1900, 40)) <= 1


def test_a_stretch_is_widened_inside_its_segment(known):
    X, groups = channels(3), np.repeat([0, 1], T // 2)
    X[1000:, 1] *= -1.0
    assert relations.broken(known, X, groups, 995, 1000) == []  # what is wrong lies in the next segment
    assert relations.broken(known, X, groups, 1000, 1003)


def test_hardly_any_movement_breaks_nothing(known):
    assert relations.broken(known, channels(4) * 1e-3, np.zeros(T), 500, 560) == []


@pytest.mark.parametrize("X", [np.zeros((500, 3)), np.ones((500, 1)), np.ones((20, 4)), np.zeros((0, 2))])
def test_nothing_to_learn_is_no_relation(X):
    state = relations.learn(X, np.zeros(len(X)), 32)
    assert len(state["pairs"]) == 0 and relations.broken(state, X, np.zeros(len(X)), 0, len(X)) == []


def test_one_giant_spike_is_no_relation():
    X = np.random.default_rng(0).normal(size=(1000, 3))
    X[500] = 1e12
    assert len(relations.learn(X, np.zeros(1000), 32)["pairs"]) == 0


def test_two_hundred_channels_are_bounded():
    common = np.random.default_rng(0).normal(size=(1500, 1))
    X = common + 0.3 * np.random.default_rng(1).normal(size=(1500, 200))
    state = relations.learn(X, np.zeros(1500), 20)
    assert len(state["pairs"]) == 2000
    assert len(relations.broken(state, X, np.zeros(1500), 10, 40)) <= 3


def test_shapes_that_do_not_fit():
    with pytest.raises(ConfigError, match="TOC-244"):
        relations.learn(np.zeros((10, 2)), np.zeros(9), 4)
