"""Local outlier factor."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.least import at_least
from tocsin.core.seed import some
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.memory.neighbours import nearest

_LIMIT = 1e9  # cells end here: their squares still fit single precision
_FLOOR = 0.01  # least reach, as a share of the usual one: rows that repeat each other are dense, not infinitely so


class Lof(Detector):
    """Local outlier factor: how much sparser it is around a row than around the rows next to it.

    The score is the row's mean reach to its ``k`` nearest training rows over theirs: about 1 within a group of any density, larger at
    its edge and beyond. Works when normal groups differ in density, where one distance cannot fit all. Does not work well when anomalies
    come in groups of more than ``k``, nor on many columns of noise; where one density fits all, ``knn`` is steadier.

    ``k``: how many neighbours; with fewer training rows, all of them. ``scale``: standardise the columns first (default). Of more than
    ``rows`` training rows a random sample (by ``seed``) is kept, which bounds time and memory. A row is judged by the kept rows alone
    (novelty form). ``fit_score`` leaves each row out of its own neighbours.
    Shapes: X (n, d). Raises ConfigError TOC-202 for k below 1 or rows below 2.
    Source: Breunig, Kriegel, Ng and Sander, "LOF: identifying density-based local outliers" (2000).

    >>> fine, coarse = np.linspace(0, 1, 100), np.linspace(10, 60, 100)
    >>> model = Lof(k=5, scale=False).fit(np.concatenate([fine, coarse])[:, None])
    >>> model.anomaly_score([[0.5], [30.2], [1.6]]).round(0).tolist()  # 0.6 off is far for the fine group alone
    [1.0, 1.0, 18.0]
    """

    tags = Tags(modality="vector", min_rows=2, judges_own=True, own_held_out=True, exportable=True)

    def __init__(self, k: int = 20, scale: bool = True, rows: int = 20_000, seed: int = 0) -> None:
        self.k = k
        self.scale = scale
        self.rows = rows
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, k=1, rows=2)
        self.mean_, std = moments(X)
        self.spread_ = spread(self.mean_, std) if self.scale else np.ones(X.shape[1])
        self.kept_ = some(len(X), self.rows, self.seed, "lof")  # of the training rows, which are remembered
        self.rows_ = self._centred(X[self.kept_])
        places = np.arange(len(self.rows_))
        squared, index = nearest(self.rows_, self.rows_, self._within(), at=places, places=places, zone=1)
        distance = np.sqrt(squared)  # (n, k)
        self.radius_ = distance[:, -1]
        reach = np.maximum(distance, self.radius_[index]).mean(axis=1)
        usual = reach[reach > 0]
        self.least_ = _FLOOR * float(np.median(usual)) if len(usual) else 1.0
        self.density_ = 1 / np.maximum(reach, self.least_)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._factor(*nearest(self._centred(X), self.rows_, self._within()))

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        at = np.arange(len(X))
        return self._factor(*nearest(self._centred(X), self.rows_, self._within(), at=at, places=self.kept_, zone=1))

    def _factor(self, squared: np.ndarray, index: np.ndarray) -> np.ndarray:
        """(q,) local outlier factors of rows with these nearest ones: squared distances and numbers (q, k)."""
        reach = np.maximum(np.sqrt(squared), self.radius_[index]).mean(axis=1)
        made: np.ndarray = np.maximum(reach, self.least_) * self.density_[index].mean(axis=1)
        return made

    def _within(self) -> int:
        return min(self.k, len(self.rows_) - 1)

    def _centred(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.spread_).clip(-_LIMIT, _LIMIT)
