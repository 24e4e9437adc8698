"""Scores of training rows as unseen ones, for any vector detector."""

from __future__ import annotations

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.seed import generator


def crossfit(detector: Detector, X: np.ndarray, seed: int, folds: int = 5) -> np.ndarray:
    """Fit ``detector`` on ``X`` (n, d) and return (n,) scores of these rows, each by one that was not fitted on it.

    A detector that can judge its own rows (``Tags.own_held_out``) does so; of another, copies are fitted without each fold in turn.
    """
    if detector.tags.own_held_out:
        return detector.fit_held_out(X)
    made = np.empty(len(X))
    folds = max(2, min(folds, len(X) // max(2, detector.tags.min_rows)))
    for part in np.array_split(generator(seed, "crossfit").permutation(len(X)), folds):
        made[part] = detector.fresh().fit(np.delete(X, part, axis=0)).anomaly_score(X[part])
    detector.fit(X)
    return made
