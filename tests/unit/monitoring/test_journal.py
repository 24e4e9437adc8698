"""What was judged is written once, found again and labelled; labels outlive what they were about. In both databases."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.core.types import Dataset, Detections, Event, Explanation
from tocsin.monitoring import journal as home
from tocsin.monitoring.journal import Journal
from tocsin.store import moment, tables
from tocsin.store.engine import Store


def judged(n: int = 5, odd: tuple[int, ...] = (1, 3), events: tuple[Event, ...] = ()) -> tuple[Dataset, Detections]:
    data = Dataset.of(np.column_stack([np.arange(n), np.full(n, np.nan)]), names=["flow", "temp"], ids=[f"r{i}" for i in range(n)])
    flags = np.zeros(n, dtype=bool)
    flags[list(odd)] = True
    time = np.datetime64("2026-01-31T10:00:00") + np.arange(n) * np.timedelta64(60, "s")
    return data, Detections(data.ids, np.arange(n) / 10, np.full(n, 0.5), flags, 0.2, time, events)


def record(store: Store, model: str = "pump", **more: Any) -> str:
    data, found = judged(**{key: more.pop(key) for key in ("n", "odd", "events") if key in more})
    return Journal(store).record(model, more.pop("number", 1), data, found, source="api", quality={}, sketch={}, **more)


def counts(store: Store) -> tuple[int, int]:
    with store.read() as base:
        return tuple(base.execute(select(func.count()).select_from(table)).scalar_one() for table in (tables.batch, tables.detection))


def test_flagged_rows_are_kept_with_cells_version_time_and_reason(store: Store) -> None:
    data, found = judged()
    shares, usual = np.array([[1.0, 0.0]]), np.array([1.0, 1.0])
    why = Explanation("residual", np.array([3]), ("flow", "temp"), shares, ((3.0, None),), ((1.0, 2.0),), usual, None, ("`flow` is 3",))
    batch = Journal(store).record("pump", 7, data, found, source="api", quality={"rows": 5}, sketch={}, reasons=why, seconds=0.5)
    newest, older = Journal(store).detections("pump")
    assert (newest["row"], newest["row_id"], newest["number"], newest["batch"]) == (3, "r3", 7, batch)
    assert newest["time"] == "2026-01-31T10:03:00"
    assert newest["cells"] == {"flow": 3.0, "temp": None} and newest["label"] is None and newest["event"] is None
    assert newest["reason"] == {"sentence": "`flow` is 3", "shares": {"flow": 1.0, "temp": 0.0}, "expected": {"flow": 1.0, "temp": 2.0}}
    assert older["reason"] is None and set(newest) == {"id", "batch", "model", "number", "at", "row", "row_id", "time", "score", "p_value",
                                                       "is_anomaly", "event", "cells", "reason", "label"}
    line = Journal(store).batches("pump")[0]
    assert (line["rows"], line["alarms"], line["seconds"], line["quality"], line["number"]) == (5, 2, 0.5, {"rows": 5}, 7)


def test_the_same_batch_twice_is_one_batch(store: Store) -> None:
    id = uuid.uuid4().hex
    assert record(store, batch=id) == record(store, batch=id) == id
    assert counts(store) == (1, 2)
    record(store)
    assert counts(store) == (2, 4)


@pytest.mark.parametrize("id", ["x" * 32, "ab", "../../etc"])
def test_a_batch_id_is_hex(store: Store, id: str) -> None:
    with pytest.raises(ConfigError, match="TOC-285"):
        record(store, batch=id)


def test_rows_of_one_event_share_its_name(store: Store) -> None:
    batch = record(store, n=6, odd=(1, 2, 5), events=(Event(1, 2, 2, 0.2, 0.5), Event(5, 5, 5, 0.5, 0.5)))
    assert [one["event"] for one in Journal(store).detections("pump")] == [f"{batch}:5", f"{batch}:1", f"{batch}:1"]


def test_pages_newest_first_and_models_apart(store: Store) -> None:
    for i in range(3):
        record(store, number=i)
        record(store, model="other")
    journal = Journal(store)
    first = journal.detections("pump", limit=4)
    assert [one["number"] for one in first] == [2, 2, 1, 1]
    assert [one["number"] for one in journal.detections("pump", limit=4, before=first[-1]["id"])] == [0, 0]
    assert journal.detections("pump", batch=first[0]["batch"]) == first[:2]
    assert journal.detection(first[0]["id"]) == first[0]
    with pytest.raises(ServiceError, match="TOC-630"):
        journal.detection(10_000)


def test_the_newest_label_holds(store: Store) -> None:
    record(store)
    journal = Journal(store)
    one, other = (found["id"] for found in journal.detections("pump"))
    journal.label("pump", True, detection=one, by="ann")
    said = journal.label("pump", False, detection=one, by="bob", why="a test run")
    assert said["cells"] == {"flow": 3.0, "temp": None} and said["time"] == "2026-01-31T10:03:00"
    assert [found["label"] for found in journal.detections("pump")] == [False, None]
    assert journal.detection(one)["label"] is False and journal.detection(other)["label"] is None
    told = [(label["is_anomaly"], label["by"], label["holds"]) for label in journal.labels("pump")]
    assert told == [(False, "bob", True), (True, "ann", False)]


def test_a_row_that_was_never_stored_can_be_labelled(store: Store) -> None:
    journal = Journal(store)
    for word in (True, False):
        journal.label("pump", word, cells={"flow": 1.0}, by="ann")
    told = [(label["is_anomaly"], label["detection"], label["holds"]) for label in journal.labels("pump")]
    assert told == [(False, None, True), (True, None, False)]
    with pytest.raises(ConfigError, match="TOC-286"):
        journal.label("pump", True, by="ann")


def test_a_label_is_of_the_models_own_rows(store: Store) -> None:
    record(store, model="other")
    with pytest.raises(ServiceError, match="TOC-630"):
        Journal(store).label("pump", True, detection=Journal(store).detections("other")[0]["id"], by="ann")
    assert Journal(store).labels("pump") == []


def test_purging_forgets_rows_and_keeps_labels_with_theirs(store: Store) -> None:
    record(store)
    record(store)
    journal = Journal(store)
    kept = journal.detections("pump")[0]["id"]
    journal.label("pump", False, detection=kept, by="ann")
    assert journal.purge("2000") == 0
    assert journal.purge(moment.now(ahead=1)) == 3
    assert [one["id"] for one in journal.detections("pump")] == [kept] and len(journal.labels("pump")) == 1
    assert counts(store) == (1, 1)


def test_the_newest_trace_is_found(store: Store) -> None:
    assert Journal(store).trace("pump") is None
    first = record(store, trace={"ids": [1]})
    record(store, trace={"ids": [2]})
    record(store)
    assert Journal(store).trace("pump") == {"ids": [2]} and Journal(store).trace("pump", first) == {"ids": [1]}


def test_of_very_many_flagged_rows_the_worst_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "MOST", 3)
    record(store, n=1_200, odd=tuple(range(1_200)))
    assert [one["row"] for one in Journal(store).detections("pump")] == [1199, 1198, 1197]
    assert Journal(store).batches("pump")[0]["alarms"] == 1_200


def test_many_rows_in_one_batch(store: Store) -> None:
    record(store, n=1_200, odd=tuple(range(1_200)))
    assert counts(store) == (1, 1_200)


def test_a_clock_that_was_set_back_hides_no_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers go on from the newest moment they have seen."""
    first = record(store)
    monkeypatch.setattr(moment, "now", lambda *, ahead=0.0: "2001-01-01T00:00:00.000000Z")
    second = record(store)
    newest, older = Journal(store).batches("pump", limit=2)
    assert (newest["id"], older["id"]) == (second, first) and newest["at"] > older["at"]
