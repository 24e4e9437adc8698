"""A process that forks one child a run and watches it: ``python -m tocsin.evaluation.nursery``.

Reads one job a line from its standard input and writes one result a line to its standard output, both JSON. It imports what a job needs
once, then forks, so a run costs no import time, starts clean, can be killed without harm, and is measured by itself (the operating
system accounts peak memory and processor time by child). When its standard input closes it ends, and its child with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, BinaryIO

from tocsin.evaluation import trial

_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main() -> None:
    """Serves jobs until standard input closes."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)  # whatever a detector prints must not mix with the answers
    os.dup2(silence, 2)
    jobs = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(silence, 0)
    while line := _line(jobs):
        job = json.loads(line)
        trial.prepare(job)
        answers.write(json.dumps(watch(job, jobs)).encode() + b"\n")


def watch(job: dict[str, Any], jobs: BinaryIO) -> dict[str, Any]:
    """The result of one forked run, killed after ``job["limit"]`` seconds or when ``jobs`` closes."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _child(job, write)
    os.close(write)
    made, status = b"", ""
    deadline = time.monotonic() + job["limit"]
    while not status:
        ready, _, _ = select.select([read, jobs.fileno()], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            status = "timeout"
        elif read in ready:
            part = os.read(read, 1 << 16)
            made += part
            status = status if part else "ended"
        else:
            status = "abandoned"  # nobody sends a second job while one runs: the harness is gone
    os.close(read)
    if status != "ended":
        os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # it may not have come to lead a group yet
            os.killpg(child, signal.SIGKILL)
    _, code, used = os.wait4(child, 0)
    if status == "abandoned":
        sys.exit(0)
    result = json.loads(made) if made else {"status": status if status == "timeout" else _death(code)}
    return {**result, "peak_mb": round(used.ru_maxrss * _UNIT / 1e6), "limit": job["limit"]}


def _child(job: dict[str, Any], write: int) -> None:
    os.setpgid(0, 0)  # its own group: whatever it starts is killed with it
    code = 1
    try:
        if job.get("memory_mb"):
            resource.setrlimit(resource.RLIMIT_DATA, (job["memory_mb"] << 20,) * 2)
        result = trial.run(job)
    except BaseException as error:
        result = {"status": f"{type(error).__name__}: {error}".replace("\n", " ")[:200]}
    try:
        os.write(write, json.dumps(result).encode())
        code = 0
    finally:
        os._exit(code)  # no exit handlers of the parent's libraries


def _death(code: int) -> str:
    return f"killed by signal {os.WTERMSIG(code)}" if os.WIFSIGNALED(code) else f"died with code {os.WEXITSTATUS(code)}"


def _line(jobs: BinaryIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = jobs.read(1)
        if not part:
            return b""
        line += part
    return line


if __name__ == "__main__":
    main()
