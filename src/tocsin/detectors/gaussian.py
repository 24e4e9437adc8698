"""One Gaussian over all columns."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

from tocsin.core.detector import Detector
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise

# Shrinkage never goes below this, so that columns which repeat each other exactly leave a finite precision.
_LEAST = 1e-6
_BLOCK = 64  # rows of one product


class Gaussian(Detector):
    """Mahalanobis distance: one Gaussian over all columns, its covariance shrunk so that few rows suffice.

    The score of a row is its squared Mahalanobis distance divided by the number of columns (for normal rows about 1). Works when
    columns are linearly related and an anomaly breaks the relation. Does not work well when the normal rows form several groups
    or lie on a curve: take ``knn``. Needs one factorisation of the (d, d) covariance, or of the (n, d) rows where these are fewer.

    Columns are standardised; the shrinkage is that of Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices" (2004), 1e-6 at least. ``expected`` is the mean of each column given all other columns of the same row, in the column's unit.
    Shapes: X (n, d). Raises the errors of the contract page only.

    >>> from tocsin.core.seed import generator
    >>> a = generator(0, "example").normal(size=500)
    >>> model = Gaussian().fit(np.column_stack([a, -a + 0.1 * generator(1, "example").normal(size=500)]))
    >>> kept, broken = model.anomaly_score([[1.0, -1.0], [1.0, 1.0]])
    >>> bool(kept < 1), bool(broken > 50)
    (True, True)
    """

    tags = Tags(modality="vector", min_rows=2, gives_expected=True, exportable=True)

    def __init__(self) -> None:
        pass

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.mean_, self.std_ = moments(X)
        Z = standardise(X, self.mean_, self.std_)
        n, d = Z.shape
        variance = float(np.square(Z).mean()) or 1.0  # all columns constant: any scale will do
        shrinkage = max(float(ledoit_wolf_shrinkage(Z, assume_centered=True)), _LEAST) if d > 1 else _LEAST
        _, singular, axes = np.linalg.svd(Z, full_matrices=False) if n < d else _by_covariance(Z)
        self.axes_ = axes  # (r, d), r = min(n, d)
        self.variances_ = (1 - shrinkage) * singular**2 / n + shrinkage * variance  # (r,) along the axes
        # Across the axes, where no training row ever went, only the shrinkage target is left. With r = d there is no such direction.
        self.rest_ = 1 / (shrinkage * variance) if n < d else 0.0

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        along = _times(Z, self.axes_.T)  # (n, r)
        squared: np.ndarray = (along**2 / self.variances_).sum(axis=1)
        if self.rest_:
            squared += self.rest_ * np.square(Z - _times(along, self.axes_)).sum(axis=1)
        scores: np.ndarray = squared / self.width_
        return scores

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        along = Z @ self.axes_.T
        pull = along / self.variances_ @ self.axes_ + self.rest_ * (Z - along @ self.axes_)  # precision · z, (n, d)
        weight = (self.axes_**2 / self.variances_[:, None]).sum(axis=0) + self.rest_ * (1 - (self.axes_**2).sum(axis=0))
        with np.errstate(over="ignore"):  # a cell that no float can hold is stopped by the contract (TOC-303)
            made: np.ndarray = self.mean_ + (Z - pull / weight) * spread(self.mean_, self.std_)
        return made


def _times(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """rows (n, a) @ matrix (a, b), in blocks of one size, the last one filled up: products pick their routine by the number of rows, and
    routines differ in the last bit."""
    n = len(rows)
    filled = np.zeros((-(-n // _BLOCK) * _BLOCK, rows.shape[1]))
    filled[:n] = rows
    made: np.ndarray = (filled.reshape(-1, _BLOCK, rows.shape[1]) @ matrix).reshape(len(filled), -1)[:n]
    return made


def _by_covariance(Z: np.ndarray) -> tuple[None, np.ndarray, np.ndarray]:
    """Singular values and axes of ``Z`` from its (d, d) covariance: cheaper than the rows when there are many."""
    values, vectors = np.linalg.eigh(Z.T @ Z)
    return None, np.sqrt(np.maximum(values, 0.0)), vectors.T
