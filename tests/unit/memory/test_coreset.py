"""Rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.memory.coreset import coreset, furthest, squared_reach


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


def _plain(rows: np.ndarray, size: int, first: int) -> tuple[list[int], np.ndarray]:
    """The greedy loop, one row at a time, in double precision."""
    chosen, near = [first], np.square(rows - rows[first]).sum(1)
    while len(chosen) < size:
        chosen.append(int(near.argmax()))
        near = np.minimum(near, np.square(rows - rows[chosen[-1]]).sum(1))
    return chosen, near


@pytest.mark.parametrize(("n", "e", "size"), [(3000, 20, 200), (5000, 3, 150), (800, 30, 700)])
def test_the_rows_are_those_of_the_plain_loop_in_its_order(n: int, e: int, size: int) -> None:
    rows = np.random.default_rng(5).normal(size=(n, e)).astype(np.float32)
    near = np.full(n, np.inf, np.float32)
    chosen, wanted = furthest(rows, size, near, first=7), _plain(rows.astype(float), size, 7)
    assert chosen.tolist() == wanted[0]
    np.testing.assert_allclose(near, wanted[1], rtol=1e-4, atol=1e-3)


def test_what_was_kept_before_counts_and_what_is_near_enough_is_left() -> None:
    rows = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    near = squared_reach(rows, np.array([[0.0]], np.float32))
    chosen = furthest(rows, 50, near, least=0.3**2)
    assert chosen[0] == 100 and 0 not in chosen and near.max() <= 0.3**2 + 1e-6
    assert not len(furthest(rows, 50, near, least=0.3**2 + 1e-6))


def test_all_columns_leave_less_uncovered_than_a_projection() -> None:
    random = np.random.default_rng(6)
    E = (random.normal(size=(2000, 12)) @ random.normal(size=(12, 160)) * np.linspace(0.1, 2, 160)).astype(np.float32)
    wide, projected = (squared_reach(E, E[coreset(E, 100, columns=columns)]).max() for columns in (None, 16))
    assert wide < projected


def test_reach_is_the_distance_to_the_nearest() -> None:
    random = np.random.default_rng(8)
    rows, kept = random.normal(size=(5000, 6)).astype(np.float32), random.normal(size=(30, 6)).astype(np.float32)
    wanted = np.square(rows[:, None] - kept).sum(2).min(1)
    np.testing.assert_allclose(squared_reach(rows, kept), wanted, rtol=1e-4, atol=1e-5)
