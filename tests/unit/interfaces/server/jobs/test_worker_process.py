"""The worker as a process: killed, stopped, deaf, orphaned."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.jobs.worker_process import WorkerProcess
from tocsin.interfaces.server.log import make
from tocsin.interfaces.server.place import Place

LOG = io.StringIO()
Wait = Callable[..., Any]
_PARENT = """
import sys
from tocsin.interfaces.server.jobs.worker_process import WorkerProcess
from tocsin.interfaces.server.place import Place
place = Place.open(sys.argv[1])
worker = WorkerProcess(place)
worker.start()
assert worker.ready(60)
print(worker.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(place: Place) -> Iterator[WorkerProcess]:
    with WorkerProcess(place, patience=0.3, log=make("json", LOG)) as worker:
        assert worker.lacking() in ("", "the process for jobs is starting")
        assert worker.ready(60) and worker.lacking() == ""
        yield worker


@pytest.fixture
def large(desk: Desk) -> str:
    """An upload that takes a worker long enough to be interrupted."""
    return str(desk.upload("large.csv", [csv_of(3_000)], "ada")["digest"])


def csv_of(n: int) -> bytes:
    return ("a,b,c\n" + "".join(f"{i % 97 / 7},{i * 31 % 89},{i * 17 % 53 / 3}\n" for i in range(n))).encode()


def held(desk: Desk, worker: WorkerProcess, wait: Wait, upload: str, name: str = "orders") -> dict[str, Any]:
    """A job that the worker has taken and, stopped in its tracks, cannot finish."""
    job = desk.create({"name": name, "upload": upload}, "ada")

    def taken() -> bool:
        return bool(desk.job(job["id"])["state"] == "running")

    wait(taken)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    assert desk.job(job["id"])["state"] == "running", "the job was over before it could be held"
    return job


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def test_a_killed_worker_s_job_is_taken_again_and_makes_exactly_one_version(
    desk: Desk, worker: WorkerProcess, wait: Wait, ended: Any, large: str
) -> None:
    first = worker.pid
    job = held(desk, worker, wait, large)
    assert first is not None and worker.alive()
    os.kill(first, signal.SIGKILL)
    wait(lambda: worker.pid != first)
    assert worker.lacking() == ""  # the seconds in which it is replaced are nobody's trouble
    found = ended(job["id"])
    assert found["state"] == "done" and found["result"]["number"] == 1
    assert [version["number"] for version in desk.versions("orders")["versions"]] == [1] and desk.brief("orders")["live"] == 1
    assert worker.pid != first and worker.started == 2 and worker.alive()
    lines = [json.loads(line) for line in LOG.getvalue().splitlines()]
    died = next(line for line in lines if line["event"] == "worker died" and line.get("job") == job["id"])
    assert (died["of"], died["tries"], died["then"]) == ("signal 9", 1, "taken again")
    assert any(line["event"] == "worker started again" and line["pid"] == worker.pid for line in lines)


def test_a_worker_that_does_not_let_go_of_a_cancelled_job_is_replaced(
    desk: Desk, worker: WorkerProcess, wait: Wait, ended: Any, upload: str, large: str
) -> None:
    first = worker.pid
    job = held(desk, worker, wait, large)
    desk.cancel(job["id"])
    assert ended(job["id"])["state"] == "cancelled" and desk.model("orders")["versions"] == []
    again = desk.create({"name": "orders", "upload": upload, "detector": "gaussian"}, "ada")  # the name is free, the next worker works
    assert ended(again["id"])["state"] == "done" and worker.pid != first and first is not None and gone(first)


def test_a_job_survives_the_end_of_the_service(desk: Desk, place: Place, wait: Wait, ended: Any, upload: str, large: str) -> None:
    with WorkerProcess(place) as worker:
        assert worker.ready(60)
        job = held(desk, worker, wait, large)
        waiting = desk.create({"name": "second", "upload": upload, "detector": "gaussian"}, "ada")
        pid = worker.pid
    assert pid is not None and gone(pid) and not worker.alive()
    assert [desk.job(one["id"])["state"] for one in (job, waiting)] == ["waiting", "waiting"]
    with WorkerProcess(place):
        assert [ended(one["id"])["state"] for one in (job, waiting)] == ["done", "done"]
    assert [len(desk.versions(name)["versions"]) for name in ("orders", "second")] == [1, 1]


def test_an_orphaned_worker_goes(tmp_path: Path, wait: Wait) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
    finally:
        parent.kill()
        parent.wait()
    wait(lambda: gone(pid), 20)
    for pipe in (parent.stdin, parent.stdout):
        assert pipe is not None
        pipe.close()
