"""Patterns over regions: a large faint fault is found where it is, chance is not, grids of any size, states."""

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.deep.vision import pattern
from tocsin.deep.vision.pattern import Pattern, covering, divisions, learn, reading


def _drawn(n=80, c=12, r=8, seed=0):
    return list(generator(seed, "regions").normal(size=(n, c, r, r)).astype(np.float32))


@pytest.mark.parametrize("aligned", [True, False])
def test_a_faint_fault_of_many_regions_shows_and_only_there(aligned):
    made = learn(_drawn(), 0.1, aligned)
    odd = _drawn(1, seed=5)[0]
    odd[:, :3] += 1.0  # one deviation in each number: no region alone is odd
    factor = made.factor(odd)
    assert factor.shape == (8, 8) and factor.min() == 1.0
    assert np.median(factor[:3]) > 3 * np.median(factor[3:])
    alone = np.square(made.gaussian.turned(odd.reshape(12, -1).T)).mean(axis=1).reshape(8, 8)
    assert np.median(alone[:3]) < 3 * np.median(alone[3:])


def test_most_normal_pictures_have_no_pattern():
    made = learn(_drawn(150), 0.1, True)
    quiet = np.mean([made.factor(each).max() == 1.0 for each in _drawn(150, seed=3)])
    assert 0.7 < quiet < 0.97  # the pictures learned from stand for new ones: 85 % are quiet


def test_energies_are_those_of_the_singular_values():
    made = learn(_drawn(), 0.1, True)
    odd = _drawn(1, seed=7)[0] * 2
    whitened = made.gaussian.turned(odd.reshape(12, -1).T).astype(float)
    left, values, _ = np.linalg.svd(whitened, full_matrices=False)
    energy = np.square(left) @ np.maximum(np.square(values) - made.chance, 0) / 12 + pattern.FAINT ** 2
    assert made.factor(odd).ravel() == pytest.approx(np.sqrt(energy / energy.min()), rel=1e-6)


def test_divisions_are_means_and_deviations_of_regions():
    ramp = np.broadcast_to(np.arange(24.0), (1, 24, 24))
    whole, inner = divisions([ramp, np.ones((2, 12, 12))])
    assert whole.shape == (6, 8, 8) and inner.shape == (2, 8, 8)
    assert (np.diff(whole[0], axis=1) >= 0).all() and np.allclose(whole[0][0], whole[0][7])
    assert whole[0][0, 3] == pytest.approx(10.0) and whole[1][0, 3] == pytest.approx(np.arange(6, 15).std())
    assert np.allclose(whole[2:4], 1) and np.allclose(whole[4:], 1e-3)  # nothing varies: a deviation of nearly none
    assert inner[0].min() > whole[0].min() and inner[0].max() < whole[0].max()


@pytest.mark.parametrize(("have", "want", "edge"), [(16, 8, 0.0), (13, 8, 0.0), (5, 8, 0.0), (16, 8, 0.0625), (12, 7, 0.1)])
def test_lines_are_means(have, want, edge):
    for line in (covering(have, want, edge), reading(want, have, edge)):
        assert np.allclose(line.sum(axis=1), 1) and (line >= 0).all()
    at = covering(have, want, edge) @ (np.arange(have) + 0.5)
    assert (np.diff(at) > 0).all() and at.mean() == pytest.approx(have / 2)


def test_constant_pictures_have_no_pattern():
    made = learn([np.ones((4, 8, 8), np.float32)] * 12, 0.1, True)
    assert np.isfinite(made.factor(np.ones((4, 8, 8), np.float32))).all()


def test_states_come_back_and_others_are_refused():
    made = learn(_drawn(), 0.1, True)
    odd = _drawn(1, seed=5)[0] * 3
    assert np.array_equal(Pattern.from_state(made.state()).factor(odd), made.factor(odd))
    state = made.state()
    for broken in (None, {}, {**state, "chance": -1.0}, {**state, "chance": float("nan")}, {**state, "gaussian": None}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            Pattern.from_state(broken)
