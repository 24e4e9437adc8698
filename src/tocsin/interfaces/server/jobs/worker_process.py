"""The server's hold on its worker: started with the server, ended with it, replaced when it dies or does not let go of a job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any, Protocol

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server import log as logs
from tocsin.interfaces.server.jobs.queue import TRIES, Queue
from tocsin.store.engine import Store

_PATIENCE = 2.0  # seconds that a worker has to lay down a job that was cancelled
_LOOK = 0.2
_ABSENT = 20.0  # seconds that a worker may be away, dead or cold, before the service counts as not ready
_REST = (0.0, 0.5, 2.0, 5.0)  # seconds before a worker that dies again and again is started anew


class HasStore(Protocol):
    """What is needed of the place."""

    @property
    def store(self) -> Store: ...


class WorkerProcess:
    """One worker of a place: ``start()``, ``stop()``, ``alive()``.

    A thread of its own watches it. A worker that dies gives its job back at once (it is taken again, at most three times); one that does
    not stop a cancelled job within two seconds is killed and replaced. Ready to import as ``with WorkerProcess(place):``.
    """

    def __init__(self, place: HasStore, *, patience: float = _PATIENCE, log: Any = None, form: str = "plain") -> None:
        self.log, self.form = log if log is not None else logs.make(form), form
        self._left: float | None = None  # when a warm worker was last lost
        self.store, self.queue, self.patience = place.store, Queue(place.store), patience
        self.pid: int | None = None
        self.started = 0  # how many processes there were
        self._hand: tuple[str, int] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._over, self._ready = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: threading.Thread

    def start(self) -> None:
        """Start the worker; returns at once, the worker is warm some seconds later."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._over.clear()
        self._thread = threading.Thread(target=self._watch, name="tocsin-worker-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the worker. A job in its hand waits for the next server."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def alive(self) -> bool:
        """Whether the process runs."""
        process = self._process
        return process is not None and process.poll() is None

    def ready(self, timeout: float | None = None) -> bool:
        """Wait until the worker is warm; False when ``timeout`` seconds were not enough."""
        return self._ready.wait(timeout)

    def lacking(self) -> str:
        """What is missing for jobs to be taken; "" when nothing is, also for the seconds in which a lost worker is replaced."""
        if self._ready.is_set() and self.alive():
            return ""
        if self._left is None:
            return "no process takes jobs" if self.started > 1 else "the process for jobs is starting"
        return "" if time.monotonic() - self._left < _ABSENT else "no process takes jobs"

    def __enter__(self) -> WorkerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- the watching thread ---------------------------------------------------------------------------------------

    def _watch(self) -> None:
        deaths = 0
        while not self._over.is_set():
            begun = time.monotonic()
            process = self._spawn()
            self._accompany(process)
            self._end(process)
            deaths = 0 if time.monotonic() - begun > 60 else deaths + 1
            self._over.wait(_REST[min(max(deaths - 1, 0), len(_REST) - 1)])

    def _spawn(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tocsin.interfaces.server.jobs.worker", "--data-dir", os.fspath(self.store.folder.resolve()),
                   "--log", self.form]
        environment = dict(os.environ)
        if not self.store.address.startswith("sqlite:///"):
            environment["TOCSIN_WORKER_DATABASE"] = self.store.address  # not on the command line, which everybody on the machine can read
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
                                   start_new_session=True)  # Ctrl-C is the server's to handle
        self._process, self.pid, self.started = process, process.pid, self.started + 1
        self._listener = threading.Thread(target=self._listen, args=(process,), name="tocsin-worker-listen", daemon=True)
        self._listener.start()
        if self.started > 1:
            self.log.info("worker started again", pid=process.pid)
        return process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                told: dict[str, Any] = json.loads(line)
            except json.JSONDecodeError:
                continue  # a library that writes to standard output
            if "job" in told:
                self._hand = (told["job"], told["tries"])
            elif "idle" in told:
                self._hand = None
            elif "ready" in told:
                self._ready.set()

    def _accompany(self, process: subprocess.Popen[str]) -> None:
        """Until it dies, is to stop, or holds on to a cancelled job for too long."""
        since: float | None = None
        while process.poll() is None and not self._over.wait(_LOOK):
            hand = self._hand
            if hand is None or not self._asked_to_end(hand):
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > self.patience:
                return

    def _asked_to_end(self, hand: tuple[str, int]) -> bool:
        try:
            return self.queue.asked_to_end(*hand)
        except ServiceError:  # the database is away: nothing can be asked for now
            return False

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Make sure that it is gone, then give back what it held."""
        if self._ready.is_set():
            self._left = time.monotonic()
        self._ready.clear()
        died = process.poll() is not None
        if not died:
            process.kill()
        code = process.wait()
        assert process.stdin is not None and process.stdout is not None
        self._listener.join()  # its last words may name a job
        process.stdin.close()
        process.stdout.close()
        hand, self._hand, self._process = self._hand, None, None
        if not self._over.is_set():
            self._tell(code, died, hand)
        if hand is not None:
            try:
                self.queue.give_back(*hand, blame=not self._over.is_set())
            except ServiceError:
                return  # the database is away: the silence of its worker tells the same, a little later

    def _tell(self, code: int, died: bool, hand: tuple[str, int] | None) -> None:
        """Into the log: that it is gone, how, and what becomes of its job."""
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if not died:
            self.log.warning("worker replaced", why="it did not let go of a cancelled job", job=hand[0] if hand is not None else "")
        elif hand is None:
            self.log.error("worker died", of=how)
        else:
            self.log.error("worker died", of=how, job=hand[0], tries=hand[1], then="given up" if hand[1] >= TRIES else "taken again")
