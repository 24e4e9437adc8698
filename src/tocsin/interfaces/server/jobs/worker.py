"""The process that does long work: ``python -m tocsin.interfaces.server.jobs.worker --data-dir DIR``.

It is warm (everything heavy is imported before it says that it is ready), takes one job at a time, tells the table how far it is, and
stops at the next moment when an end was asked for. It talks to its server over pipes: a line of JSON on standard output for each job that
it takes or lays down; the end of standard input means that the server is gone, and then it goes, too.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from tocsin.core.errors import ServiceError, TocsinError
from tocsin.interfaces.server import log as logs
from tocsin.interfaces.server.jobs.queue import Queue, Taken
from tocsin.interfaces.server.jobs.work import Bench, Cancelled, Lost, do, warm
from tocsin.store.engine import Store

_IDLE = 0.1  # seconds between two looks at the table
_BURY = 2.0  # seconds between two looks for jobs that nobody will finish
_BEAT = 1.0  # seconds between two signs of life
_LOOK = 0.2  # seconds between two looks at whether an end was asked for


class Hand:
    """A job in hand: what the work reports, and whether it should stop. The work calls it; a thread beside it tells the table.

    Calling it is also the moment at which the work can be stopped: it raises Cancelled, or Lost when the job was given to somebody else.
    """

    def __init__(self, queue: Queue, job: Taken) -> None:
        self.queue, self.job = queue, job
        self.share, self.sentence, self.word = 0.0, "Starting", "go"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="tocsin-beat", daemon=True)

    def __enter__(self) -> Hand:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __call__(self, share: float, sentence: str) -> None:
        self.share, self.sentence = max(self.share, min(float(share), 1.0)), sentence
        self.check()

    def seal(self) -> None:
        """Stop here when an end was asked for; from here on nobody can ask."""
        self.word = self.queue.seal(self.job)
        self.check()

    def check(self) -> None:
        """Stop here when an end was asked for."""
        if self.word == "cancel":
            raise Cancelled
        if self.word == "lost":
            raise Lost

    def _beat(self) -> None:
        told: tuple[float, str] | None = None
        last = 0.0
        while not self._over.wait(_LOOK):
            now = (self.share, self.sentence)
            if now == told and time.monotonic() - last < _BEAT and not self.queue.asked_to_end(self.job.id, self.job.tries):
                continue
            try:
                self.word = self.queue.beat(self.job, *now)
            except ServiceError:  # the database is away for a moment; who stays silent too long loses the job, which is right
                continue
            told, last = now, time.monotonic()


def perform(bench: Bench, queue: Queue, job: Taken, log: Any = None) -> str:
    """Do one job to its end and write down how it ended; returns the state."""
    log = log if log is not None else logs.make()
    try:
        with Hand(queue, job) as hand:
            result = do(bench, job, hand)
        return "done" if queue.done(job, result) else "lost"
    except Cancelled:
        queue.cancelled(job)
        return "cancelled"
    except Lost:
        return "lost"
    except TocsinError as error:
        queue.failed(job, error.to_dict())
        return "failed"
    except Exception:
        mark = secrets.token_hex(4)
        log.exception("job failed", mark=mark, job=job.id, kind=job.kind, model=job.model)
        queue.failed(job, ServiceError("TOC-643", "the job failed for a reason that nobody foresaw",
                                       todo=f"look for {mark} in the service's log, and report it").to_dict())
        return "failed"


def main(argv: list[str] | None = None) -> int:
    """Work until standard input ends."""
    given = argparse.ArgumentParser(prog="tocsin-worker")
    given.add_argument("--data-dir", required=True)
    given.add_argument("--database")
    given.add_argument("--log", choices=("plain", "json"), default="plain")
    asked = given.parse_args(argv)
    log = logs.make(asked.log)
    threading.Thread(target=_go_with_parent, name="tocsin-parent", daemon=True).start()
    with Store(asked.data_dir, asked.database or os.environ.get("TOCSIN_WORKER_DATABASE")) as store:
        bench, queue = Bench.open(store), Queue(store)
        warm()
        _say({"ready": os.getpid()})
        buried = 0.0
        while True:
            try:
                if time.monotonic() - buried > _BURY:
                    queue.bury()
                    buried = time.monotonic()
                job = queue.take()
            except ServiceError as error:
                log.warning("no job could be taken", error=str(error))
                time.sleep(1.0)
                continue
            if job is None:
                time.sleep(_IDLE)
                continue
            _say({"job": job.id, "tries": job.tries})
            perform(bench, queue, job, log)
            _say({"idle": True})


def _go_with_parent() -> None:
    """Nobody is left to work for: leave at once. What is in hand is taken again by whoever comes next."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(0)


def _say(line: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    except OSError:
        os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
