"""The null model: columns that know nothing of each other."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.tags import Tags
from tocsin.data.moments import merge, moments, standardise


class Baseline(Detector):
    """The null model: how far each column is from its mean, on average. What every other detector has to beat.

    Columns are taken as independent and normal; the score of a row is the mean of its squared standardised deviations
    (for normal rows about 1). Works when an anomaly is a value out of range. Does not see broken relations between columns, rare values
    between two modes, or, in a series, a wrong order of ordinary values.

    Shapes: X (n, d), or (t, c) of a series, each step judged alone. The score has no unit. ``expected`` is the column's mean; the map holds
    the squared deviation of each cell. ``update`` merges running moments (Chan, Golub and LeVeque 1979): memory is 2 d numbers for ever.
    Raises the errors of the contract page only.

    >>> X = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]])
    >>> Baseline().fit(X).anomaly_score([[1.0, 6.0], [1.0, 9.0]]).round(2).tolist()
    [0.0, 6.75]
    """

    tags = Tags(modality="vector", min_rows=2, online=True, gives_map=True, gives_expected=True, exportable=True)

    def __init__(self) -> None:
        pass

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.count_ = len(X)
        self.mean_, self.std_ = moments(X)

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        self.count_, self.mean_, self.std_ = merge(self.count_, self.mean_, self.std_, len(X), *moments(X))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._map(X, groups).mean(axis=1)
        return scores

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = np.square(standardise(X, self.mean_, self.std_))
        return made

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.mean_, X.shape).copy()
