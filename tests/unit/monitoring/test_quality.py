"""Faulty cells are counted and compared with training's own rates."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.types import Dataset
from tocsin.monitoring import drift, quality
from tocsin.pipeline.pipeline import Pipeline


def rows(n: int, seed: int, missing: float = 0.1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    flow = [None if rng.random() < missing else float(value) for value in rng.normal(50, 5, size=n)]
    return {"flow": flow, "temp": rng.normal(20, 2, size=n).tolist(), "state": rng.choice(["idle", "run"], n).tolist()}


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(pa.table(rows(1_000, 0)), detector="gaussian")


def measured(model: Pipeline, cells: dict[str, Any]) -> dict[str, Any]:
    return quality.measure(model.as_dataset(pa.table(cells)), model)


def fired(model: Pipeline, cells: dict[str, Any], level: float = 0.01) -> list[tuple[str, str]]:
    data = model.as_dataset(pa.table(cells))
    found = quality.worsened(quality.measure(data, model), drift.sketch(data, model.detect(data), model), model, level)
    return [(one["column"], one["detail"]["fault"]) for one in found if one["fired"]]


def test_faults_are_counted_apart(model: Pipeline) -> None:
    cells = rows(20, 1, missing=0.0)
    cells["flow"][:3] = [None, None, 1e6]
    cells["temp"] = ["warm", "20.5", "-400", *map(str, cells["temp"][3:])]
    cells["state"][:2] = ["broken", "broken"]
    found = measured(model, cells)
    assert found["rows"] == 20 and json.loads(json.dumps(found)) == found
    assert found["columns"]["flow"] == {"missing": 2, "unread": 0, "unseen": 0, "outside": 1}
    assert found["columns"]["temp"] == {"missing": 0, "unread": 1, "unseen": 0, "outside": 1}
    assert found["columns"]["state"] == {"missing": 0, "unread": 0, "unseen": 2, "outside": 0}


def test_nan_is_missing_and_infinity_unread() -> None:
    model = Pipeline("gaussian").fit(np.random.default_rng(0).normal(size=(200, 2)))
    found = quality.measure(Dataset.of([[np.nan, 0.0], [np.inf, 0.0], [0.1, 0.0]]), model)
    assert found["columns"] == {"x0": {"missing": 1, "unread": 1, "unseen": 0, "outside": 0}}


def test_training_rows_have_nothing_outside(model: Pipeline) -> None:
    assert all(line["outside"] == line["unseen"] == 0 for line in measured(model, rows(1_000, 0))["columns"].values())


def test_the_usual_share_of_missing_cells_is_no_news(model: Pipeline) -> None:
    for seed in range(20):
        assert fired(model, rows(200, 100 + seed), level=0.001) == []


@pytest.mark.parametrize("column, fault", [("flow", "missing"), ("temp", "unread"), ("temp", "outside"), ("state", "unseen"),
                                           ("temp", "stuck")])
def test_each_fault_is_found_where_it_is(model: Pipeline, column: str, fault: str) -> None:
    cells = rows(300, 2)
    if fault == "stuck":
        cells[column] = [20.0] * 300
    else:
        bad = {"missing": None, "unread": "?!", "outside": 99.0, "unseen": "broken"}[fault]
        cells[column] = [bad if i % 3 == 0 else value for i, value in enumerate(cells[column])]
        cells[column] = cells[column] if fault != "unread" else list(map(str, cells[column]))
    assert fired(model, cells) == [(column, fault)]


def test_words_and_gravity(model: Pipeline) -> None:
    cells = rows(300, 3, missing=0.6)
    data = model.as_dataset(pa.table(cells))
    one = next(one for one in quality.worsened(quality.measure(data, model), {}, model, 0.01) if one["fired"])
    assert "of 'flow' is missing; in training it was" in one["detail"]["title"] and quality.grave(one)


def test_a_few_cells_more_are_no_incident(model: Pipeline) -> None:
    assert fired(model, rows(20_000, 4, missing=0.13)) == []


def test_a_series_that_stands_still_by_habit_is_not_stuck() -> None:
    rng = np.random.default_rng(5)
    steps = np.repeat(rng.integers(0, 6, size=60), 100).astype(float)  # set points, held for a hundred steps each
    model = tocsin.fit(np.column_stack([steps, rng.normal(size=6_000)]), detector="baseline", kind="series")
    now = Dataset.of(np.column_stack([np.full(100, 3.0), rng.normal(size=100)]), kind="series", names=["x0", "x1"])
    seen = drift.sketch(now, model.detect(now), model)
    assert not any(one["fired"] for one in quality.worsened(quality.measure(now, model), seen, model, 0.01))
