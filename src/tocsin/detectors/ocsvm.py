"""One-class support vector machine, sketched."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.optimize import minimize

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, standardise
from tocsin.memory.product import times

_ROWS = 10_000  # training rows learned from
_SMOOTH = 0.02  # width of the bend of the hinge, as a share of the usual margin
_ROUNDS = 150
_NEAR = 0.25  # reach, as a share of the median distance: the median itself is too wide to see the shape of the region
_LIMIT = 1e50  # squares of cells stay finite


class Ocsvm(Detector):
    """One-class support vector machine: a smooth border around the training rows, with a given share of them outside.

    Rows are described by their likeness to a few landmark rows, and the plane that parts them from nothing with the widest margin is
    found there; the score is how far a row falls short of it. Cost does not grow with the training rows when scoring, and only linearly
    when fitting. Works when the normal rows fill a compact region of any shape. Weak where density differs much within it: take ``lof``
    or ``gaussian_mixture``.

    ``nu``: share of the training rows that may fall outside, in (0, 1]. ``landmarks``: how many; more describe finer shapes.
    ``reach``: the distance at which likeness has halved, in standardised units; None takes a quarter of the
    median distance between landmarks.
    ``seed``: draws the landmarks, and the rows learned from where there are more than 10,000.
    Likeness is 1 / (1 + distance² / reach²): it falls off slowly, so rows far from all others are still told apart.
    Shapes: X (n, d). Raises ConfigError TOC-202 for settings out of range.
    Source: Schölkopf, Platt, Shawe-Taylor, Smola and Williamson, "Estimating the support of a high-dimensional distribution" (2001); sketch
    by landmarks: Williams and Seeger, "Using the Nyström method to speed up kernel machines" (2001).

    >>> from tocsin.core.seed import generator
    >>> model = Ocsvm(landmarks=32).fit(generator(0, "example").normal(size=(300, 2)))
    >>> middle, edge, far = model.anomaly_score([[0.0, 0.0], [3.0, 3.0], [9.0, 9.0]])
    >>> bool(middle < 0 < edge < far)
    True
    """

    tags = Tags(modality="vector", min_rows=2)

    def __init__(self, nu: float = 0.1, landmarks: int = 256, reach: float | None = None, seed: int = 0) -> None:
        self.nu = nu
        self.landmarks = landmarks
        self.reach = reach
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(landmarks=64)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, landmarks=1)
        if not 0 < self.nu <= 1:
            raise ConfigError("TOC-202", "Ocsvm: nu must lie above 0 and up to 1", came=repr(self.nu), todo="use about 0.1")
        if self.reach is not None and not 0 < self.reach < np.inf:
            raise ConfigError("TOC-202", "Ocsvm: reach must be above 0", came=repr(self.reach), todo="give a distance, or None")
        random = generator(self.seed, "ocsvm")
        self.mean_, self.std_ = moments(X)
        if len(X) > _ROWS:
            X = X[np.sort(random.choice(len(X), _ROWS, replace=False))]
        Z = self._centred(X)
        self.landmarks_ = np.unique(Z[random.choice(len(Z), min(self.landmarks, len(Z)), replace=False)], axis=0)  # (m, d)
        self.reach_ = float(self.reach) if self.reach is not None else _NEAR * _usual(_squared(self.landmarks_, self.landmarks_))
        values, vectors = np.linalg.eigh(self._likeness(self.landmarks_))
        kept = values > 1e-6 * values[-1]
        onto = vectors[:, kept] / np.sqrt(values[kept])  # (m, r): likeness @ onto are coordinates whose products are likenesses
        plane, self.edge_ = _plane(self._likeness(Z) @ onto, self.nu)
        self.weights_ = onto @ plane  # (m,)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.concatenate([self.edge_ - times(self._likeness(self._centred(part)), self.weights_[:, None])[:, 0]
                               for part in np.split(X, range(8192, len(X), 8192))])

    def _likeness(self, Z: np.ndarray) -> np.ndarray:
        """(n, m) likeness to each landmark."""
        return np.asarray(1 / (1 + _squared(Z, self.landmarks_) / self.reach_**2))

    def _centred(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.std_).clip(-_LIMIT, _LIMIT)


def _squared(Z: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(n, m) squared distances."""
    made = np.square(Z).sum(axis=1)[:, None] + np.square(landmarks).sum(axis=1) - 2 * times(Z, np.ascontiguousarray(landmarks.T))
    return np.maximum(made, 0.0)


def _usual(squared: np.ndarray) -> float:
    """The median distance between different landmarks, from squared distances (m, m)."""
    apart = squared[np.triu_indices(len(squared), 1)]
    return float(np.sqrt(np.median(apart))) if len(apart) and np.median(apart) > 0 else 1.0


def _plane(rows: np.ndarray, nu: float) -> tuple[np.ndarray, float]:
    """(r,) normal w and edge of the plane that minimises |w|² / 2 − edge + mean(max(0, edge − rows @ w)) / nu over ``rows`` (n, r).

    The hinge is bent over a small width, so that a quasi-Newton method settles; no draw is involved.
    """
    n, r = rows.shape
    begun = rows.mean(axis=0)
    bend = _SMOOTH * max(float(np.median(np.abs(rows @ begun))), 1e-9)

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        plane, edge = at[:r], at[r]
        short = np.clip(edge - rows @ plane, -bend, None)  # (n,) how much is lacking; beyond the bend nothing counts
        bent = short < bend
        value = np.where(bent, np.square(short + bend) / (4 * bend), short).sum() / (nu * n)
        slope = np.where(bent, (short + bend) / (2 * bend), 1.0) / (nu * n)
        gradient = np.append(plane - slope @ rows, slope.sum() - 1)
        return float(plane @ plane / 2 - edge + value), gradient

    start = np.append(begun, np.quantile(rows @ begun, nu))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    return found[:r], float(found[r])
