import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.perturb import KINDS, perturb


def rows(n=200, d=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def by_kind(*args, **given):
    return {one.kind: one for one in perturb(*args, **given)}


def test_originals_come_first_and_every_copy_differs():
    X = rows()
    made = by_kind(X, seed=3)
    assert tuple(made) == KINDS
    for one in made.values():
        assert np.array_equal(one.X[:200], X) and one.y.tolist() == [0] * 200 + [1] * (len(one.X) - 200)
        assert not (one.X[200:][:, None] == X[None]).all(axis=2).any()
        assert len(one.X) > 380


def test_a_seed_makes_the_same_and_another_makes_others():
    first, same, other = (perturb(rows(), seed=seed)[0].X for seed in (1, 1, 2))
    assert np.array_equal(first, same) and not np.array_equal(first[200:], other[200:])


def test_uniform_stays_in_the_stretched_range_and_touches_at_most_half():
    X = rows()
    copy = by_kind(X, kinds=["uniform"])["uniform"].X[200:]
    low, high = X.min(0), X.max(0)
    assert (copy >= low - 0.1 * (high - low)).all() and (copy <= high + 0.1 * (high - low)).all()
    touched = (copy != X).sum(axis=1)
    assert touched.min() >= 1 and touched.max() == 3


def test_swap_takes_one_row_and_shuffle_many():
    X = np.arange(1200.0).reshape(200, 6)  # the row of a value can be read off it
    made = by_kind(X)
    donors = {kind: [len({int(v // 6) for v, own in zip(row, np.floor(row / 6)) if v not in X[i]})
                     for i, row in enumerate(made[kind].X[200:])] for kind in ("swap", "shuffle")}
    assert max(donors["swap"]) == 1 and max(donors["shuffle"]) > 1


def test_jitter_is_in_units_of_the_column():
    X = rows(2000) * [1, 10, 100, 1, 1, 1]
    moved = by_kind(X, kinds=["jitter"])["jitter"].X[2000:] - X
    assert np.allclose(moved.std(0) / X.std(0), 1.5, rtol=0.1)


def test_extrapolation_leads_away_from_a_normal_row():
    X = rows()
    copy = by_kind(X, kinds=["extrapolation"])["extrapolation"].X[200:]
    assert np.linalg.norm(copy, axis=1).mean() > 1.5 * np.linalg.norm(X, axis=1).mean()


def test_levels_of_a_category_stay_whole():
    level = np.random.default_rng(0).integers(3, size=200)
    X = np.column_stack([rows(d=2), np.eye(3)[level], rows(d=1, seed=1) > 0])
    for one in perturb(X, blocks=[0, 1, 2, 2, 2, 3]):
        assert (one.X[:, 2:5].sum(axis=1) == 1).all(), one.kind
        assert np.isin(one.X[:, 5], [0, 1]).all()


def test_kinds_for_amounts_alone_are_left_out_without_any():
    X = np.eye(3)[np.arange(30) % 3]
    assert set(by_kind(X, blocks=[0, 0, 0])) == {"uniform", "shuffle", "swap"}


def test_wrong_calls_are_told():
    with pytest.raises(ConfigError, match="TOC-227"):
        perturb(rows(), kinds=["nope"])
    with pytest.raises(DataError, match="TOC-111"):
        perturb(rows(), rows(d=2))
    for X in (np.ones((5, 2)), rows(1)):
        with pytest.raises(DataError, match="TOC-189"):
            perturb(X)
