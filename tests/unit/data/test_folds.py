import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.data.folds import split_kind, splits, training_part


def table(n=60, **parts):
    return Dataset.of(np.arange(n, dtype=float)[:, None], **parts)


def each_once(made, n):
    return np.array_equal(np.sort(np.concatenate([test for _, test in made])), np.arange(n))


def test_each_row_is_each_once_and_never_learned_then():
    for kind, data in (("random", table()), ("group", table(group=np.repeat(list("abcdef"), 10))),
                       ("blocks", table(kind="series")), ("stratified", table(y=np.arange(60) % 6 == 0))):
        made = splits(data, kind, 4)
        assert len(made) == 4 and each_once(made, 60), kind
        assert all(not np.intersect1d(train, test).size for train, test in made)


def test_labels_are_spread_evenly_where_there_are_any():
    y = np.arange(60) < 8
    for kind in ("random", "stratified"):
        assert [int(y[test].sum()) for _, test in splits(table(y=y), kind, 4)] == [2, 2, 2, 2]


def test_groups_stay_together():
    group = np.repeat(list("abcdef"), 10)
    for train, test in splits(table(group=group), folds=3):
        assert not set(group[train]) & set(group[test])


def test_time_learns_from_the_past_alone_with_a_gap():
    time = np.repeat(np.arange(30), 2)  # two rows of one time stay together
    order = np.random.default_rng(0).permutation(60)
    made = splits(table(time=time[order]), "time", 4, purge=2)
    for train, test in made:
        assert time[order][train].max() + 2 < time[order][test].min()
        assert not set(time[order][train]) & set(time[order][test])
    assert len(np.unique(np.concatenate([test for _, test in made]))) == 48


def test_groups_of_a_series_without_times_run_side_by_side():
    data = table(kind="series", group=np.repeat(["a", "b"], 30))
    train, test = splits(data, "time", 2)[0]
    assert train.tolist() == [*range(10), *range(30, 40)] and test.tolist() == [*range(10, 20), *range(40, 50)]


def test_repeats_draw_anew_and_a_seed_draws_the_same():
    made = splits(table(), "random", 3, repeats=2, seed=1)
    assert len(made) == 6 and each_once(made[:3], 60) and each_once(made[3:], 60)
    assert not np.array_equal(made[0][1], made[3][1])
    again = splits(table(), "random", 3, repeats=2, seed=1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(made, again))


def test_the_kind_follows_the_data():
    assert split_kind(table(group=np.zeros(60))) == "random"
    assert split_kind(table(group=np.arange(60) % 2)) == "group"
    assert split_kind(table(kind="series", group=np.arange(60) % 2)) == "blocks"


def test_a_part_of_a_series_is_cut_where_rows_are_missing():
    data = table(kind="series", group=np.repeat(["a", "b"], 30))
    train, _ = splits(data, "blocks", 3)[1]
    part = training_part(data, train)
    starts = np.flatnonzero(np.r_[True, part.group[1:] != part.group[:-1]])
    assert part.X[starts, 0].tolist() == [0, 40]
    assert training_part(table(), np.array([1, 5])).group is None


@pytest.mark.parametrize(("kind", "data", "code"), [
    ("stratified", table(), "TOC-188"), ("group", table(), "TOC-188"), ("time", table(), "TOC-188"), ("weekly", table(), "TOC-226"),
    ("random", table(kind="series"), "TOC-226")])
def test_a_split_that_the_data_cannot_give(kind, data, code):
    with pytest.raises((DataError, ConfigError), match=code):
        splits(data, kind)


def test_numbers_out_of_range():
    for given in ({"folds": 1}, {"repeats": 0}):
        with pytest.raises(ConfigError, match="TOC-202"):
            splits(table(), "random", **given)
    with pytest.raises(ConfigError, match="TOC-226"):
        splits(table(kind="series"), "blocks", repeats=2)
    for given in ({"folds": 40}, {"folds": 3, "purge": 20}):
        with pytest.raises(DataError, match="TOC-170"):
            splits(table(30, time=np.arange(30)), "time", **given)
