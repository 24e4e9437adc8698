import json

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Detections
from tocsin.data.folds import splits
from tocsin.evaluation.crossval import crossval
from tocsin.pipeline.pipeline import Pipeline


class Distance:
    """Stands for a pipeline: distance to the training mean, cut at its largest training value."""

    seen: list

    def fit(self, data):
        self.seen.append(data)
        self.mean = data.X.mean(0)
        self.cut = np.abs(data.X - self.mean).max()
        return self

    def detect(self, data):
        score = np.abs(data.X - self.mean).max(1)
        return Detections(data.ids, score, np.full(len(score), 0.5), score > self.cut, self.cut)


def data(n=120, kind="table"):
    rng = np.random.default_rng(0)
    y = (np.arange(n) % 12 == 5).astype(int)
    return Dataset.of(rng.normal(size=(n, 2)) + 20 * y[:, None], y, kind=kind)


def folds(n=120, k=4):
    for part in np.array_split(np.arange(n), k):
        yield np.setdiff1d(np.arange(n), part), part


@pytest.fixture
def make():
    Distance.seen = []
    return Distance


def test_every_fold_is_fitted_anew_on_its_training_rows_without_labels(make):
    told = []
    made = crossval(make, data(), folds(), train_on="normal", progress=lambda number, fold: told.append(number))
    assert told == [1, 2, 3, 4] and [len(part) for part in make.seen] == [fold["train"] for fold in made["folds"]]
    assert all(part.y is None for part in make.seen) and all(not np.any(np.isin(part.ids, np.flatnonzero(data().y))) for part in make.seen)
    assert made["mean"]["auroc"] == 1.0 and made["mean"]["recall"] == 1.0 and made["sd"]["auroc"] == 0.0 and made["defined"]["auroc"] == 4
    json.dumps(made, allow_nan=False)


def test_anomalies_stay_among_the_training_rows_unless_told_otherwise(make):
    crossval(make, data(), folds(), show_labels=True)
    assert sum(part.y.sum() for part in make.seen) == 3 * data().y.sum()


def test_a_figure_undefined_on_a_fold_is_left_out_of_the_mean(make):
    splits = [(np.arange(60, 120), np.arange(60)), (np.arange(60, 120), np.array([0, 1, 2]))]
    made = crossval(make, data(), splits)
    assert made["folds"][1]["auroc"] is None and made["defined"]["auroc"] == 1 and made["mean"]["auroc"] is not None
    assert made["sd"]["auroc"] is None


def test_a_series_gets_its_own_figures(make):
    made = crossval(make, data(kind="series"), folds(), train_on="normal")
    assert made["mean"]["vus_pr"] > 0.5 and made["mean"]["event_recall"] == 1.0


def test_without_labels_made_anomalies_are_told_from_held_out_rows():
    rows = np.random.default_rng(1).normal(size=(300, 4))
    made = crossval(lambda: Pipeline("gaussian"), Dataset.of(rows), splits(Dataset.of(rows), "random", 3))
    assert 0.6 < made["mean"]["label_free"] < 1 and made["mean"]["false_alarm_rate"] < 0.05
    assert made["mean"]["label_free"] == pytest.approx((made["mean"]["made_uniform"] + made["mean"]["made_extrapolation"]) / 2)
    wave = Dataset.of(np.sin(np.arange(600) / 4) + 0.05 * np.random.default_rng(0).normal(size=600), kind="series")
    made = crossval(lambda: Pipeline("gaussian"), wave, splits(wave, folds=3, purge=16))
    assert made["mean"]["made_spike"] > 0.9 and made["folds"][1]["train"] == 600 - 200 - 32
    json.dumps(made, allow_nan=False)


def test_splits_are_needed(make):
    with pytest.raises(ConfigError, match="TOC-263"):
        crossval(make, data(), [])
