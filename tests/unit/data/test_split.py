"""Which rows to learn from and which to judge."""

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.split import block_folds, group_folds, group_split, random_folds, random_split, time_split


def rows_of(split):
    return np.concatenate([split.train, split.validation, split.test])


@pytest.mark.parametrize("split", [random_split(100), time_split(100), group_split(np.arange(100) // 5)])
def test_parts_are_sorted_disjoint_and_whole(split):
    assert np.array_equal(np.sort(rows_of(split)), np.arange(100))
    assert all((np.diff(part) > 0).all() for part in (split.train, split.validation, split.test))
    assert (len(split.train), len(split.validation), len(split.test)) == (70, 10, 20)


def test_the_same_seed_gives_the_same_split_and_the_global_state_is_untouched():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert np.array_equal(random_split(50, seed=1).test, random_split(50, seed=1).test)
    assert not np.array_equal(random_split(50, seed=1).test, random_split(50, seed=2).test)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_labels_are_shared_out_in_proportion():
    y = np.r_[np.zeros(90), np.ones(10)]
    split = random_split(100, y=y, validation=0.2, test=0.2)
    assert [int(y[part].sum()) for part in (split.train, split.validation, split.test)] == [6, 2, 2]
    assert [int(y[test].sum()) for _, test in random_folds(100, 5, y=y)] == [2] * 5


def test_time_cuts_leave_the_future_out():
    time = np.random.default_rng(0).permutation(100)
    split = time_split(time, validation=0.1, test=0.2, purge=3)
    assert time[split.train].max() == 66 and time[split.validation].min() == 70
    assert time[split.validation].max() == 76 and time[split.test].min() == 80


def test_rows_of_one_stamp_stay_together():
    time = np.repeat(np.arange(10), 7)
    split = time_split(time, validation=0.0, test=0.25)
    assert not set(time[split.train]) & set(time[split.test])
    assert len(split.test) % 7 == 0 and len(split.validation) == 0
    dates = np.datetime64("2024-01-01") + time
    assert np.array_equal(time_split(dates, validation=0.0, test=0.25).test, split.test)


def test_groups_are_never_divided():
    group = np.random.default_rng(0).integers(0, 12, 300)
    split = group_split(group, validation=0.2, test=0.2)
    parts = [set(group[part]) for part in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert all(len(part) > 20 for part in (split.validation, split.test))
    assert len(group_split(group, validation=0.2, test=0.0).test) == 0


@pytest.mark.parametrize("folds", [lambda: random_folds(23, 4), lambda: block_folds(23, 4), lambda: group_folds(np.arange(23) % 6, 4),
                                   lambda: random_folds(23, 4, y=np.arange(23) % 2)])
def test_each_row_is_tested_once_and_never_learned_from_then(folds):
    made = list(folds())
    assert len(made) == 4
    assert np.array_equal(np.sort(np.concatenate([test for _, test in made])), np.arange(23))
    for train, test in made:
        assert np.array_equal(np.sort(np.r_[train, test]), np.arange(23))


def test_blocks_are_contiguous_and_purged_on_both_sides():
    for train, test in block_folds(100, 5, purge=4):
        assert np.array_equal(test, np.arange(test[0], test[-1] + 1))
        assert np.abs(train[:, None] - test[None, :]).min() == 5


def test_a_purge_stays_in_its_segment():
    groups = np.repeat([0, 1], [50, 50])
    (train, test), _ = block_folds(100, 2, purge=10, groups=groups)
    assert test.tolist() == list(range(50)) and train.tolist() == list(range(50, 100))
    (train, _), _ = block_folds(100, 2, purge=10, groups=np.repeat([0, 1], [55, 45]))
    assert train.tolist() == list(range(55, 100))


def test_group_folds_are_even():
    sizes = [len(test) for _, test in group_folds(np.repeat(np.arange(20), np.arange(1, 21)), 4)]
    assert max(sizes) - min(sizes) <= 5


@pytest.mark.parametrize("impossible", [
    lambda: random_split(2), lambda: random_split(0), lambda: time_split(3, purge=2), lambda: time_split(np.zeros(50)),
    lambda: group_split(["a"] * 9), lambda: random_folds(3, 4), lambda: block_folds(3, 4), lambda: block_folds(10, 2, purge=9),
    lambda: group_folds(["a", "a", "b"], 3),
])
def test_an_impossible_split_is_refused(impossible):
    with pytest.raises(DataError, match="TOC-170"):
        impossible()


@pytest.mark.parametrize("wrong", [
    lambda: random_split(9, test=1.0), lambda: random_split(9, validation=0.0, test=0.0), lambda: random_split(9, validation=0.5, test=0.5),
    lambda: time_split(9, purge=-1), lambda: random_folds(9, 1), lambda: block_folds(9, 3, purge=-1),
])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match="TOC-202"):
        wrong()


def test_parts_of_other_lengths_are_refused():
    for wrong in (lambda: random_split(9, y=[1]), lambda: block_folds(9, 3, groups=[1]), lambda: random_folds(9, 3, y=[1])):
        with pytest.raises(DataError, match="TOC-101"):
            wrong()
    with pytest.raises(DataError, match="TOC-160"):
        time_split([0.0, np.nan, 1.0])
