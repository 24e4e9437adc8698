import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.explanation import attribution
from tocsin.explanation.attribution import by_replacement

ONE = [np.array([j]) for j in range(4)]


def norm(X):
    return np.sqrt((X ** 2).sum(axis=1))


def test_the_odd_column_gets_the_share():
    rows = np.array([[9.0, 0.1, 0.0, -0.1], [0.0, 0.1, -7.0, 0.0]])
    shares, expected = by_replacement(norm, rows, np.zeros((2, 3, 4)), ONE)
    assert shares.argmax(axis=1).tolist() == [0, 2]
    assert shares.max(axis=1).min() > 0.95
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert expected.tolist() == np.zeros((2, 4)).tolist()


def test_columns_that_say_the_same_share_the_credit():
    """A score that is high when either of two columns is: taking one away changes nothing."""
    shares, _ = by_replacement(lambda X: np.abs(X[:, :2]).max(axis=1), np.array([[5.0, 5.0, 0.0, 0.0]]), np.zeros((1, 4)), ONE)
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0, 0]])


def test_columns_that_are_odd_only_together_share_the_credit():
    shares, _ = by_replacement(lambda X: np.abs(X[:, 0] * X[:, 1]), np.array([[2.0, 3.0, 1.0, 0.0]]), np.zeros((1, 4)), ONE)
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0, 0]])


def test_parts_of_several_columns_move_together():
    parts = [np.array([0, 2]), np.array([1])]
    shares, _ = by_replacement(lambda X: X[:, 0] + X[:, 2] + 3 * X[:, 1], np.ones((1, 3)), np.zeros((1, 3)), parts)
    np.testing.assert_allclose(shares, [[0.4, 0.6]])


def test_a_row_like_its_normals_gets_zeros():
    rows = np.ones((2, 4))
    shares, expected = by_replacement(norm, rows, np.ones((2, 2, 4)), ONE)
    assert shares.tolist() == np.zeros((2, 4)).tolist()
    assert expected.tolist() == rows.tolist()


def test_expected_is_the_median_of_the_normals():
    normals = np.array([[1.0, 0, 0, 0], [2.0, 0, 0, 1], [99.0, 1, 0, 1]])
    assert by_replacement(norm, np.zeros((1, 4)), normals, ONE)[1].tolist() == [[2, 0, 0, 1]]


def test_a_row_is_explained_the_same_alone_and_in_a_batch(monkeypatch):
    rng = generator(0, "rows")
    rows, normals = rng.normal(size=(6, 4)), rng.normal(size=(6, 3, 4))
    shares, expected = by_replacement(norm, rows, normals, ONE)
    monkeypatch.setattr(attribution, "_CELLS", 60)  # and however the calls are cut
    for i in range(6):
        alone = by_replacement(norm, rows[i:i + 1], normals[i:i + 1], ONE)
        np.testing.assert_allclose(alone[0][0], shares[i])
        np.testing.assert_array_equal(alone[1][0], expected[i])


def test_calls_come_in_layers_and_are_bounded(monkeypatch):
    monkeypatch.setattr(attribution, "_CELLS", 100)
    sizes = []

    def score(X):
        sizes.append(len(X))
        # the r-th candidate belongs to row r modulo m: the second column of these rows says which row that is
        assert (X[:, 3] == np.arange(len(X)) % 5).all()
        return X[:, 0]

    rows = np.c_[np.ones((5, 3)), np.arange(5.0)]
    normals = np.repeat(np.c_[np.zeros((5, 3)), np.arange(5.0)][:, None], 2, axis=1)
    shares, _ = by_replacement(score, rows, normals, ONE[:3])
    assert max(sizes) <= 100 // 4 and sum(sizes) == 5 * (1 + 2 * (1 + 2 * 3))
    assert shares[:, 0].tolist() == [1.0] * 5


def test_wide_rows_try_only_the_furthest_parts():
    rng, calls = generator(0, "wide"), []
    normals = rng.normal(size=(1, 5, 1000))
    row = np.median(normals, axis=1)
    row[0, [3, 700]] += 50

    def score(X):
        calls.append(len(X))
        return norm(X - row * 0)

    shares, _ = by_replacement(score, row, normals, [np.array([j]) for j in range(1000)])
    assert shares[0, [3, 700]].sum() > 0.9
    assert sum(calls) == 1 + 5 * (1 + 2 * 200)


def test_huge_scores_do_not_overflow():
    shares, _ = by_replacement(lambda X: np.where(X[:, 0] > 0, 1.7e308, -1.7e308), np.ones((1, 4)), np.zeros((1, 2, 4)), ONE)
    assert shares.tolist() == [[1, 0, 0, 0]]


def test_shapes_are_checked_and_nothing_gives_nothing():
    with pytest.raises(ConfigError, match="TOC-244"):
        by_replacement(norm, np.ones((2, 4)), np.ones((3, 1, 4)), ONE)
    with pytest.raises(ConfigError, match="TOC-244"):
        by_replacement(norm, np.ones((2, 4)), np.ones((0, 4)), ONE)
    assert by_replacement(norm, np.ones((0, 4)), np.ones((2, 4)), ONE)[0].shape == (0, 4)
