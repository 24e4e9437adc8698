"""The desk without HTTP: views, the models at hand, and what becomes of trouble inside."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ServiceError
from tocsin.flows.train import fit
from tocsin.interfaces.server.batching import Request
from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.desk.shelf import Shelf
from tocsin.interfaces.server.log import make
from tocsin.interfaces.server.place import Place
from tocsin.pipeline.pipeline import Pipeline

ROW = {"a": 0.1, "b": 0.2}


@pytest.fixture(scope="module")
def model() -> Pipeline:
    rows = np.random.default_rng(0).normal(size=(120, 2))
    return fit({"a": rows[:, 0], "b": rows[:, 1]}, detector="gaussian")


@pytest.fixture
def place(tmp_path: Path, model: Pipeline) -> Iterator[Place]:
    with Place.open(tmp_path / "data") as place:
        for name in ("one", "two", "three"):
            place.registry.create(name, "table", {}, by="ada")
            place.registry.add(name, model, by="ada")
            place.registry.promote(name, 1, by="ada")
        yield place


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.close()


def test_every_view_is_plain_json(desk: Desk) -> None:
    desk.score("one", [ROW, {"a": 90.0, "b": None}], explain=True)
    desk.scribe.flush()
    raised = desk.place.incidents.raise_("one", "anomaly", "k", "t", "low", {})
    assert raised is not None
    views = [
        desk.home(),
        desk.model("one"),
        desk.model("two"),
        desk.versions("one"),
        desk.compare("one", 1, 1),
        desk.incident(raised["id"]),
        desk.explain("one", [ROW]),
        desk.score("one", {"a": [1.0], "b": [2]}),
    ]
    for view in views:
        json.dumps(view, allow_nan=False)


def test_home_puts_trouble_first_and_counts_the_last_day(desk: Desk) -> None:
    desk.score("two", [ROW, {"a": 90.0, "b": 0.0}])
    desk.scribe.flush()
    for incident in desk.place.incidents.list(state="unresolved"):
        desk.resolve(incident["id"], by="ada")
    desk.place.incidents.raise_("three", "quality", "q", "t", "high", {})
    briefs = desk.home()["models"]
    assert [(one["name"], one["state"]) for one in briefs] == [("three", "trouble"), ("one", "fine"), ("two", "fine")]
    assert [(one["rows_24h"], one["alarms_24h"]) for one in briefs if one["name"] == "two"] == [(2, 1)]


def test_an_incident_shows_its_rows(desk: Desk) -> None:
    desk.score("one", [ROW, {"a": 90.0, "b": 0.0}])
    desk.scribe.flush()
    raised = desk.place.incidents.raise_("one", "anomaly", "key", "t", "low", {})
    assert raised is not None
    assert [row["cells"]["a"] for row in desk.incident(raised["id"])["detections"]] == [90.0]


def test_the_models_at_hand_are_few_and_still_answer(desk: Desk) -> None:
    desk.shelf.most = 2
    for name in ("one", "two", "three", "one"):
        assert desk.score(name, [ROW])["model"] == name
    assert len(desk.shelf._held) == 2
    gone = desk.held("two")
    desk.held("one"), desk.held("three")
    assert len(gone.lane.submit(Request([ROW])).result(20).found) == 1


def test_a_model_is_loaded_once_and_looked_up_again_after_a_move(desk: Desk, model: Pipeline, monkeypatch: Any) -> None:
    loads: list[int] = []
    load = desk.place.registry.load
    monkeypatch.setattr(type(desk.place.registry), "load", lambda self, name, which=None: (loads.append(which), load(name, which))[1])
    desk.place.registry.add("one", model.with_threshold("false_alarm_rate=0.3"), by="ada")
    assert [desk.score("one", [ROW])["version"] for _ in range(3)] == [1, 1, 1]
    desk.promote("one", 2, by="ada")
    assert desk.score("one", [ROW])["version"] == 2
    desk.rollback("one", by="ada")
    assert desk.score("one", [ROW])["version"] == 1 and loads == [1, 2]


def test_a_move_by_another_process_is_seen_within_a_second(place: Place, model: Pipeline, monkeypatch: Any) -> None:
    from tocsin.interfaces.server.desk import shelf as module

    clock = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    shelf = Shelf(place.registry)
    assert shelf.get("one").number == 1 and shelf.at_hand("one") is not None
    place.registry.add("one", model, by="ada")
    place.registry.promote("one", 2, by="ada")
    clock[0] += 1.1
    assert shelf.at_hand("one") is None and shelf.get("one").number == 2
    shelf.stop()


def test_a_damaged_model_file_is_refused(desk: Desk) -> None:
    digest = desk.place.registry.version("one").digest
    path = desk.place.store.files.path(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises((ServiceError, ArtifactError)):
        desk.score("one", [ROW])


def test_trouble_with_the_journal_is_told_and_mends_itself(desk: Desk, monkeypatch: Any) -> None:
    from tocsin.flows import watch

    def away(*_: Any, **__: Any) -> None:
        raise ServiceError("TOC-611", "the database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(watch, "record", away)
        assert desk.score("one", [ROW])["rows"]
        desk.scribe.flush()
        assert "1 judged rows wait" in desk.trouble() and "TOC-611" in desk.trouble()
    desk.scribe.flush()
    assert desk.trouble() == "" and desk.place.journal.batches("one")[0]["rows"] == 1


def test_a_tick_looks_after_the_models_in_use(desk: Desk, monkeypatch: Any) -> None:
    from tocsin.interfaces.server.desk import desk as module

    looked: list[tuple[str, int]] = []

    class Look:
        def __init__(self, store: Any) -> None: ...

        def look(self, name: str, model: Any, number: int) -> list[Any]:
            looked.append((name, number))
            return []

    monkeypatch.setattr(module, "Monitor", Look)
    desk.tick()
    desk.held("two")
    desk.tick()
    assert looked == [("two", 1)]


def test_rows_without_a_live_version_are_refused(desk: Desk) -> None:
    desk.place.registry.create("unborn", "table", {}, by="ada")
    for name, code in (("unborn", "TOC-623"), ("nosuch", "TOC-621")):
        with pytest.raises(ServiceError, match=code):
            desk.score(name, [ROW])
    assert desk.brief("unborn")["state"] == "empty"


def test_live_models_are_loaded_ahead_and_a_failure_is_logged(desk: Desk) -> None:
    held = desk.place.registry.version("two", 1)
    desk.place.registry.create("later", "table", {}, by="ada")  # nothing live: nothing to load, and no detector to list
    desk.place.store.files.path(held.digest)
    load, log = desk.place.registry.load, io.StringIO()

    def broken(name: str, which: Any = None) -> Pipeline:
        if name == "two":
            raise ArtifactError("TOC-405", "the saved model is damaged")
        return load(name, which)

    desk.place.registry.load = broken  # type: ignore[method-assign]
    desk.preload(make("json", log))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["event"], line["model"]) for line in lines] == [("model not loaded ahead", "two")]
    assert desk.shelf.at_hand("one") is not None and desk.shelf.at_hand("two") is None
    assert "later" not in [brief["name"] for brief in desk.briefs()]


def test_ids_that_no_detector_sees_may_be_left_out(desk: Desk) -> None:
    rows = [{"order_id": f"A-{i}", "a": i % 7 / 3, "b": i % 5 / 2} for i in range(60)]
    desk.place.registry.create("orders", "table", {}, by="ada")
    desk.place.registry.add("orders", fit(rows, detector="gaussian"), by="ada")
    desk.place.registry.promote("orders", 1, by="ada")
    whole = desk.score("orders", rows[:2])["rows"]
    bare = [{"a": row["a"], "b": row["b"]} for row in rows[:2]]
    assert desk.held("orders").judge.columns(bare) is not None  # the quick way
    assert [row["score"] for row in desk.score("orders", bare)["rows"]] == [row["score"] for row in whole]
    assert [row["score"] for row in desk.score("orders", b"a,b\n0,0\n0.3333333333333333,0.5\n")["rows"]] == pytest.approx(
        [row["score"] for row in whole])


def test_cells_that_need_reading_reach_the_journal_as_they_were_judged(desk: Desk) -> None:
    for _ in range(8):
        told = desk.score("one", [{"a": "many", "b": 0.1}])
        assert told["first_row"] == 0
    for _ in range(3):
        desk.score("one", [ROW])
    desk.scribe.flush()
    assert (desk.trouble(), desk.scribe.lost, desk.scribe.error) == ("", 0, None)
    assert sum(batch["rows"] for batch in desk.place.journal.batches("one")) == 11
