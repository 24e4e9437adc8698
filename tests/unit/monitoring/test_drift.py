"""Sketches of batches add up, and a column that moved is named, alone, in words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.types import Dataset
from tocsin.monitoring import drift
from tocsin.pipeline.pipeline import Pipeline

STATES = np.array(["idle", "run", "stop"])


def rows(n: int, seed: int, *, temp: float = 0.0, p: tuple[float, ...] = (0.5, 0.3, 0.2), missing: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    flow = rng.normal(50, 5, size=n)
    return pa.table({"flow (l/s)": pa.array(flow, mask=rng.random(n) < missing), "temperature": rng.normal(20 + temp, 2, size=n),
                     "state": STATES[rng.choice(3, n, p=p)], "on": rng.random(n) < 0.4, "count": rng.poisson(3, n)})


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(rows(2_000, 0, missing=0.1), detector="gaussian")


def sketch(model: Pipeline, table: pa.Table) -> dict[str, Any]:
    data = model.as_dataset(table)
    return drift.sketch(data, model.detect(data), model)


def test_a_sketch_is_plain_and_parts_add_up_to_the_whole(model: Pipeline) -> None:
    table = rows(300, 1, missing=0.1)
    whole, parts = sketch(model, table), drift.together([sketch(model, table.slice(0, 1)), sketch(model, table.slice(1))])
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole and set(whole["columns"]) == set(table.column_names)
    assert parts["rows"] == 300 and parts["p"] == whole["p"] and parts["alarms"] == whole["alarms"]
    for name, line in whole["columns"].items():
        assert parts["columns"][name]["bins"] == line["bins"] and sum(line["bins"].values()) == line["n"]
    assert whole["columns"]["flow (l/s)"]["n"] == 300 - table.column("flow (l/s)").null_count


def test_nothing_fires_on_rows_like_those_of_training(model: Pipeline) -> None:
    seen = sketch(model, rows(1_000, 2, missing=0.1))
    assert not any(one["fired"] for one in [*drift.inputs(seen, model, 0.05), drift.scores(seen, model, 0.05)])


def test_a_moved_number_is_named_alone_and_in_its_unit(model: Pipeline) -> None:
    fired = [one for one in drift.inputs(sketch(model, rows(400, 3, temp=3.1)), model, 0.01) if one["fired"]]
    assert [one["column"] for one in fired] == ["temperature"]
    title = fired[0]["detail"]["title"]
    assert title.startswith("'temperature' is not what it was: ") and title.endswith(" higher than in training")
    assert abs(float(title.split()[6]) - 3.1) < 0.3 and abs(fired[0]["detail"]["in_spreads"] - 1.55) < 0.2


def test_a_moved_category_is_told_by_its_level(model: Pipeline) -> None:
    fired = [one for one in drift.inputs(sketch(model, rows(400, 4, p=(0.2, 0.6, 0.2))), model, 0.01) if one["fired"]]
    assert [one["column"] for one in fired] == ["state"]
    assert "in training" in fired[0]["detail"]["title"] and fired[0]["detail"]["level"] in ("idle", "run")


def test_a_level_that_was_never_there_is_told(model: Pipeline) -> None:
    table = rows(400, 5)
    state = np.array(table.column("state").to_pylist())
    state[:200] = "broken"
    seen = sketch(model, table.set_column(2, "state", pa.array(state)))
    one = next(one for one in drift.inputs(seen, model, 0.01) if one["column"] == "state")
    assert one["fired"] and one["detail"]["level"] == "other" and "something else in 50%" in one["detail"]["title"]


def test_a_small_change_is_no_drift_however_sure(model: Pipeline) -> None:
    one = next(one for one in drift.inputs(sketch(model, rows(30_000, 6, temp=0.4)), model, 0.05) if one["column"] == "temperature")
    assert one["p_value"] < 1e-3 and not one["fired"]


def test_a_wild_value_does_not_move_the_mean(model: Pipeline) -> None:
    table = rows(400, 7)
    wild = np.array(table.column("temperature").to_pylist())
    wild[0] = 1e12
    one = next(one for one in drift.inputs(sketch(model, table.set_column(1, "temperature", pa.array(wild))), model, 0.01)
               if one["column"] == "temperature")
    assert abs(one["detail"]["mean"] - 20) < 1 and not one["fired"]


def test_scores_that_rise_are_told(model: Pipeline) -> None:
    one = drift.scores(sketch(model, rows(400, 8, temp=4)), model, 0.01)
    assert one["fired"] and one["what"] == "score_drift" and "more unusual than in training" in one["detail"]["title"]


def test_a_model_from_a_file_knows_the_same(model: Pipeline, tmp_path: Any) -> None:
    tocsin.save(model, tmp_path / "m.tocsin")
    again = tocsin.load(tmp_path / "m.tocsin")
    table = rows(200, 9)
    assert sketch(again, table) == sketch(model, table)


def test_ids_dates_and_constants_are_left_to_quality() -> None:
    n = 300
    table = pa.table({"order_id": [f"o{i}" for i in range(n)], "plant": ["a"] * n, "x": np.random.default_rng(0).normal(size=n)})
    assert list(drift.histograms(tocsin.fit(table, detector="gaussian"))) == ["x"]


def test_missing_cells_are_not_in_the_bins() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    X[rng.random(500) < 0.3, 0] = np.nan
    known = drift.histograms(Pipeline("gaussian").fit(Dataset.of(X)))["x0"]
    assert 300 < len(known.codes) < 400
