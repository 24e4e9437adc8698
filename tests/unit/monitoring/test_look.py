"""Many looks share one promise; what is small is found when looks are taken together; what does not change raises nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from tocsin.core.types import Dataset
from tocsin.monitoring import drift, quality
from tocsin.monitoring.look import examine, pushed, rows_needed
from tocsin.pipeline.pipeline import Pipeline

D = 6


def table(rng: np.random.Generator, n: int) -> Dataset:
    return Dataset.of(rng.normal(size=(n, D)))


def series(rng: np.random.Generator, n: int) -> Dataset:
    noise = rng.normal(size=(n + 500, 2)) * np.sqrt(1 - 0.9**2)
    return Dataset.of(lfilter([1], [1, -0.9], noise, axis=0)[500:], kind="series")


def fresh(model: Pipeline, data: Dataset) -> dict[str, Any]:
    return {"sketch": drift.sketch(data, model.detect(data), model), "quality": quality.measure(data, model)}


def watched(model: Pipeline, make: Any, looks: int, seed: int, shift: float = 0.0) -> list[tuple[int, str, str]]:
    rng, stack, tests, fired = np.random.default_rng(seed), [], 0, []
    for look in range(1, looks + 1):
        data = make(rng, rows_needed(model))
        data.X[:, 0] += shift
        stack, windows = pushed(stack, fresh(model, data))
        fired += [(look, one["what"], one["column"]) for one in examine(windows, model, tests) if one["fired"]]
        tests += len(windows)
    return fired


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return Pipeline("gaussian").fit(table(np.random.default_rng(0), 3_000))


@pytest.fixture(scope="module")
def series_model() -> Pipeline:
    return Pipeline("baseline").fit(series(np.random.default_rng(0), 4_000))


def test_rows_that_never_change_raise_nothing(model: Pipeline) -> None:
    assert watched(model, table, 120, 1) == []


def test_a_series_that_remembers_raises_nothing(series_model: Pipeline) -> None:
    assert watched(series_model, series, 60, 1) == []


def test_a_moved_column_is_found_soon_and_alone(model: Pipeline) -> None:
    fired = watched(model, table, 4, 2, shift=0.8)
    assert {column for _, what, column in fired if what == "input_drift"} == {"x0"} and fired[0][0] <= 2


def test_a_small_move_is_found_when_looks_are_taken_together(model: Pipeline) -> None:
    fired = watched(model, table, 16, 3, shift=0.45)
    assert fired and {column for _, what, column in fired if what == "input_drift"} == {"x0"}


def test_a_series_that_moved_is_found(series_model: Pipeline) -> None:
    assert {column for _, what, column in watched(series_model, series, 12, 3, shift=1.5) if what == "input_drift"} == {"x0"}


def test_looks_are_paired_like_the_digits_of_a_number() -> None:
    stack: list[dict[str, Any]] = []
    sizes = []
    for _ in range(8):
        stack, windows = pushed(stack, {"sketch": {"rows": 10}, "quality": {"rows": 10}})
        sizes.append([(window["looks"], window["sketch"]["rows"], window["quality"]["rows"]) for window in windows])
    assert sizes[0] == [(1, 10, 10)] and sizes[1] == [(1, 10, 10), (2, 20, 20)] and sizes[2] == [(1, 10, 10)]
    assert sizes[7] == [(k, 10 * k, 10 * k) for k in (1, 2, 4, 8)] and [one["looks"] for one in stack] == [8]


def test_memory_ends_somewhere() -> None:
    stack: list[dict[str, Any]] = []
    for _ in range(600):
        stack, windows = pushed(stack, {"sketch": {"rows": 1}, "quality": {}})
        assert windows[-1]["looks"] <= 256 and len(stack) <= 8


def test_a_look_covers_windows_and_a_part_of_the_training(model: Pipeline, series_model: Pipeline) -> None:
    assert rows_needed(model) == 200
    window = series_model.facts_["params"]["window"]
    assert rows_needed(series_model) >= max(200, 4 * window)


def test_each_thing_is_told_once(model: Pipeline) -> None:
    one = fresh(model, table(np.random.default_rng(5), 200))
    windows = [{"looks": looks, **one} for looks in (1, 2)]
    found = examine(windows, model, 0)
    assert len(found) == len({(signal["what"], signal["column"]) for signal in found}) == D + 2
    assert all({"level", "looks", "rows"} <= set(signal["detail"]) for signal in found)
