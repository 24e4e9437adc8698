from __future__ import annotations

import numpy as np
import pytest

from tocsin.memory.product import times


@pytest.mark.parametrize("size", [1, 3, 64, 65])
def test_a_row_is_the_same_in_any_company(size: int) -> None:
    random = np.random.default_rng(0)
    rows, matrix = random.normal(size=(131, 17)), random.normal(size=(17, 9))
    whole = times(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=1e-12)
    assert np.array_equal(np.concatenate([times(rows[i:i + size], matrix) for i in range(0, 131, size)]), whole)


def test_rows_that_lie_apart_in_memory() -> None:
    rows = np.asfortranarray(np.random.default_rng(0).normal(size=(64, 5)))
    assert np.array_equal(times(rows, np.eye(5)), rows)
