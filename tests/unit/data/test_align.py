from __future__ import annotations

import numpy as np
import pytest

from tocsin.data.align import WAYS, Move, kinship, move, only


def _rows(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_a_move_is_undone_by_back():
    found = Move(np.array([3.0, 0.0]), np.array([2.0, 1.0]))
    assert found.back(np.array([[5.0, 7.0]])).tolist() == [[1.0, 7.0]]


def test_many_rows_are_standardised_by_themselves():
    found = move(_rows(500, 3, 0), _rows(4_000, 3, 1) * [1, 4, 0.5] + [9, 0, -3])
    assert found.level == pytest.approx([9, 0, -3], abs=0.2)
    assert found.gain == pytest.approx([1, 4, 0.5], rel=0.1)


def test_where_nothing_moved_few_rows_move_less_than_their_own_means():
    source = _rows(500, 30, 0)
    ours, plain = 0.0, 0.0
    for seed in range(1, 9):
        target = _rows(10, 30, seed)
        found = move(source, target)
        ours += np.square(found.level).sum() + np.square(np.log(found.gain)).sum()
        plain += np.square(target.mean(axis=0)).sum() + np.square(np.log(target.std(axis=0, ddof=1))).sum()
    assert ours < 0.35 * plain


def test_one_column_far_away_does_not_vouch_for_the_noise_of_the_others():
    target = _rows(10, 30, 5) + np.r_[50.0, np.zeros(29)]
    found = move(_rows(500, 30, 0), target)
    assert found.level[0] == pytest.approx(target[:, 0].mean(), rel=0.02)
    assert np.abs(found.level[1:]).sum() < 0.6 * np.abs(target[:, 1:].mean(axis=0)).sum()


def test_a_column_that_stands_still_in_few_rows_keeps_its_spread():
    target = _rows(8, 2, 1) * [1, 0] + [0, 5]
    assert move(_rows(300, 2, 0), target).gain[1] == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_way_moves_what_its_name_says(way):
    found = move(_rows(300, 2, 0), _rows(200, 2, 1) * 5 + 9, way)
    assert (np.abs(found.level) > 1).all() == ("level" in way)
    assert (found.gain > 2).all() == ("spread" in way)


def test_only_movable_columns_move():
    found = only(move(_rows(300, 2, 0), _rows(200, 2, 1) * 5 + 9), np.array([True, False]))
    assert found.level[1] == 0 and found.gain[1] == 1 and found.gain[0] > 2


def test_the_same_table_in_another_place_is_kin_and_the_way_is_found():
    source = _rows(600, 3, 0)
    moved = kinship(source, _rows(30, 3, 1) * [3, 0.2, 1] + [10, 0, 0], np.ones(3, dtype=bool))
    assert moved.way == "level and spread" and moved.strange < 0.5
    assert kinship(source, _rows(30, 3, 2), np.ones(3, dtype=bool)).strange < 0.5


def test_rows_that_hang_together_otherwise_are_strange():
    line = _rows(40, 1, 3)
    assert kinship(_rows(600, 3, 0), line * [1, -1, 1] + 0.02 * _rows(40, 3, 4), np.ones(3, dtype=bool)).strange > 0.5


def test_kinship_is_repeatable():
    given = _rows(1_500, 2, 0), _rows(700, 2, 1), np.ones(2, dtype=bool)
    assert kinship(*given, seed=4) == kinship(*given, seed=4)
