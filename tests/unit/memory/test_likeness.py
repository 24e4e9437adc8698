import numpy as np
import pytest

from tocsin.memory.likeness import alike


def _line(n: int) -> np.ndarray:
    x = np.linspace(0, 100, n)
    return np.column_stack([x, 5 + 0.8 * x, np.cos(x)])


def test_one_absurd_cell_does_not_choose_the_rows() -> None:
    rows = _line(300)
    wrong = rows[[30, 150, 270]].copy()
    wrong[:, 1] = 900.0
    found = alike(wrong, rows, 5)
    assert np.abs(rows[found][:, :, 0].mean(axis=1) - wrong[:, 0]).max() < 3
    plain = np.argsort(np.square(wrong[:, None] - rows).sum(axis=2), axis=1)[:, :5]  # all at the far end
    assert np.abs(rows[plain][:, :, 0].mean(axis=1) - wrong[:, 0]).max() > 60


def test_a_row_is_not_like_itself_when_it_is_named() -> None:
    rows = _line(50)
    assert all(i not in line for i, line in enumerate(alike(rows, rows, 4, own=np.arange(50))))
    assert all(i in line for i, line in enumerate(alike(rows, rows, 4, own=np.full(50, -1))))


@pytest.mark.parametrize("n", [2, 3, 2_000])
def test_few_and_many_rows_do(n: int) -> None:
    found = alike(_line(7), _line(n), 5, own=np.full(7, -1))
    assert found.shape == (7, min(5, n - 1)) and found.max() < n


def test_a_row_finds_the_same_alone_as_among_others() -> None:
    rows, queries = _line(400), _line(40) + 0.3
    assert np.array_equal(alike(queries, rows, 5), np.concatenate([alike(queries[[i]], rows, 5) for i in range(40)]))
