"""Judging writes down what it found, with reasons, once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import DataError
from tocsin.flows import watch
from tocsin.flows.watch import explained, judge
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        yield opened


def table(n: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"flow": rng.normal(50, 5, n), "state": rng.choice(["run", "idle"], n)})


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(table(500, 0))


def odd(n: int = 30) -> pa.Table:
    made = table(n, 1).to_pydict()
    made["flow"][3] = 500.0
    return pa.table(made)


def test_what_is_judged_is_recorded_explained_and_raised(place: Store, model: Pipeline) -> None:
    judged = judge(place, "pump", 4, model, odd(), source="api")
    assert judged.found.is_anomaly[3] and judged.reasons is not None and 3 in judged.reasons.rows
    one = next(one for one in Journal(place).detections("pump") if one["row"] == 3)
    assert one["batch"] == judged.batch and one["number"] == 4 and one["cells"]["flow"] == 500.0
    assert "`flow` is 500" in one["reason"]["sentence"]
    line = Journal(place).batches("pump")[0]
    assert line["rows"] == 30 and line["seconds"] > 0 and line["quality"]["columns"]["flow"]["outside"] >= 1 and line["trace"] is None
    assert Incidents(place).list()[0]["detail"]["batches"] == [judged.batch]


def test_the_answer_is_that_of_detect(place: Store, model: Pipeline) -> None:
    judged = judge(place, "pump", 1, model, odd(), source="api", explain=False)
    np.testing.assert_array_equal(judged.found.score, model.detect(odd()).score)
    assert judged.reasons is None and Journal(place).detections("pump")[0]["reason"] is None


def test_the_same_batch_again_writes_nothing(place: Store, model: Pipeline) -> None:
    id = uuid.uuid4().hex
    for _ in range(2):
        assert judge(place, "pump", 1, model, odd(), source="api", batch=id).batch == id
    assert len(Journal(place).batches("pump")) == 1 and Incidents(place).list()[0]["count"] == 1


def test_a_trace_is_kept_when_asked(place: Store, model: Pipeline) -> None:
    judge(place, "pump", 1, model, odd(), source="api", keep_trace=True)
    trace = Journal(place).trace("pump")
    assert trace is not None and len(trace["score"]) == 30 and trace["columns"][0]["name"] == "flow"


def test_one_row_and_no_alarm(place: Store, model: Pipeline) -> None:
    judged = judge(place, "pump", 1, model, {"flow": [50.0], "state": ["run"]}, source="api")
    assert not judged.found.is_anomaly.any() and judged.reasons is None and Incidents(place).list() == []


def test_what_cannot_be_judged_is_not_recorded(place: Store, model: Pipeline) -> None:
    with pytest.raises(DataError):
        judge(place, "pump", 1, model, {"flow": [50.0]}, source="api")
    assert Journal(place).batches("pump") == []


def test_reasons_are_bounded(model: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    found = model.detect(pa.table({"flow": np.linspace(100, 900, 40), "state": ["run"] * 40}))
    monkeypatch.setattr(watch, "EXPLAINED", 5)
    assert explained(found).tolist() == [35, 36, 37, 38, 39]
