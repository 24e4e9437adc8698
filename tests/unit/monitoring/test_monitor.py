"""From recorded batches to incidents: once for each thing, in time, and not for what is no news."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from tocsin.core.types import Dataset
from tocsin.flows.watch import judge, record
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.journal import Journal
from tocsin.monitoring.monitor import Monitor
from tocsin.monitoring.notify import Courier, set_webhook
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store import tables
from tocsin.store.engine import Store

NAMES = [f"x{j}" for j in range(5)]


def rows(n: int, seed: int, shift: float = 0.0, missing: float = 0.0) -> Dataset:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    X[:, 2] += shift
    X[rng.random(n) < missing, 4] = np.nan
    return Dataset.of(X, names=NAMES)


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return Pipeline("gaussian").fit(rows(2_000, 0))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        yield opened


def keys(store: Store, state: str | None = None) -> dict[str, int]:
    return {one["key"]: one["count"] for one in Incidents(store).list(state) if one["rule"] != "anomaly"}


def feed(store: Store, model: Pipeline, batches: int, seed: int, number: int = 1, n: int = 100, **odd: Any) -> None:
    for i in range(batches):
        judge(store, "pump", number, model, rows(n, seed + i, **odd), source="test", explain=False)


def test_rows_that_never_change_raise_nothing(place: Store, model: Pipeline) -> None:
    feed(place, model, 60, 100)
    assert keys(place) == {}
    assert len(Monitor(place).signals("pump", limit=1_000)) == 30 * 7  # five columns, scores, alarms; a look every 200 rows


def test_a_planted_drift_is_one_incident_that_names_the_column(place: Store, model: Pipeline) -> None:
    feed(place, model, 4, 100)
    feed(place, model, 8, 200, shift=1.0)
    found = Incidents(place).list(model="pump")
    drifts = [one for one in found if one["rule"] == "input_drift"]
    assert [one["key"] for one in drifts] == ["input_drift:x2"]
    assert drifts[0]["title"].startswith("'x2' is not what it was: ") and "higher than in training" in drifts[0]["title"]
    assert drifts[0]["count"] == 4 and drifts[0]["severity"] == "high" and drifts[0]["detail"]["column"] == "x2"
    assert not {one["column"] for one in Monitor(place).signals("pump", fired=True)} & {"x0", "x1", "x3", "x4"}


def test_many_columns_at_once_are_one_incident(place: Store) -> None:
    rng = np.random.default_rng(0)
    wide = Pipeline("gaussian").fit(Dataset.of(rng.normal(size=(1_000, 8))))
    judge(place, "pump", 1, wide, Dataset.of(rng.normal(size=(400, 8)) + 2), source="test", explain=False)
    titles = [one["title"] for one in Incidents(place).list() if one["rule"] == "input_drift"]
    assert len(titles) == 1 and titles[0].startswith("8 columns are not what they were: ")


def test_missing_cells_and_too_many_alarms_are_told(place: Store, model: Pipeline) -> None:
    feed(place, model, 4, 300, missing=0.4)
    assert "quality:x4" in keys(place)
    found = next(one for one in Incidents(place).list() if one["key"] == "quality:x4")
    assert "of 'x4' is missing; in training it was 0.0%" in found["title"] and found["severity"] == "high"
    judge(place, "fan", 1, model, Dataset.of(rows(400, 7).X * 3, names=NAMES), source="test", explain=False)
    assert "alarm_rate" in {one["key"] for one in Incidents(place).list(model="fan")}


def test_a_burst_of_alarms_is_one_incident_a_day(place: Store, model: Pipeline) -> None:
    for i in range(6):
        data = rows(20, 400 + i)
        data.X[0] = 9.0
        judge(place, "pump", 1, model, data, source="api")
    found = Incidents(place).list()
    assert [(one["rule"], one["count"], one["severity"]) for one in found] == [("anomaly", 6, "high")]
    detail = found[0]["detail"]
    assert detail["rows"] == 120 and detail["alarms"] >= 6 and len(detail["batches"]) == 6 and "unusual rows among 120" in found[0]["title"]
    assert {one["batch"] for one in Journal(place).detections("pump")} == set(detail["batches"])


def test_alarms_as_promised_are_no_incident(place: Store, model: Pipeline) -> None:
    feed(place, model, 10, 500, n=100)
    assert sum(batch["alarms"] for batch in Journal(place).batches("pump", limit=10)) > 3
    assert [one for one in Incidents(place).list() if one["rule"] == "anomaly"] == []


def test_one_row_that_is_odd_enough_is_an_incident_among_promised_alarms(place: Store, model: Pipeline) -> None:
    feed(place, model, 10, 500, n=100)
    data = rows(100, 7)
    data.X[3] = 12.0
    judge(place, "pump", 1, model, data, source="api")
    (found,) = [one for one in Incidents(place).list() if one["rule"] == "anomaly"]
    assert found["severity"] == "high" and found["detail"]["rows"] == 1_100 and "would be usual" in found["title"]
    Incidents(place).resolve(found["id"], by="ann")
    feed(place, model, 2, 900, n=100)  # what was dealt with does not raise it again
    assert [one["state"] for one in Incidents(place).list() if one["rule"] == "anomaly"] == ["resolved"]


def test_a_muted_key_stays_silent(place: Store, model: Pipeline) -> None:
    Incidents(place).mute("pump", "input_drift:x2", 1, "ann", "summer")
    feed(place, model, 6, 200, shift=1.0)
    assert "input_drift:x2" not in keys(place)
    assert any(one["column"] == "x2" for one in Monitor(place).signals("pump", fired=True))  # measured all the same


def test_a_resolution_starts_anew(place: Store, model: Pipeline) -> None:
    feed(place, model, 6, 200, shift=1.0)
    for one in Incidents(place).list():
        Incidents(place).resolve(one["id"], by="ann")
    feed(place, model, 1, 250, shift=1.0)  # 100 rows: not yet a look, and the old ones no longer count
    assert keys(place, "open") == {}
    feed(place, model, 6, 300)
    assert keys(place, "open") == {}
    feed(place, model, 8, 260, shift=1.0)
    assert "input_drift:x2" in keys(place, "open")


def test_a_new_version_starts_anew(place: Store, model: Pipeline) -> None:
    feed(place, model, 1, 200, shift=1.0)  # 100 rows of version 1
    moved = Pipeline("gaussian").fit(rows(2_000, 1, shift=1.0))
    feed(place, moved, 20, 300, number=2, shift=1.0)
    assert keys(place) == {} and {one["number"] for one in Monitor(place).signals("pump", limit=1_000)} == {2}
    feed(place, model, 6, 400, number=1, shift=1.0)  # rolled back: to the old one, these rows are a drift
    assert "input_drift:x2" in keys(place)


def test_a_training_files_own_rows_are_not_watched(place: Store, model: Pipeline) -> None:
    data = rows(500, 3, shift=5.0)
    record(place, "pump", 1, model, data, model.detect(data), None, source="file.csv", watched=False)
    assert Monitor(place).look("pump", model, 1) == [] and Incidents(place).list() == []


def test_a_look_twice_counts_once(place: Store, model: Pipeline) -> None:
    feed(place, model, 6, 200, shift=1.0)
    before = [(one["id"], one["count"]) for one in Incidents(place).list()]
    for _ in range(3):
        assert Monitor(place).look("pump", model, 1) == []
    assert [(one["id"], one["count"]) for one in Incidents(place).list()] == before


def test_incident_signal_and_notice_come_together_or_not_at_all(place: Store, model: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    set_webhook(place, "http://127.0.0.1:9/")
    data = rows(400, 8, shift=2.0)
    record(place, "pump", 1, model, data, model.detect(data), None, source="test")
    monkeypatch.setattr("tocsin.monitoring.monitor._keep", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Monitor(place).look("pump", model, 1)
    assert Incidents(place).list() == [] and Monitor(place).signals("pump") == [] and Courier(place).notices() == []
    monkeypatch.undo()
    Monitor(place).look("pump", model, 1)
    assert len(Courier(place).notices()) == len(Incidents(place).list()) > 0


def test_two_processes_watch_one_stream(tmp_path: Path, database: str | None, model: Pipeline) -> None:
    """Two stores, as two processes have them: every row is looked at once, and a drift is one incident."""
    def run(part: int) -> None:
        with Store(tmp_path / "place", database) as own:
            for i in range(8):
                judge(own, "pump", 1, model, rows(50, 1_000 * part + i, shift=1.5), source="test", explain=False)

    with Store(tmp_path / "place", database) as store:
        threads = [threading.Thread(target=run, args=(part,)) for part in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        Monitor(store).look("pump", model, 1)
        found = Incidents(store).list()
        assert sorted(one["key"] for one in found if one["rule"] == "input_drift") == ["input_drift:x2"]
        with store.read() as base:
            rows_there, alarms = base.execute(select(func.sum(tables.batch.c.rows), func.sum(tables.batch.c.alarms))).one()
        assert rows_there == 800 and [one["detail"]["alarms"] for one in found if one["rule"] == "anomaly"] == [alarms] and alarms > 0
