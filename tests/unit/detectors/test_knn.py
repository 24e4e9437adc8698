from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tocsin.core.errors import ConfigError, StateError
from tocsin.core.seed import generator
from tocsin.detectors import knn
from tocsin.detectors.knn import Knn, _candidates


def _rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return generator(seed, "knn", n, d).normal(size=(n, d)) * np.linspace(1, 9, d) + 4


def _slow(train: np.ndarray, X: np.ndarray, k: int, metric: str) -> np.ndarray:
    mean, std = train.mean(axis=0), train.std(axis=0)
    near = np.sort(cdist((X - mean) / std, (train - mean) / std, metric), axis=1)[:, :k]
    return np.mean([near[:, :j].mean(axis=1) for j in range(1, k + 1)], axis=0)


@pytest.mark.parametrize(("metric", "name"), [("l2", "euclidean"), ("l1", "cityblock")])
@pytest.mark.parametrize(("n", "d", "k"), [(900, 6, 5), (3000, 3, 1), (40, 100, 7), (5, 2, 5)])
def test_score_is_the_mean_of_means_of_exact_distances(metric: str, name: str, n: int, d: int, k: int) -> None:
    train, X = _rows(n, d), _rows(70, d, 1)
    np.testing.assert_allclose(Knn(k, metric).fit(train).anomaly_score(X), _slow(train, X, k, name), rtol=1e-9)


def test_more_neighbours_than_rows_take_all_rows() -> None:
    train, X = _rows(3, 2), _rows(9, 2, 1)
    np.testing.assert_allclose(Knn(k=50).fit(train).anomaly_score(X), _slow(train, X, 3, "euclidean"), rtol=1e-9)


def test_copies_of_training_rows_are_at_distance_zero() -> None:
    train = np.repeat(_rows(200, 5), 6, axis=0)
    for offset in (0.0, 1e7):  # far from the origin, where the fast search loses its digits
        assert (Knn(scale=False).fit(train + offset).anomaly_score(train[::6] + offset) == 0).all()


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_near_copies_far_from_the_mean_are_still_told_apart(metric: str) -> None:
    cluster = 1e6 + 1e-3 * _rows(400, 4)
    train = np.vstack([cluster, -cluster])
    X = cluster[:40] + 1e-4
    near = np.sort(cdist(X, train, "euclidean" if metric == "l2" else "cityblock"), axis=1)[:, 0]
    np.testing.assert_allclose(Knn(1, metric, scale=False).fit(train).anomaly_score(X), near, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), d=st.integers(1, 3), k=st.integers(1, 6), metric=st.sampled_from(["l2", "l1"]))
def test_neighbours_of_tied_rows_come_in_their_order(seed: int, n: int, d: int, k: int, metric: str) -> None:
    random = generator(seed, "ties")
    train, X = random.integers(0, 3, size=(n, d)).astype(float), random.integers(0, 3, size=(5, d)).astype(float)
    distance = cdist(X, train, "sqeuclidean" if metric == "l2" else "cityblock")
    wanted = np.argsort(distance, axis=1, kind="stable")[:, :min(k, n)]
    model = Knn(metric=metric, scale=False).fit(train)
    model.mean_[:] = 0.0  # whole numbers stay whole: ties are exact
    model.rows_ = train
    assert model.neighbours(X, k).tolist() == wanted.tolist()
    assert np.concatenate([model.neighbours(X[i:i + 1], k) for i in range(5)]).tolist() == wanted.tolist()


def test_more_ties_than_spare_candidates() -> None:
    # Differences from the middle are exact, squares are not: the fast search sees the 60 equally near rows in an order of its own.
    middle = 1 + generator(0, "middle").integers(0, 2**27, size=30) * 2.0**-27
    model = Knn(scale=False).fit(np.vstack([middle + np.eye(30), middle - np.eye(30)]))
    model.mean_[:] = 0.0
    model.rows_ = np.vstack([middle + np.eye(30), middle - np.eye(30)])
    assert model.neighbours(middle[None], 3).tolist() == [[0, 1, 2]]
    assert model.anomaly_score(middle[None]).tolist() == [1.0]


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_blocks_change_nothing(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train, X = _rows(700, 4), _rows(50, 4, 1)
    model = Knn(metric=metric).fit(train)
    scores, expected = model.anomaly_score(X), model.expected(X)
    monkeypatch.setattr(knn, "_CELLS", 3 * 700)
    np.testing.assert_allclose(model.anomaly_score(X), scores, rtol=1e-12)
    np.testing.assert_allclose(model.expected(X), expected, rtol=1e-12)


def test_expected_is_the_mean_of_the_neighbours_in_units() -> None:
    train, X = _rows(300, 4), _rows(20, 4, 1)
    model = Knn(k=4).fit(train)
    np.testing.assert_allclose(model.expected(X), train[model.neighbours(X)].mean(axis=1), rtol=1e-9)


def test_scaling_makes_units_irrelevant() -> None:
    train, X, units = _rows(300, 3), _rows(20, 3, 1), np.array([1e-9, 1.0, 1e9])
    np.testing.assert_allclose(Knn().fit(train * units).anomaly_score(X * units), Knn().fit(train).anomaly_score(X), rtol=1e-8)
    assert not np.allclose(Knn(scale=False).fit(train).anomaly_score(X), Knn().fit(train).anomaly_score(X))


@pytest.mark.parametrize("n", [20, 500, 1003, 4096])
def test_candidates_hold_the_smallest(n: int) -> None:
    rough = generator(n, "rough").normal(size=(9, n))
    columns, edge = _candidates(rough, 7)
    wanted = np.sort(rough, axis=1)[:, :7]
    assert np.sort(np.take_along_axis(rough, columns, 1), axis=1).tolist() == wanted.tolist()
    assert edge.tolist() == wanted[:, -1].tolist()


@pytest.mark.parametrize("wrong", [{"k": 0}, {"metric": "cosine"}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Knn(**wrong).fit(_rows(9, 2))


def test_neighbours_are_checked_like_every_verb() -> None:
    with pytest.raises(StateError, match="TOC-301"):
        Knn().neighbours([[1.0]])
    with pytest.raises(ConfigError, match="TOC-202"):
        Knn().fit(_rows(9, 2)).neighbours(_rows(2, 2), 0)


def test_of_many_training_rows_a_seeded_sample_is_kept_and_named_by_training_rows() -> None:
    X = generator(0, "many").normal(size=(500, 2))
    model, again, other = (Knn(rows=100, seed=seed).fit(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(model.anomaly_score(X[:9]), again.anomaly_score(X[:9]))
    assert len(model.rows_) == 100 and not np.array_equal(model.kept_, other.kept_)
    near = model.neighbours(X[model.kept_[:5]], 1)[:, 0]
    np.testing.assert_array_equal(near, model.kept_[:5])  # a kept row is its own nearest, under its number in the training rows
