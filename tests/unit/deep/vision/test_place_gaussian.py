"""Gaussians of places: leaving a picture out in closed form equals leaving it out, shrinkage, state."""

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.deep.vision import place_gaussian
from tocsin.deep.vision.place_gaussian import PlaceGaussian, learn, learn_alike, top


def _rows(n=80, p=6, c=5, seed=0):
    random = generator(seed, "rows")
    mixing = random.normal(size=(p, c, c))
    return np.einsum("npc,pcd->npd", random.normal(size=(n, p, c)), mixing) + 3 * np.arange(p)[:, None]


def test_distances_are_those_of_the_shrunk_covariance():
    rows = _rows()
    model, _ = learn(rows, 0.3)
    gaps = rows - rows.mean(axis=0)
    each = np.einsum("npc,npd->pcd", gaps, gaps) / len(rows)
    mean = each.mean(axis=0)
    mean += place_gaussian._RIDGE * np.trace(mean) / 5 * np.eye(5)
    made = model.distances(rows[0])
    for i in range(6):
        precision = np.linalg.inv(0.7 * each[i] + 0.3 * mean)
        assert made[i] == pytest.approx(gaps[0, i] @ precision @ gaps[0, i] / 5, rel=2e-2)


def test_own_distances_are_those_of_a_model_without_the_picture():
    rows = _rows(n=40)
    _, own = learn(rows, 0.3)
    for i in (0, 7):
        other, _ = learn(np.delete(rows, i, axis=0), 0.3)
        assert own[i] == pytest.approx(other.distances(rows[i]), rel=0.12)


def test_own_distances_are_those_of_new_pictures():
    rows = _rows(n=400)
    model, own = learn(rows[:200])
    fresh = np.mean([model.distances(row).mean() for row in rows[200:]])
    kept = np.mean([model.distances(row).mean() for row in rows[:200]])
    assert own.mean() == pytest.approx(fresh, rel=0.05)
    assert kept < fresh


def test_alike_places_share_one_gaussian_and_do_not_see_places():
    rows = _rows(n=60) - 3 * np.arange(6)[:, None]
    model, own = learn_alike(rows)
    assert model.factor.shape[0] == 1 and own.shape == (60, 6)
    assert model.distances(rows[0])[::-1] == pytest.approx(model.distances(rows[0][::-1]), rel=1e-5)


def test_constant_cells_give_finite_distances():
    rows = np.ones((12, 4, 3))
    model, own = learn(rows)
    assert np.isfinite(own).all() and np.isfinite(model.distances(rows[0] + 1)).all()


def test_top_takes_at_least_one():
    assert top(np.array([1.0, 9.0, 2.0]), 0.03) == 9.0
    assert top(np.arange(100.0), 0.03) == 98.0


def test_state_comes_back_and_others_are_refused():
    rows = _rows()
    model, _ = learn(rows)
    again = PlaceGaussian.from_state(model.state())
    assert np.array_equal(again.distances(rows[3]), model.distances(rows[3]))
    for broken in (None, {}, {**model.state(), "factor": model.factor[:, 1:]}, {**model.state(), "share": "much"},
                   {**model.state(), "mean": np.full_like(model.mean, np.nan)}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            PlaceGaussian.from_state(broken)
