"""The anomalies that somebody has named: what detectors that learn from labels start from."""

from __future__ import annotations

import numpy as np

from tocsin.core.errors import DataError


def known(y: np.ndarray | None, name: str) -> np.ndarray:
    """(n,) bool: which training rows are known anomalies, for the detector called ``name``.

    Raises DataError TOC-185 when there are no labels or no labelled anomaly, TOC-186 when every row is labelled as one.

    >>> known(np.array([0, 1, 0]), "boosting").tolist()
    [False, True, False]
    """
    if y is None or not (y == 1).any():
        came = "no labels" if y is None else f"{len(y)} labels, all 0"
        raise DataError("TOC-185", f"{name} learns from known anomalies and got none", came=came,
                        todo="pass y with 1 for each known anomaly and 0 elsewhere; without labels use 'auto' or 'knn'")
    if (y == 1).all():
        raise DataError("TOC-186", f"{name} needs rows that are not labelled as anomalies, too", came=f"{len(y)} labels, all 1",
                        todo="pass the other rows as well, with 0: normal, or not known")
    return np.asarray(y == 1)
