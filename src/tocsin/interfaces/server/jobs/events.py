"""A job's progress as server-sent events (the WHATWG's EventSource): one event for each change, an end when the job is over."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server.jobs.queue import OVER, Queue

MEDIA = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second: a proxy must not hold events back
_EVERY = 0.25  # seconds between two looks at the table
_BEAT = 10.0  # seconds without news after which a comment tells that the line is alive


class Looks:
    """The jobs that somebody listens to, looked up together: many listeners of one job cost one look."""

    def __init__(self, queue: Queue, *, every: float = _EVERY) -> None:
        self.queue, self.every = queue, every
        self._seen: dict[str, tuple[float, dict[str, Any]]] = {}
        self._thread = ThreadPoolExecutor(1, "tocsin-looks")  # one at a time, off the event loop, and out of other requests' way

    async def job(self, id: str) -> dict[str, Any]:
        """The job as it was at most a moment ago. Raises ServiceError TOC-640."""
        seen = self._seen.get(id)
        if seen is not None and time.monotonic() - seen[0] < self.every / 2:
            return seen[1]
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, id)

    def _look(self, id: str) -> dict[str, Any]:
        seen = self._seen.get(id)
        if seen is not None and time.monotonic() - seen[0] < self.every / 2:
            return seen[1]
        job = self.queue.job(id)
        if len(self._seen) > 256:
            self._seen.clear()
        self._seen[id] = (time.monotonic(), job)
        return job


async def events(looks: Looks, id: str, stopping: threading.Event, *, beat: float = _BEAT) -> AsyncIterator[bytes]:
    """``progress`` for each change, then ``done``, ``failed`` or ``cancelled`` with the whole job, and the end.

    Whoever connects anew gets the present state first; no event is counted, so a Last-Event-ID changes nothing.
    """
    yield b"retry: 1000\n\n"
    told: dict[str, Any] | None = None
    last = time.monotonic()
    while not stopping.is_set():
        try:
            job = await looks.job(id)
        except ServiceError as error:
            if error.code == "TOC-640":
                return
            await asyncio.sleep(1.0)  # the database is away for a moment
            continue
        if job != told:
            over = job["state"] in OVER
            yield event(job["state"] if over else "progress", job)
            if over:
                return
            told, last = job, time.monotonic()
        elif time.monotonic() - last > beat:
            yield b": still here\n\n"
            last = time.monotonic()
        await asyncio.sleep(looks.every)


def event(name: str, job: dict[str, Any]) -> bytes:
    """One event.

    >>> event("done", {"id": "a"})
    b'event: done\\ndata: {"id":"a"}\\n\\n'
    """
    return f"event: {name}\ndata: {json.dumps(job, allow_nan=False, separators=(',', ':'))}\n\n".encode()
