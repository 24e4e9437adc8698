"""Gaps are filled by the stated rule, and only the gaps."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.flows.univariate.impute import MODES, MOST, fill

VALUES, SLOTS = np.array([1.0, 3.0, 9.0]), np.array([0, 1, 4])


@pytest.mark.parametrize("mode, expected", [("auto", [1, 3, 5, 7, 9]), ("linear", [1, 3, 5, 7, 9]), ("previous", [1, 3, 3, 3, 9]),
                                            ("zero", [1, 3, 0, 0, 9]), ("fixed", [1, 3, -7, -7, 9]), ("notFill", [1, 3, 9])])
def test_each_rule(mode: str, expected: list[float]) -> None:
    found = fill(VALUES, SLOTS, mode, -7.0)
    assert found.y.tolist() == expected
    np.testing.assert_array_equal(found.y[found.at], VALUES)
    assert found.gaps.sum() == len(expected) - 3


def test_a_series_without_gaps_is_left_as_it_is() -> None:
    for mode in MODES:
        assert fill(VALUES, np.arange(3), mode).y is VALUES


def test_a_nearly_empty_clock() -> None:
    far = np.array([0, 1, MOST + 1])
    assert fill(VALUES, far, "auto").y.tolist() == fill(VALUES, far, "notFill").y.tolist() == VALUES.tolist()
    for mode in ("previous", "linear", "zero", "fixed"):
        with pytest.raises(DataError, match="TOC-183"):
            fill(VALUES, far, mode)


def test_lines_between_huge_numbers_of_unlike_sign_stay_finite() -> None:
    assert fill(np.array([1.7e308, -1.7e308]), np.array([0, 2]), "linear").y.tolist() == [1.7e308, 0.0, -1.7e308]
