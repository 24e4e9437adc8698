"""Logistic regression with a ridge, both classes counting alike: log-odds that are linear in the columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

_STEPS = 200


@dataclass(frozen=True)
class Logistic:
    """``weights`` (f,) on columns centred at ``mean`` and divided by ``spread`` (f,), and the log-odds ``base`` at the centre."""

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    base: float

    def log_odds(self, A: np.ndarray) -> np.ndarray:
        """(n,) of rows ``A`` (n, f)."""
        made: np.ndarray = ((A - self.mean) / self.spread * self.weights).sum(axis=1) + self.base
        return made


def logistic(A: np.ndarray, odd: np.ndarray, strength: float) -> Logistic:
    """Fit to rows ``A`` (n, f) and ``odd`` (n,) bool, of which both kinds occur. A large ``strength`` trusts the rows, a small one the
    ridge.

    Makes |weights|² / 2 + strength × Σ (weight × log-loss) small; the rows of each class weigh n / 2 together.

    >>> A = np.linspace(-1, 1, 50)[:, None]
    >>> logistic(A, A[:, 0] > 0.5, 1.0).log_odds(np.array([[0.9], [-0.9]])).round().tolist()
    [3.0, -6.0]
    """
    mean, spread = A.mean(axis=0), A.std(axis=0)
    spread[spread < 1e-9] = 1.0
    Z = (A - mean) / spread
    side = np.where(odd, 1.0, -1.0)
    weight = strength * len(odd) / 2 / np.where(odd, odd.sum(), (~odd).sum())

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        margin = side * (Z @ v[:-1] + v[-1])
        pull = -side * weight * np.exp(-np.logaddexp(0.0, margin))
        value = v[:-1] @ v[:-1] / 2 + weight @ np.logaddexp(0.0, -margin)
        return float(value), np.append(Z.T @ pull + v[:-1], pull.sum())

    found = minimize(loss, np.zeros(A.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return Logistic(mean, spread, found[:-1], float(found[-1]))
