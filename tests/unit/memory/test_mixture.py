from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tocsin.memory import mixture
from tocsin.memory.mixture import Mixture, grouped, improved, maximised, responsibilities


def _groups(n: int = 600) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(size=(n, 3)) @ random.normal(size=(3, 3)) + shift for shift in ([0.0] * 3, [12.0] * 3)])


def test_density_is_that_of_the_sum_of_normals() -> None:
    X = _groups()
    made = grouped(X, 2, np.random.default_rng(0))
    wanted = sum(np.exp(share) * multivariate_normal(mean, np.linalg.inv(factor @ factor.T)).pdf(X)
                 for share, mean, factor in zip(made.log_shares, made.means, made.factors))
    np.testing.assert_allclose(made.log_density(X), np.log(wanted), rtol=1e-8)
    assert np.exp(made.log_shares).sum() == pytest.approx(1)


def test_two_groups_are_found() -> None:
    X = _groups()
    made = grouped(X, 2, np.random.default_rng(0))
    at = made.means[:, 0].argsort()
    np.testing.assert_allclose(made.means[at], [X[:600].mean(axis=0), X[600:].mean(axis=0)], atol=0.05)
    share, _ = responsibilities(made.joint(X))
    np.testing.assert_allclose(share.sum(axis=1), 1)


def test_rounds_raise_the_likelihood() -> None:
    X = _groups()
    begun = maximised(X, np.eye(3)[np.arange(len(X)) % 3])
    assert improved(X, begun).log_density(X).mean() > begun.log_density(X).mean() + 0.1


def test_repeated_rows_and_empty_components_do_no_harm() -> None:
    X = np.vstack([np.tile([[1.0, 1.0]], (50, 1)), np.random.default_rng(0).normal(size=(50, 2))])
    made = grouped(X, 8, np.random.default_rng(0))
    assert np.isfinite(made.log_density(X)).all() and 1 <= len(made.means) <= 8
    alone = maximised(X, np.column_stack([np.ones(100), np.zeros(100)]))
    assert len(alone.means) == 1


def test_far_rows_stay_ordered_and_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X = _groups()
    made = grouped(X, 2, np.random.default_rng(0))
    density = made.log_density(np.array([[1e3] * 3, [1e50] * 3, [1e100] * 3]))
    assert (np.diff(density) < 0).all() and np.isfinite(density).all()
    whole = made.log_density(X)
    monkeypatch.setattr(mixture, "_CHUNK", 100)
    assert np.array_equal(made.log_density(X), whole)
    assert isinstance(made, Mixture)
