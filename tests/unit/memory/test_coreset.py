"""Rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.memory.coreset import coreset


def _reach(E: np.ndarray, kept: np.ndarray) -> float:
    return float(np.sqrt(np.square(E[:, None] - E[kept]).sum(2)).min(1).max())


def test_few_rows_are_all_kept() -> None:
    assert coreset(np.zeros((3, 2)), 3).tolist() == coreset(np.zeros((3, 2)), 9).tolist() == [0, 1, 2]


@pytest.mark.parametrize("width", [2, 40])
def test_a_rare_kind_is_kept(width: int) -> None:
    E = np.random.default_rng(0).normal(size=(2000, width))
    E[1234] += 20
    kept = coreset(E, 20)
    assert 1234 in kept and len(kept) == 20 and (np.diff(kept) > 0).all()


def test_no_row_is_left_far_from_a_kept_one() -> None:
    E = np.random.default_rng(1).normal(size=(1500, 3))
    sample = np.random.default_rng(2).choice(1500, 60, replace=False)
    assert _reach(E, coreset(E, 60)) < 0.6 * _reach(E, sample)


def test_copies_are_kept_once() -> None:
    E = np.repeat(np.eye(4), 50, axis=0)
    kept = coreset(E, 100)
    assert sorted(E[kept].argmax(1).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_units_do_not_matter(scale: float) -> None:
    E = np.random.default_rng(3).normal(size=(300, 20))
    assert coreset(E * scale, 12).tolist() == coreset(E, 12).tolist()


def test_the_seed_decides_alone() -> None:
    E = np.random.default_rng(4).normal(size=(400, 5))
    assert coreset(E, 10, seed=7).tolist() == coreset(E, 10, seed=7).tolist()
    assert coreset(E, 10, seed=7).tolist() != coreset(E, 10, seed=8).tolist()
