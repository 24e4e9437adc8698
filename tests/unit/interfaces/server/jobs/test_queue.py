"""A job is taken by one, told by its taker alone, taken again when its taker died, and never more than three times."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import update

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server.jobs.queue import TRIES, Queue
from tocsin.store import moment, tables
from tocsin.store.engine import Store


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


def added(queue: Queue, **settings: Any) -> str:
    return str(queue.add("fit", "pump", settings, by="ada")["id"])


def silent(queue: Queue, id: str) -> None:
    """Its worker has said nothing for a minute."""
    with queue.store.begin() as base:
        base.execute(update(tables.job).where(tables.job.c.id == id).values(beat=moment.now(ahead=-60)))


def test_the_oldest_comes_first_and_each_once(queue: Queue) -> None:
    first, second = added(queue, a=1), added(queue, a=2)
    taken = [queue.take(), queue.take(), queue.take()]
    assert [one and (one.id, one.settings, one.tries) for one in taken] == [(first, {"a": 1}, 1), (second, {"a": 2}, 1), None]
    assert queue.job(first)["state"] == "running" and queue.job(first)["started"]


def test_many_takers_never_get_the_same_job(queue: Queue) -> None:
    wanted = {added(queue) for _ in range(12)}
    got: list[str] = []

    def take() -> None:
        while (job := queue.take()) is not None:
            got.append(job.id)

    takers = [threading.Thread(target=take) for _ in range(4)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(got) == sorted(wanted)


def test_progress_and_its_end_are_told(queue: Queue) -> None:
    id = added(queue)
    job = queue.take()
    assert job is not None and queue.beat(job, 0.4, "Learning what is normal") == "go"
    assert (queue.job(id)["progress"], queue.job(id)["message"]) == (0.4, "Learning what is normal")
    assert queue.beat(job, 7.0, "…") == "go" and queue.job(id)["progress"] == 1.0
    assert queue.done(job, {"number": 1, "sentence": "Version 1 is ready."})
    found = queue.job(id)
    assert (found["state"], found["result"]["number"], found["message"]) == ("done", 1, "Version 1 is ready.") and found["ended"]


def test_a_failure_keeps_the_stated_error(queue: Queue) -> None:
    id, job = added(queue), queue.take()
    error = {"code": "TOC-122", "what": "there are no rows", "came": "x", "todo": "y"}
    assert job is not None and queue.failed(job, error)
    assert (queue.job(id)["state"], queue.job(id)["error"]) == ("failed", error)


def test_a_waiting_job_is_cancelled_at_once_and_never_taken(queue: Queue) -> None:
    id = added(queue)
    assert queue.cancel(id)["state"] == "cancelled" and queue.take() is None
    assert queue.cancel(id)["state"] == "cancelled"


def test_a_running_job_hears_that_it_shall_end(queue: Queue) -> None:
    id, job = added(queue), queue.take()
    assert job is not None and queue.cancel(id)["state"] == "running"
    assert queue.beat(job, 0.1, "…") == "cancel" and queue.asked_to_end(id, 1) and not queue.asked_to_end(id, 2)
    assert queue.cancelled(job) and queue.job(id)["state"] == "cancelled"


def test_a_sealed_job_is_not_cancelled_until_it_is_opened_again(queue: Queue) -> None:
    id, job = added(queue, a=1), queue.take()
    assert job is not None and queue.seal(job) == "go"
    queue.cancel(id)
    assert queue.beat(job, 0.8, "…") == "go"
    queue.unseal(job)
    queue.cancel(id)
    assert queue.seal(job) == "cancel"


def test_a_silent_worker_loses_its_job_and_is_not_believed_any_more(queue: Queue) -> None:
    id, lost = added(queue), queue.take()
    assert lost is not None and queue.take() is None  # it beats
    silent(queue, id)
    again = queue.take()
    assert again is not None and (again.id, again.tries) == (id, 2)
    assert queue.beat(lost, 0.9, "…") == "lost" and queue.seal(lost) == "lost" and not queue.done(lost, {"number": 7})
    assert queue.done(again, {"number": 8}) and queue.job(id)["result"]["number"] == 8


def test_a_job_whose_worker_dies_three_times_fails(queue: Queue) -> None:
    id = added(queue)
    for tries in range(1, TRIES + 1):
        job = queue.take()
        assert job is not None and job.tries == tries
        silent(queue, id)
    assert queue.take() is None
    queue.bury()
    assert (queue.job(id)["state"], queue.job(id)["error"]["code"]) == ("failed", "TOC-641")


def test_a_dead_worker_s_cancelled_job_is_cancelled(queue: Queue) -> None:
    id = added(queue)
    assert queue.take() is not None
    queue.cancel(id)
    silent(queue, id)
    assert queue.take() is None
    queue.bury()
    assert queue.job(id)["state"] == "cancelled"


@pytest.mark.parametrize(("blame", "next_try"), [(True, 2), (False, 1)])
def test_a_job_given_back_waits_again(queue: Queue, blame: bool, next_try: int) -> None:
    id, job = added(queue), queue.take()
    assert job is not None and queue.give_back(id, job.tries, blame=blame) and not queue.give_back(id, job.tries, blame=blame)
    assert queue.job(id)["state"] == "waiting"
    again = queue.take()
    assert again is not None and again.tries == next_try


def test_an_unknown_job_is_told(queue: Queue) -> None:
    for ask in (queue.job, queue.cancel):
        with pytest.raises(ServiceError, match="TOC-640"):
            ask("' or 1=1")


def test_recent_holds_what_runs_and_what_is_new(queue: Queue) -> None:
    old, running, new = added(queue), added(queue), added(queue)
    for id in (old, running):
        with queue.store.begin() as base:
            base.execute(update(tables.job).where(tables.job.c.id == id).values(at=moment.now(ahead=-9000)))
    queue.cancel(old)
    assert [job["id"] for job in queue.recent(since=moment.now(ahead=-3600))] == [new, running]
    assert queue.recent(since=moment.now(), model="other") == [] and queue.active() == {"pump"}
