"""Gaussian mixture."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, standardise
from tocsin.memory.mixture import Mixture, grouped, improved, maximised, responsibilities
from tocsin.memory.product import times

_ROWS_EACH = 10  # training rows that a component needs on average
_TRIED = 0.2  # share of the rows on which the number of components is chosen
_FOLDS = 5
_STEPS = 2  # rounds that a fold takes from the whole solution
_LEAST = 1e-3  # least variance across the axes, in standardised units


class GaussianMixture(Detector):
    """Gaussian mixture: how improbable a row is under a few groups, each with its own means, spreads and correlations.

    The score is −log density per column, of standardised columns. Works when the normal rows form a few groups or lie on a bent surface,
    where one Gaussian is too wide; a good companion of ``knn``, because it sees relations between columns. Weak when rows are few for
    their columns, or when most columns have nothing to do with each other. Cost of scoring does not grow with the training rows.

    ``components``: the most groups; 1, 2, 4, … up to it are tried, and the number under which held-out rows are most probable is taken.
    ``width``: the most columns for which full covariances are learned; of wider tables the leading axes are taken, and what lies across
    them counts by its mean variance. ``rows``: at most as many training rows, drawn by ``seed``, are learned from.
    Covariances are shrunk towards what all groups share, so collinear, repeated or constant columns and repeated rows do no harm.
    ``fit_held_out`` judges each fifth of the rows by the mixture without it, two rounds from the whole solution.
    Shapes: X (n, d). Raises ConfigError TOC-202 for a setting below its least.
    Source: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm" (1977); shrinkage as in Fraley and
    Raftery, "Bayesian regularization for normal mixture estimation and model-based clustering" (2007).

    >>> x = np.linspace(-1, 1, 400)
    >>> ring = np.column_stack([np.cos(4 * x), np.sin(4 * x)])
    >>> on, middle = GaussianMixture().fit(ring).anomaly_score([[1.0, 0.0], [0.0, 0.0]])
    >>> bool(middle > on + 1)
    True
    """

    tags = Tags(modality="vector", min_rows=2, judges_own=True, own_held_out=True, exportable=True)

    def __init__(self, components: int = 8, width: int = 100, rows: int = 10_000, seed: int = 0) -> None:
        self.components = components
        self.width = width
        self.rows = rows
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(components=4)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, components=1, width=1, rows=2)
        random = generator(self.seed, "gaussian_mixture")
        self.mean_, self.std_ = moments(X)
        if len(X) > self.rows:
            X = X[np.sort(random.choice(len(X), self.rows, replace=False))]
        Z = standardise(X, self.mean_, self.std_)
        self.axes_, self.rest_ = _leading(Z, min(self.width, max(1, len(Z) - 1)))
        rows = self._along(Z)
        mixture = improved(rows, self._chosen(rows, random))
        self.log_shares_, self.means_, self.factors_ = mixture.log_shares, mixture.means, mixture.factors

    def _chosen(self, rows: np.ndarray, random: np.random.Generator) -> Mixture:
        """The mixture that fits held-out rows best, begun from the others; (n, p) ``rows``."""
        order, held = random.permutation(len(rows)), round(_TRIED * len(rows))
        tried, known = rows[order[:held]], rows[order[held:]]
        best, mixture = -np.inf, None
        for k in _numbers(self.components, len(known)):
            made = grouped(known, k, random)
            fit = float(made.log_density(tried).mean()) if held else 0.0
            if mixture is None or fit > best:
                best, mixture = fit, made
        assert mixture is not None
        return mixture

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judged(self._mixture(), standardise(X, self.mean_, self.std_))

    def _held_out(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z, whole = standardise(X, self.mean_, self.std_), self._mixture()
        rows = self._along(Z)
        share, _ = responsibilities(whole.joint(rows))
        order = generator(self.seed, "gaussian_mixture", "folds").permutation(len(X))
        made = np.empty(len(X))
        for i in range(min(_FOLDS, len(X))):
            held = order[i::_FOLDS]
            known = np.delete(order, np.s_[i::_FOLDS])[:self.rows]
            mixture = improved(rows[known], maximised(rows[known], share[known]), _STEPS)
            made[held] = self._judged(mixture, Z[held])
        return made

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._held_out(X, groups)

    def _judged(self, mixture: Mixture, Z: np.ndarray) -> np.ndarray:
        """(n,) −log density per column of standardised rows (n, d)."""
        along = self._along(Z)
        made = -mixture.log_density(along)
        across = Z.shape[1] - along.shape[1]
        if across:
            missed = np.square(Z - times(along, self.axes_)).sum(axis=1)
            made += (missed / self.rest_ + across * np.log(2 * np.pi * self.rest_)) / 2
        scores: np.ndarray = made / Z.shape[1]
        return scores

    def _along(self, Z: np.ndarray) -> np.ndarray:
        return times(Z, self.axes_.T) if len(self.axes_) < Z.shape[1] else Z

    def _mixture(self) -> Mixture:
        return Mixture(self.log_shares_, self.means_, self.factors_)


def _numbers(most: int, n: int) -> list[int]:
    """Numbers of components to try with ``n`` rows."""
    most = max(1, min(most, n // _ROWS_EACH))
    powers = [2**i for i in range(most.bit_length()) if 2**i < most]
    return [*powers, most]


def _leading(Z: np.ndarray, p: int) -> tuple[np.ndarray, float]:
    """(p, d) the axes along which ``Z`` (n, d) varies most, and the mean variance across them; the columns themselves where p ≥ d."""
    n, d = Z.shape
    if p >= d:
        return np.eye(d), 1.0
    if n < d:
        singular, axes = np.linalg.svd(Z, full_matrices=False)[1:]
        variances = np.zeros(d)
        variances[:len(singular)] = singular**2 / n
    else:
        values, vectors = np.linalg.eigh(Z.T @ Z / n)
        variances, axes = np.maximum(values[::-1], 0.0), vectors.T[::-1]
    return np.ascontiguousarray(axes[:p]), max(float(variances[p:].mean()), _LEAST)
