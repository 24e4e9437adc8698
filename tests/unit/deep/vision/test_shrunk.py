"""The shrunk Gaussian of whole pictures."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.deep.vision import shrunk


def _vectors(n=60, e=20):
    random = generator(0, "vectors")
    return (random.normal(size=(n, e)) @ random.normal(size=(e, e)) + 5).astype(np.float32)


def test_shrinkage_is_that_of_ledoit_and_wolf():
    vectors = _vectors()
    Z = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    covariance, _ = ledoit_wolf(Z.astype(np.float64), assume_centered=True)
    model, _ = shrunk.learn(vectors)
    wanted = Z[0] @ np.linalg.inv(covariance) @ Z[0] / 20
    assert model.distance(vectors[0]) == pytest.approx(wanted, rel=1e-3)


def test_own_distances_are_those_of_unseen_ones():
    vectors = _vectors(n=400)
    model, own = shrunk.learn(vectors[:200])
    fresh = np.mean([model.distance(each) for each in vectors[200:]])
    assert own.mean() == pytest.approx(fresh, rel=0.1)


def test_fewer_vectors_than_numbers_and_constant_ones():
    vectors = np.column_stack([_vectors(n=12, e=30), np.ones(12, np.float32)])
    model, own = shrunk.learn(vectors)
    assert np.isfinite(own).all() and np.isfinite(model.distance(vectors[0] + 1))
    assert np.isfinite(shrunk.learn(np.ones((10, 4), np.float32))[1]).all()


def test_state_comes_back_and_others_are_refused():
    model, _ = shrunk.learn(_vectors())
    again = shrunk.Shrunk.from_state(model.state())
    assert again.distance(_vectors()[0]) == model.distance(_vectors()[0])
    for broken in (None, {}, {**model.state(), "lower": model.lower[:, 1:]}, {**model.state(), "scale": model.scale.astype(float)}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            shrunk.Shrunk.from_state(broken)
