"""Rows to calibrate on and rows to judge by."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.delivery.halves import Halves
from tocsin.pipeline.pipeline import Pipeline

R = np.random.default_rng(0)


@pytest.fixture(scope="module")
def table() -> Pipeline:
    return tocsin.fit(R.normal(size=(200, 3)), detector="gaussian")


@pytest.fixture(scope="module")
def series() -> Pipeline:
    wave = np.sin(np.arange(300) / 3)[:, None] + 0.1 * R.normal(size=(300, 1))
    return Pipeline(tocsin.make("windows", detector="gaussian", window=8)).fit(Dataset.of(wave, kind="series"))


def labelled(n: int, odd: list[int], kind: str = "table", d: int = 3) -> Dataset:
    y = np.zeros(n, dtype=np.int64)
    y[odd] = 1
    return Dataset.of(np.random.default_rng(1).normal(size=(n, d)), kind=kind, y=y)


def test_no_row_does_both_and_no_labelled_row_calibrates(table):
    halves = Halves(table, labelled(200, [3, 77, 150, 199]))
    assert not (halves.calibrating & halves.judging).any()
    assert not (halves.calibrating & (halves.y == 1)).any()
    assert (halves.calibrating | halves.judging).all(), "labelled rows of the first half judge"
    assert 90 <= halves.calibrating.sum() <= 100


def test_a_table_is_halved_at_random_but_always_alike(table):
    one, two = (Halves(table, labelled(200, [])) for _ in range(2))
    assert np.array_equal(one.calibrating, two.calibrating)
    assert 20 < one.calibrating[:100].sum() < 80


def test_a_series_is_halved_in_time_order_segment_by_segment(series):
    data = Dataset.of(np.random.default_rng(1).normal(size=(200, 1)), kind="series", group=np.repeat([0, 1], [120, 80]))
    halves = Halves(series, data)
    assert np.flatnonzero(halves.calibrating).tolist() == [*range(60), *range(120, 160)]
    assert np.flatnonzero(halves.judging).tolist() == [*range(60, 120), *range(160, 200)]


def test_the_halves_of_a_series_do_not_see_each_other(series):
    data = labelled(200, [], "series", 1)
    alone = Halves(series, data).scores(series.detector_.anomaly_score)
    other = np.array(data.X if isinstance(data.X, np.ndarray) else np.asarray(data.X))
    other[100:] += 5
    moved = Halves(series, Dataset.of(other, kind="series")).scores(series.detector_.anomaly_score)
    assert np.array_equal(alone[:100], moved[:100])
    assert not np.array_equal(alone[100:], moved[100:])


def test_calibration_is_learned_from_its_half_alone(table):
    halves = Halves(table, labelled(400, [0, 1, 2]))
    scores = np.arange(400.0)
    made = halves.calibrated(table, scores)
    assert np.array_equal(np.sort(made.calibrator_.scores_), np.sort(scores[halves.calibrating]))
    assert made.facts_["calibration"]["n"] == halves.calibrating.sum()
    assert table.facts_["calibration"]["plan"] != "shrink", "the model given is left as it is"


def test_alarms_are_counted_among_normal_rows_that_judge(table):
    halves = Halves(table, labelled(400, [0, 1, 2]))
    made = halves.calibrated(table, np.zeros(400))
    scores = np.where(halves.y == 1, 1e9, 0.0)
    assert halves.alarms(made, scores) == 0
    assert halves.alarms(made, np.full(400, 1e9)) == 1


def test_auroc_needs_labels_of_both_kinds(table):
    assert Halves(table, Dataset.of(R.normal(size=(200, 3)), kind="table")).auroc(np.arange(200.0)) is None
    halves = Halves(table, labelled(200, [5, 6]))
    assert halves.auroc(halves.y.astype(float)) == 1


def test_too_few_normal_rows_are_an_error(table):
    with pytest.raises(DataError, match="TOC-113"):
        Halves(table, labelled(60, []))
    with pytest.raises(DataError, match="TOC-113"):
        Halves(table, labelled(200, list(range(0, 180))))


def test_no_more_rows_than_the_original_was_calibrated_on_but_500(table):
    assert Halves(table, labelled(4000, [])).calibrating.sum() == 500
