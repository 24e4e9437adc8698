"""The gate: false alarms against the promise, made anomalies against the present model, and what it says of a candidate that fails."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.types import Dataset
from tocsin.flows.gate import FALSE_ALARMS, MEAN, RAISED, Line, _interval, measure, promised, refusals
from tocsin.flows.train import fit
from tocsin.pipeline.pipeline import Pipeline


def wave(t: int, seed: int, level: float = 0.0, noise: float = 0.15) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset.of(level + np.sin(np.arange(t) * 2 * np.pi / 25) + noise * rng.normal(size=t), kind="series")


def held(count: int = 4, level: float = 0.0) -> list[Dataset]:
    return [wave(200, 50 + i, level) for i in range(count)]


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return fit(wave(1_500, 0), "gaussian")


def figure(lines: list[Line], what: str) -> Line:
    return next(line for line in lines if line.what == what)


def test_a_model_is_as_good_as_itself(model: Pipeline) -> None:
    lines = measure(model, model, held(), "old", worse=0.05, seed=0)
    assert [line.what for line in lines] == [FALSE_ALARMS, "spike", "shift", "trend", "shape", "frequency", "flat", "noise", MEAN, RAISED]
    assert all(line.good and line.present == line.candidate and line.low <= line.candidate <= line.high for line in lines)
    assert figure(lines, MEAN).present == pytest.approx(np.mean([line.present for line in lines[1:8]]))
    assert refusals(lines) == []


def test_the_same_seed_measures_the_same(model: Pipeline) -> None:
    assert measure(model, model, held(2), "old", worse=0.05, seed=3) == measure(model, model, held(2), "old", worse=0.05, seed=3)
    assert measure(model, model, held(2), "old", worse=0.05, seed=3) != measure(model, model, held(2), "old", worse=0.05, seed=4)


def test_a_threshold_that_has_moved_out_of_reach_is_found_though_the_ranking_is_the_same(model: Pipeline) -> None:
    deaf = model.with_threshold("false_alarm_rate=0.0000000001")
    lines = measure(model, deaf, held(), "old", worse=0.05, seed=0)
    assert figure(lines, MEAN).good and not figure(lines, RAISED).good
    assert "its threshold has moved" in refusals(lines)[0]


def test_a_model_of_noise_finds_less(model: Pipeline) -> None:
    noise = fit(Dataset.of(np.random.default_rng(0).normal(size=1_500), kind="series"), model.detector_.fresh())
    lines = measure(model, noise, held(), "old", worse=0.05, seed=0)
    assert not all(line.good for line in lines) and figure(lines, RAISED).candidate < figure(lines, RAISED).present


def test_too_many_false_alarms_are_refused_with_the_figures(model: Pipeline) -> None:
    shifted = [wave(200, 60 + i, level=0.5) for i in range(4)]
    line = figure(measure(model, model, shifted, "new", worse=0.05, seed=0), FALSE_ALARMS)
    assert not line.good and line.candidate > 0.5 and line.bound == pytest.approx(0.015) and line.low > line.bound
    assert "new normal rows" in refusals([line])[0] and "1.50%" in refusals([line])[0]


def test_where_the_present_model_is_lost_its_recall_binds_nobody(model: Pipeline) -> None:
    both = fit(Dataset.of(np.r_[wave(1_000, 1).X, wave(1_000, 2, 5).X], kind="series"), "gaussian")
    lines = measure(model, both, held(level=5), "new", worse=0.05, seed=0)
    assert figure(lines, FALSE_ALARMS).present == 1.0
    assert figure(lines, RAISED).bound == 0.0 and figure(lines, "flat").bound == 0.0


def test_rows_that_stand_still_prove_nothing(model: Pipeline) -> None:
    still = [Dataset.of(np.zeros(200), kind="series")]
    lines = [*measure(model, model, held(2), "old", worse=0.05, seed=0), *measure(model, model, still, "new", worse=0.05, seed=0)]
    assert all(line.good for line in lines) and "stand still" in refusals(lines)[0]


def test_a_table_is_measured_in_one_piece() -> None:
    rng = np.random.default_rng(0)
    model = fit(rng.normal(size=(500, 3)), "gaussian")
    lines = measure(model, model, [Dataset.of(rng.normal(size=(200, 3)))], "old", worse=0.05, seed=0)
    assert [line.what for line in lines] == [FALSE_ALARMS, "spike", "shift", "relation", MEAN, RAISED]


def test_the_promise_is_the_cut_or_a_hundredth() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    assert promised(fit(rows, "gaussian", threshold="false_alarm_rate=0.05")) == 0.05
    assert promised(fit(rows, "gaussian", threshold="false_discovery=0.1")) == 0.01


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390), (100, 81.36, 121.63)])
def test_the_interval_of_a_count_is_the_exact_one(count: int, low: float, high: float) -> None:
    assert _interval(count) == pytest.approx((low, high), rel=1e-3)


def test_the_interval_of_a_large_count_is_defined() -> None:
    low, high = _interval(5_000)
    assert 4_855 < low < 4_870 and 5_135 < high < 5_150
