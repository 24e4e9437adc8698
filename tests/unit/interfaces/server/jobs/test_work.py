"""What a worker does with a job, in this process: done, failed, stopped, and taken again without a second version."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.core.errors import DataError
from tocsin.deep.callbacks import Plan, listeners
from tocsin.flows import release
from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.jobs import work
from tocsin.interfaces.server.jobs.queue import Queue, Taken
from tocsin.interfaces.server.jobs.worker import perform
from tocsin.interfaces.server.place import Place


@pytest.fixture
def bench(place: Place) -> work.Bench:
    return work.Bench.open(place.store)


def taken(bench: work.Bench) -> Taken:
    job = bench.queue.take()
    assert job is not None
    return job


def wish(upload: str, **more: Any) -> dict[str, Any]:
    return {"name": "orders", "upload": upload, "detector": "gaussian", **more}


def test_a_fit_makes_one_live_version_and_tells_what_it_found(desk: Desk, bench: work.Bench, upload: str) -> None:
    job = desk.create(wish(upload), "ada")
    assert job["state"] == "waiting" and perform(bench, bench.queue, taken(bench)) == "done"
    found = desk.job(job["id"])
    assert found["result"]["number"] == 1 and found["result"]["rows"] == 120 and found["result"]["alarms"] >= 1
    assert "Version 1 is ready" in found["message"] and found["progress"] == 1.0
    view = desk.model("orders")
    assert view["live"]["number"] == 1 and view["live"]["why"] == f"learned from orders.csv (job {job['id'][:12]})"
    assert view["live"]["by"] == "ada" and 7 in [row["row"] for row in view["recent"]] and len(view["trace"]["score"]) == 120


def test_a_failure_is_a_stated_error_and_frees_the_name(desk: Desk, bench: work.Bench, upload: str) -> None:
    job = desk.create(wish(upload, label="nosuch"), "ada")
    assert perform(bench, bench.queue, taken(bench)) == "failed"
    assert desk.job(job["id"])["error"]["code"] == "TOC-129" and desk.brief("orders")["state"] == "empty"
    again = desk.create(wish(upload), "bob")
    assert perform(bench, bench.queue, taken(bench)) == "done" and desk.job(again["id"])["state"] == "done"
    assert desk.model("orders")["settings"]["label"] is None


def test_an_unforeseen_failure_is_told_by_a_mark_that_the_log_holds(
    desk: Desk, bench: work.Bench, upload: str, monkeypatch: Any, capsys: Any
) -> None:
    job = desk.create(wish(upload), "ada")

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(release, "train", broken)
    assert perform(bench, bench.queue, taken(bench)) == "failed"
    error = desk.job(job["id"])["error"]
    assert error["code"] == "TOC-643" and "swordfish" not in str(error)
    mark = error["todo"].split()[2]
    log = capsys.readouterr().err
    assert mark in log and "swordfish" in log and job["id"] in log


def test_a_cancelled_fit_leaves_no_version(desk: Desk, bench: work.Bench, upload: str, monkeypatch: Any) -> None:
    job, train = desk.create(wish(upload), "ada"), release.train

    def slow(*given: Any, progress: Any, **words: Any) -> Any:
        desk.cancel(job["id"])
        return train(*given, progress=progress, **words)

    monkeypatch.setattr(release, "train", slow)
    assert perform(bench, bench.queue, taken(bench)) == "cancelled"
    assert desk.job(job["id"])["state"] == "cancelled" and desk.model("orders")["versions"] == []


def test_a_cancel_that_comes_while_the_version_is_kept_comes_too_late(desk: Desk, bench: work.Bench, upload: str, monkeypatch: Any) -> None:
    job, record = desk.create(wish(upload), "ada"), release.record

    def late(*given: Any, **words: Any) -> Any:
        assert desk.cancel(job["id"])["state"] == "running"
        return record(*given, **words)

    monkeypatch.setattr(release, "record", late)
    assert perform(bench, bench.queue, taken(bench)) == "done" and desk.brief("orders")["live"] == 1


@pytest.mark.parametrize("where", ["record", "trace_of", "explained"])
def test_a_worker_that_died_after_registering_is_followed_by_one_that_finishes(
    desk: Desk, bench: work.Bench, upload: str, monkeypatch: Any, where: str
) -> None:
    job = desk.create(wish(upload), "ada")

    class Died(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(release, where, die)
        first = taken(bench)
        with pytest.raises(Died):
            perform(bench, bench.queue, first)
    assert [version["number"] for version in desk.versions("orders")["versions"]] == [1]
    bench.queue.give_back(first.id, first.tries, blame=True)
    assert perform(bench, bench.queue, taken(bench)) == "done"
    assert [version["number"] for version in desk.versions("orders")["versions"]] == [1]
    assert desk.job(job["id"])["result"]["number"] == 1 and desk.model("orders")["trace"] is not None
    assert len([batch for batch in desk.place.journal.batches("orders") if batch["trace"]]) == 1


def test_a_worker_that_died_before_its_last_word_is_followed_by_one_that_says_it(desk: Desk, bench: work.Bench, upload: str) -> None:
    desk.create(wish(upload), "ada")
    first = taken(bench)
    work.do(bench, first, _Quiet(bench.queue, first))
    bench.queue.give_back(first.id, first.tries, blame=True)
    assert perform(bench, bench.queue, taken(bench)) == "done"
    assert len(desk.place.journal.batches("orders")) == 1 and len(desk.versions("orders")["versions"]) == 1


def test_a_whole_file_is_judged_once_however_often_it_is_taken(desk: Desk, bench: work.Bench, upload: str) -> None:
    desk.create(wish(upload), "ada")
    perform(bench, bench.queue, taken(bench))
    job = desk.judge_upload("orders", upload, "bob")
    first = taken(bench)
    work.do(bench, first, _Quiet(bench.queue, first))
    bench.queue.give_back(first.id, first.tries, blame=True)
    assert perform(bench, bench.queue, taken(bench)) == "done"
    found = desk.job(job["id"])
    assert found["result"]["rows"] == 120 and found["result"]["batch"] == job["id"]
    assert len(desk.place.journal.batches("orders")) == 2


def test_learning_again_makes_a_candidate(desk: Desk, bench: work.Bench, upload: str) -> None:
    desk.create(wish(upload), "ada")
    perform(bench, bench.queue, taken(bench))
    odd = desk.detections("orders")[0]
    desk.label("orders", True, detection=odd["id"], by="ada")
    desk.retrain("orders", "ada", "after the audit")
    assert perform(bench, bench.queue, taken(bench)) == "done"
    newest, live = desk.versions("orders")["versions"]
    assert (newest["number"], newest["live"], live["live"]) == (2, False, True) and newest["why"].startswith("after the audit (job ")


def test_an_unknown_kind_fails_with_words(desk: Desk, bench: work.Bench) -> None:
    job = bench.queue.add("dance", "orders", {}, by="ada")
    assert perform(bench, bench.queue, taken(bench)) == "failed" and desk.job(job["id"])["error"]["code"] == "TOC-644"


def test_each_pass_of_a_network_moves_the_bar_and_can_be_stopped(bench: work.Bench, monkeypatch: Any) -> None:
    told: list[tuple[float, str]] = []

    class Hand(_Quiet):
        def __call__(self, share: float, sentence: str) -> None:
            super().__call__(share, sentence)
            told.append((round(self.share, 3), sentence))
            if "pass 3" in sentence:
                raise work.Cancelled

    def passes(*_: Any, **__: Any) -> None:
        (listener,) = listeners()
        listener.on_start(Plan("net", 10, 100, 10, 50, "cpu"))
        for epoch in (1, 2, 3, 4):
            listener.on_epoch({"epoch": epoch})

    monkeypatch.setattr(release, "retrain", passes)
    bench.queue.add("retrain", "orders", {}, by="ada")
    job = taken(bench)
    with pytest.raises(work.Cancelled):
        work.do(bench, job, Hand(bench.queue, job))
    assert [share for share, _ in told] == [0.0, 0.03, 0.06, 0.09] and told[-1][1] == "Learning what is normal: pass 3 of at most 10"


def test_a_stated_error_of_the_work_reaches_the_job(desk: Desk, bench: work.Bench, upload: str, monkeypatch: Any) -> None:
    job = desk.create(wish(upload), "ada")

    def refuse(*_: Any, **__: Any) -> None:
        raise DataError("TOC-113", "too few rows", came="3 rows", todo="pass more")

    monkeypatch.setattr(release, "train", refuse)
    perform(bench, bench.queue, taken(bench))
    assert desk.job(job["id"])["error"] == {"code": "TOC-113", "what": "too few rows", "came": "3 rows", "todo": "pass more"}


class _Quiet:
    """A hand that beats for nobody."""

    def __init__(self, queue: Queue, job: Taken) -> None:
        self.queue, self.job, self.share, self.sentence = queue, job, 0.0, ""

    def __call__(self, share: float, sentence: str) -> None:
        self.share, self.sentence = max(self.share, share), sentence

    def seal(self) -> None:
        assert self.queue.seal(self.job) == "go"
