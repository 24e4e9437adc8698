import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.explanation import neighbours


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_equals_the_plain_search(offset, k, monkeypatch):
    monkeypatch.setattr(neighbours, "_CELLS", 1500)  # several blocks
    rng = generator(0, "rows")
    rows, normals = offset + rng.normal(size=(30, 3)), offset + rng.normal(size=(40, 3))
    plain = np.argsort(((rows[:, None] - normals) ** 2).sum(axis=2), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(neighbours.nearest(rows, normals, k), plain)


def test_a_row_among_the_normals_finds_itself_first():
    normals = generator(0).normal(size=(100, 4)) * 1e-3 + 1e5
    assert neighbours.nearest(normals, normals, 1)[:, 0].tolist() == list(range(100))


def test_huge_values_do_not_overflow():
    found = neighbours.nearest(np.array([[1e300, 0.0]]), np.array([[0.0, 0.0], [9e299, 0.0]]), 1)
    assert found.tolist() == [[1]]


def test_ties_keep_the_order_of_the_normals():
    assert neighbours.nearest(np.zeros((1, 2)), np.ones((50, 2)), 3).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("k", [0, 4])
def test_number_of_neighbours(k):
    with pytest.raises(ConfigError, match="TOC-244"):
        neighbours.nearest(np.zeros((1, 2)), np.zeros((3, 2)), k)
    assert neighbours.nearest(np.zeros((0, 2)), np.zeros((3, 2)), 1).shape == (0, 1)
