"""Alarms against the promise: too many, too few, and what is only luck."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.monitoring import performance
from tocsin.pipeline.pipeline import Pipeline


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return Pipeline("gaussian", threshold="false_alarm_rate=0.02").fit(np.random.default_rng(0).normal(size=(1_000, 2)))


def told(model: Pipeline, rows: int, alarms: int, level: float = 0.001) -> dict:
    return performance.alarm_rate({"rows": rows, "alarms": alarms}, model, level)


def test_the_promise_is_no_news(model: Pipeline) -> None:
    rng = np.random.default_rng(1)
    assert not any(told(model, 400, int(rng.binomial(400, 0.02)), 0.01)["fired"] for _ in range(200))
    assert performance.promised(model) == pytest.approx(0.02, abs=0.002)


def test_too_many_alarms_are_told(model: Pipeline) -> None:
    one = told(model, 400, 40)
    assert one["fired"] and one["value"] == 0.1 and one["detail"]["title"] == "40 of 400 rows were flagged; about 8 were to be expected"


def test_silence_is_told_when_it_has_lasted(model: Pipeline) -> None:
    assert not told(model, 200, 0)["fired"]
    one = told(model, 3_000, 1)
    assert one["fired"] and one["detail"]["title"].startswith("Only 1 of 3,000 rows were flagged; about 60")


def test_a_rise_that_is_sure_and_small_is_none(model: Pipeline) -> None:
    assert not told(model, 1_000_000, 30_000)["fired"]


def test_alarms_of_a_series_come_in_clusters() -> None:
    rng = np.random.default_rng(2)
    values = np.convolve(rng.normal(size=6_000), np.ones(40) / 40, mode="valid")
    model = Pipeline("baseline", threshold="false_alarm_rate=0.02").fit(tocsin.read(
        {"x": values}, kind="series"))
    independent = Pipeline("gaussian", threshold="false_alarm_rate=0.02").fit(rng.normal(size=(1_000, 2)))
    assert performance.chance_of_more(20, 400, model) > 20 * performance.chance_of_more(20, 400, independent)


def test_a_threshold_that_looks_at_whole_batches_promises_no_rate() -> None:
    model = Pipeline("gaussian", threshold="fdr=0.1").fit(np.random.default_rng(0).normal(size=(500, 2)))
    assert not told(model, 400, 400)["fired"] and performance.chance_of_more(400, 400, model) == 1.0


def test_anomalies_among_the_training_rows_belong_to_the_promise() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1_000, 2))
    rows[:100] += 12
    from tocsin.flows.train import compose
    from tocsin.pipeline.intake import as_dataset

    model = compose(as_dataset(rows), "gaussian", clean=False).fit(rows)
    assert performance.promised(model) >= float((np.asarray(model.held_["p"]) <= 0.01).mean())
