import json

import numpy as np
import pytest

pytest.importorskip("optuna")

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.flows.tune import _with, tune


def rows(n=150):
    """On a curve: one neighbour sees more than fifty."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)]) + 0.02 * rng.normal(size=(n, 3))


def labelled():
    return Dataset.of(np.vstack([rows(), np.random.default_rng(1).normal(0, 0.2, size=(12, 3))]), y=np.repeat([0, 1], [150, 12]))


def test_without_labels_a_better_setting_is_found_and_fitted_on_all_rows():
    tuned = tune(rows(), "knn", space=["k=1,5,120"], budget=None, trials=3, take="best", threshold="false_alarm_rate=0.05")
    assert tuned.objective == "label-free" and tuned.settings["k"] in (1, 5)
    assert tuned.model.detector_.params()["k"] == tuned.settings["k"] and tuned.model.facts_["n_train"] == 150
    assert tuned.model.threshold.params() == {"rate": 0.05}
    json.dumps(tuned.to_dict(), allow_nan=False)


def test_the_default_is_kept_unless_the_gain_is_more_than_noise():
    kept = tune(rows(), "knn", space=["k=120"], budget=None, trials=2)
    assert kept.found.default.value > kept.found.trials[1].value
    assert kept.settings == {} and not kept.found.preferred and kept.model.detector_.params()["k"] == 5
    moved = tune(rows(), "knn", space=["k=4"], params={"k": 120}, budget=None, trials=2)  # the default here is what params say
    assert moved.found.default.settings == {} and moved.found.preferred and moved.settings == {"k": 4}


def test_labels_choose_between_detectors():
    tuned = tune(labelled(), ["baseline", "knn"], space=["k=1..9"], budget=None, trials=5)
    assert tuned.objective == "average_precision" and tuned.detector == "knn" and tuned.found.preferred
    assert tuned.found.best.value == 1.0 and len(tuned.found.best.folds) == 5
    kept = tune(labelled(), ["knn"], space=["k=120,1"], take="sure", budget=None, trials=3)
    assert kept.settings == {}  # all neighbours but 120 find every anomaly: nothing to gain
    free = tune(labelled(), "knn", objective="label-free", budget=None, trials=1, folds=4)
    assert free.objective == "label-free" and len(free.found.default.folds) == 4


def test_a_series_is_tuned_in_windows():
    wave = np.sin(np.arange(500) / 4) + 0.05 * np.random.default_rng(0).normal(size=500)
    tuned = tune(wave, kind="series", space=["window=8,24"], budget=None, trials=3, take="best")
    assert tuned.detector == "windows" and len(tuned.found.trials) == 3 and tuned.model.kind_ == "series"


def test_a_study_is_of_its_data(tmp_path):
    file = tmp_path / "s.db"
    tune(rows(), "knn", budget=None, trials=1, study=file)
    assert len(tune(rows(), "knn", budget=None, trials=1, study=file).found.trials) == 2
    with pytest.raises(ConfigError, match=r"TOC-232.*about differ"):
        tune(rows() + 1, "knn", budget=None, trials=1, study=file)


def test_candidates_are_judged_on_a_part_of_many_rows():
    tuned = tune(rows(400), "knn", budget=None, trials=1, rows=100)
    assert tuned.model.facts_["n_train"] == 400


def test_settings_of_a_candidate_stand_over_those_of_the_setup():
    assert _with({"params": {"k": 3, "metric": "l1"}, "seed": 1}, {"k": 9}) == {"params": {"k": 9, "metric": "l1"}, "seed": 1}
    both = _with({"training": Training(epochs=3)}, {"hidden": 8, "training": {"lr": 0.1}})
    assert (both["training"].epochs, both["training"].lr, both["params"]) == (3, 0.1, {"hidden": 8})
    inner = _with({"params": {"training": {"epochs": 3}}}, {"training": {"lr": 0.1}})
    assert inner["params"]["training"] == {"epochs": 3, "lr": 0.1}


def test_wrong_calls_are_told():
    for given, code in (({"detector": "auto"}, "TOC-233"), ({"detector": "knn", "space": ["trees=5"]}, "TOC-229"),
                        ({"detector": "nope"}, "TOC-203"), ({"objective": "good"}, "TOC-231"), ({"take": "all"}, "TOC-202"),
                        ({"budget": 0.0}, "TOC-233"),
                        ({"split": "weekly"}, "TOC-226")):
        with pytest.raises(ConfigError, match=code):
            tune(rows(), **given)
    with pytest.raises(DataError, match="TOC-109"):
        tune(rows(), objective="labelled")
