"""The one border where sign and names turn to scikit-learn's: lower ``score_samples`` = more anomalous, ``predict`` gives +1 and −1."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset
from tocsin.decision.threshold import FalseAlarmRate
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.preparation import standard_steps


def as_sklearn(detector: str | Detector | Pipeline, *, false_alarm_rate: float = 0.05, **params: Any) -> SklearnDetector:
    """A detector by name, an instance, or an unfitted pipeline as a scikit-learn outlier detector.

    Works with ``clone``, ``Pipeline`` and ``GridSearchCV`` (tune ``params``: ``{"params": [{"k": 1}, {"k": 5}]}``) and passes
    ``check_estimator``. ``false_alarm_rate`` is 5 % here, not Tocsin's 1 %: scikit-learn expects that training rows, too, get flagged.
    ``predict`` is for new rows: a detector that remembers its training rows finds little odd in them (``tocsin.detect`` judges a table by
    itself). Only vectors: a series detector's scores depend on row order, which scikit-learn does not allow for, and its outlier detectors
    see no labels (ConfigError TOC-295).

    >>> view = as_sklearn("gaussian").fit(np.random.default_rng(0).normal(size=(200, 2)))
    >>> view.predict([[0.0, 0.0], [9.0, 9.0]]).tolist()
    [1, -1]
    """
    if isinstance(detector, str):
        catalog.make(detector, **params)  # a wrong name or parameter speaks here, not at fit
    elif params:
        raise ConfigError("TOC-295", "parameters belong to a detector named by text", came=", ".join(params),
                          todo="set them on the object that you pass")
    return SklearnDetector(detector, false_alarm_rate=false_alarm_rate, params=params or None)


class SklearnDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """See :func:`as_sklearn`. ``fit`` calibrates on held-out rows, so ``predict`` keeps the promised ``false_alarm_rate`` on new rows."""

    def __init__(self, detector: str | Detector | Pipeline = "knn", *, false_alarm_rate: float = 0.05,
                 params: dict[str, Any] | None = None) -> None:
        self.detector = detector
        self.false_alarm_rate = false_alarm_rate
        self.params = params

    def fit(self, X: Any, y: Any = None) -> SklearnDetector:
        """Learn from rows (n, d) of finite numbers; ``y`` is ignored, as in every scikit-learn outlier detector."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        model = self._pipeline(X)
        if model.detector.tags.modality != "vector" or model.detector.tags.supervised:
            raise ConfigError("TOC-295", "only detectors of vectors that need no labels have a scikit-learn view",
                              came=type(model.detector).__name__, todo="use tocsin.fit and Pipeline.detect")
        self.pipeline_ = model.fit(Dataset.of(X))
        self.offset_ = -float(self.pipeline_.calibrator_.inverse(self.pipeline_.threshold_.value))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """(n,) the opposite of the anomaly score."""
        check_is_fitted(self)
        return -self.pipeline_.anomaly_score(Dataset.of(validate_data(self, X, dtype=np.float64, reset=False)))

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """(n,) +1 for inliers, −1 for outliers."""
        return np.where(self.decision_function(X) <= 0, -1, 1)

    def _pipeline(self, X: np.ndarray) -> Pipeline:
        if isinstance(self.detector, Pipeline):
            return Pipeline(self.detector.detector, self.detector.steps, self.detector.calibrator, self.detector.threshold,
                            seed=self.detector.seed)
        detector = catalog.make(self.detector, **(self.params or {})) if isinstance(self.detector, str) else self.detector
        return Pipeline(detector, standard_steps("table", Dataset.of(X[:1]).schema), threshold=FalseAlarmRate(self.false_alarm_rate))
