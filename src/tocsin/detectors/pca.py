"""Principal components."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.memory.product import times

_LEAST = 1e-3  # least variance in any direction, of standardised columns


class Pca(Detector):
    """Principal components: how far a row lies off the main axes of the normal rows, and how far out along them.

    The score is the squared distance off the main axes over the mean variance there, plus that along each main axis over its variance,
    per column: the exponent of probabilistic principal components, about 1 for normal rows. Works when many columns move together by a
    few causes, linearly. Weak when columns are unrelated, or related along curves: take ``gaussian_mixture`` or ``autoencoder``.

    ``variance``: share of the variance that the main axes hold, above 0 and up to 1; ``components``: their number instead, when given.
    ``anomaly_map`` gives each cell's part: the mean of a row's cells is its score (a cell that makes the row likelier has a negative
    part). ``expected`` is the row brought back onto the main axes, in the columns' units.
    Shapes: X (n, d). Raises ConfigError TOC-202 for settings out of range.
    Source: Tipping and Bishop, "Probabilistic principal component analysis" (1999).

    >>> x = np.linspace(-1, 1, 100)
    >>> model = Pca(components=1).fit(np.column_stack([x, 2 * x]))
    >>> on, off = model.anomaly_score([[0.5, 1.0], [0.5, -1.0]])
    >>> bool(on < 1), bool(off > 100)
    (True, True)
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, exportable=True)

    def __init__(self, variance: float = 0.9, components: int | None = None) -> None:
        self.variance = variance
        self.components = components

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, components=1)
        if not 0 < self.variance <= 1:
            raise ConfigError("TOC-202", "Pca: variance must lie above 0 and up to 1", came=repr(self.variance), todo="use about 0.9")
        self.mean_, self.std_ = moments(X)
        Z = standardise(X, self.mean_, self.std_)
        n, d = Z.shape
        if n < d:
            singular, axes = np.linalg.svd(Z, full_matrices=False)[1:]
            variances = np.square(singular) / n
        else:
            values, vectors = np.linalg.eigh(Z.T @ Z / n)
            variances, axes = np.maximum(values[::-1], 0.0), vectors.T[::-1]
        q = self._number(variances)
        self.axes_ = np.ascontiguousarray(axes[:q])  # (q, d)
        self.variances_ = np.maximum(variances[:q], _LEAST)
        self.rest_ = max(float(variances[q:].sum()) / max(d - q, 1), _LEAST)

    def _number(self, variances: np.ndarray) -> int:
        """How many axes are main ones, given all ``variances`` (r,) in descending order."""
        if self.components is not None:
            return min(self.components, len(variances))
        held = np.cumsum(variances)
        return min(len(variances), 1 + int((held < self.variance * held[-1] * (1 - 1e-12)).sum()))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z, along, off = self._split(X)
        squared = (np.square(along) / self.variances_).sum(axis=1) + np.square(off).sum(axis=1) / self.rest_
        scores: np.ndarray = squared / Z.shape[1]
        return scores

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z, along, off = self._split(X)
        made: np.ndarray = Z * (times(along / self.variances_, self.axes_) + off / self.rest_)  # z · (precision z), cell by cell
        return made

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z, _, off = self._split(X)
        with np.errstate(over="ignore"):  # a cell that no float can hold is stopped by the contract (TOC-303)
            made: np.ndarray = self.mean_ + (Z - off) * spread(self.mean_, self.std_)
        return made

    def _split(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Standardised rows (n, d), their places along the main axes (n, q), and what lies off these (n, d)."""
        Z = standardise(X, self.mean_, self.std_)
        along = times(Z, self.axes_.T)
        return Z, along, Z - times(along, self.axes_)
