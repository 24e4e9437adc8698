"""The scikit-learn view passes scikit-learn's own checks."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import tocsin
from tocsin.core import catalog
from tocsin.core.errors import ConfigError

FAST = {"autoencoder": {"hidden": 8, "latent": 2, "training": {"epochs": 3}}, "vae": {"training": {"epochs": 3}}, "iforest": {"trees": 10}}
# Of the networks two stand for all: the view is the same, and each of the forty checks would train anew.
# Three checks want alarms among the very rows that were fitted on: to a detector that remembers them they are their own neighbours.
_REMEMBERS = {"neighbour_fusion": {"check_outliers_fit_predict", "check_outliers_train"}}
VECTORS = [name for name in catalog.names() if catalog.card(name).tags.modality == "vector" and not catalog.card(name).tags.supervised
           and (name in FAST or not catalog.card(name).tags.slow_fit)]


@pytest.mark.parametrize("name", VECTORS)
def test_check_estimator_passes(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's checks warn about their own skips
        results = check_estimator(tocsin.as_sklearn(name, **FAST.get(name, {})), on_fail=None)
    failed = [(entry["check_name"], str(entry["exception"])) for entry in results
              if entry["status"] == "failed" and entry["check_name"] not in _REMEMBERS.get(name, ())]
    assert failed == []
    assert sum(entry["status"] == "passed" for entry in results) > 30


def test_signs_turn_and_the_rate_is_the_threshold() -> None:
    X = np.random.default_rng(0).normal(size=(500, 3))
    view = tocsin.as_sklearn("knn", k=3, false_alarm_rate=0.1).fit(X)
    far = np.array([[9.0, 9.0, 9.0]])
    assert view.predict(far).tolist() == [-1] and view.decision_function(far)[0] < 0
    assert view.score_samples(far)[0] < view.score_samples(X).min()
    assert clone(view).params == {"k": 3}


def test_series_and_stray_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="TOC-295"):
        tocsin.as_sklearn("conv").fit(np.zeros((30, 2)))
    with pytest.raises(ConfigError, match="TOC-295"):
        tocsin.as_sklearn("boosting").fit(np.zeros((30, 2)))
    with pytest.raises(ConfigError, match="TOC-204"):
        tocsin.as_sklearn("knn", kk=3)
    with pytest.raises(ConfigError, match="TOC-295"):
        tocsin.as_sklearn(tocsin.make("knn"), k=3)
