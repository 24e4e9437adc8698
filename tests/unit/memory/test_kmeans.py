from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.memory.kmeans import kmeans


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_clear_groups_are_found(level: float) -> None:
    centres = level + np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    rows = np.repeat(centres, 30, axis=0) + generator(0, "groups").normal(size=(90, 2))
    means, group = kmeans(rows, 3, np.random.default_rng(1))
    assert [len(set(group[i:i + 30].tolist())) for i in (0, 30, 60)] == [1, 1, 1]
    for i in range(3):
        np.testing.assert_allclose(means[group[30 * i]], rows[30 * i:30 * i + 30].mean(axis=0), rtol=1e-9)


def test_rounds_end_where_every_row_is_with_its_nearest_mean() -> None:
    rows = generator(0, "cloud").normal(size=(200, 3))
    means, group = kmeans(rows, 4, np.random.default_rng(0))
    gaps = np.square(rows[:, None] - means).sum(axis=2)
    assert (gaps.argmin(axis=1) == group).mean() > 0.97
    for j in range(4):
        np.testing.assert_allclose(means[j], rows[group == j].mean(axis=0), rtol=1e-9)


def test_the_same_draws_give_the_same_groups() -> None:
    rows = generator(3, "draws").normal(size=(60, 4))
    first, second = (kmeans(rows, 5, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_equal_rows_are_one_group() -> None:
    means, group = kmeans(np.full((6, 2), 3.0), 3, np.random.default_rng(0))
    assert (means == 3).all() and (group == 0).all()
