"""Jobs over HTTP: followed by events, cancelled, and there again after a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tocsin.interfaces.server.jobs.queue import Queue


@pytest.fixture
def quiet(start: Any) -> Iterator[Any]:
    """A service without a worker: the test does the worker's part."""
    with start(worker=False) as found:
        yield found


def events(http: httpx.Client, id: str, **headers: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with http.stream("GET", f"/jobs/{id}/events", headers=headers) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_events_tell_each_change_and_end_with_the_last(quiet: Any) -> None:
    queue = Queue(quiet.place.store)
    id = queue.add("fit", "pump", {}, by="ada")["id"]
    heard: list[tuple[str, str, float]] = []
    job = None
    for name, told in events(quiet.http, id, **{"Last-Event-ID": "7"}):
        heard.append((name, told["state"], told["progress"]))
        if told["state"] == "waiting":
            job = queue.take()
        elif told["progress"] == 0.0:
            queue.beat(job, 0.5, "Learning what is normal")
        elif told["progress"] == 0.5:
            queue.done(job, {"number": 1})
    assert heard == [("progress", "waiting", 0.0), ("progress", "running", 0.0), ("progress", "running", 0.5), ("done", "done", 1.0)]


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_events_of_a_job_that_is_over_are_its_last_one(quiet: Any, end: str) -> None:
    queue = Queue(quiet.place.store)
    id = queue.add("fit", "pump", {}, by="ada")["id"]
    if end == "failed":
        queue.failed(queue.take(), {"code": "TOC-122", "what": "there are no rows", "came": "", "todo": ""})
    else:
        quiet.http.post(f"/jobs/{id}/cancel")
    ((name, told),) = events(quiet.http, id)
    assert (name, told["state"]) == (end, end) and (told["error"] is not None) == (end == "failed")


def test_many_may_listen_and_leave(quiet: Any) -> None:
    queue = Queue(quiet.place.store)
    id = queue.add("fit", "pump", {}, by="ada")["id"]
    heard: list[str] = []
    begun = threading.Semaphore(0)

    def listen() -> None:
        for name, _ in events(quiet.http, id):
            heard.append(name)
            begun.release()

    listeners = [threading.Thread(target=listen) for _ in range(5)]
    for listener in listeners:
        listener.start()
    for _ in listeners:
        assert begun.acquire(timeout=20)
    first = events(quiet.http, id)
    next(first)
    first.close()  # one that goes away
    quiet.http.post(f"/jobs/{id}/cancel")
    for listener in listeners:
        listener.join(20)
    assert heard.count("cancelled") == 5 and heard.count("progress") == 5


def test_the_end_of_the_service_ends_the_events(quiet: Any) -> None:
    id = Queue(quiet.place.store).add("fit", "pump", {}, by="ada")["id"]
    heard = events(quiet.http, id)
    assert next(heard)[1]["state"] == "waiting"
    quiet.place.stopping.set()
    assert list(heard) == []


def test_a_failure_is_told_with_its_stated_error(service: Any) -> None:
    seen = service.http.post("/uploads", files={"file": ("a.csv", b"a,b\n1,2\n3,4\n")}).json()
    id = service.http.post("/detectors", json={"name": "hopeless", "upload": seen["digest"], "detector": "gaussian"}).json()["id"]
    *_, (name, told) = events(service.http, id)
    assert name == "failed" and told["error"]["code"] == "TOC-113" and told["error"]["todo"]
    assert id in [job["id"] for job in service.http.get("/jobs").json()]
    refused = service.http.post(f"/jobs/{id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "TOC-645") and service.http.get(f"/jobs/{id}").json()["state"] == "failed"
    home = service.http.get("/home").json()  # no detector came of it, but its job tells what went wrong
    assert "hopeless" not in [model["name"] for model in home["models"]] and id in [job["id"] for job in home["jobs"]]


def test_a_job_waits_through_a_restart(start: Any) -> None:
    with start(worker=False) as first:
        lines = "\n".join(["a,b", *(f"{i % 13},{i % 7}" for i in range(60))])
        seen = first.http.post("/uploads", files={"file": ("a.csv", lines)}).json()
        id = first.http.post("/detectors", json={"name": "later", "upload": seen["digest"], "detector": "gaussian"}).json()["id"]
        assert [one["state"] for one in first.http.get("/detectors").json()] == ["training"]
    with start() as second:
        assert second.ended(id)["state"] == "done" and second.http.get("/detectors/later").json()["live"]["number"] == 1


def test_what_was_judged_is_written_down_when_the_service_ends(start: Any, fitted: Any, rows: Any) -> None:
    with start(worker=False) as first:
        first.place.registry.create("orders", "table", {}, by="ada")
        first.place.registry.add("orders", fitted, by="ada")
        first.place.registry.promote("orders", 1, by="ada")
        first.desk.scribe.every = 3600.0
        assert first.http.post("/detectors/orders/score", json={"rows": rows(7)}).status_code == 200
        assert first.place.journal.batches("orders") == [] or first.place.journal.batches("orders")[0]["rows"] == 7
        first.stop()
        assert [batch["rows"] for batch in first.place.journal.batches("orders")] == [7]
