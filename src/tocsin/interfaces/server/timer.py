"""What the service does by itself every few seconds, on a thread of its own: send notices, look after models, see that the worker lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

EVERY = 10.0  # seconds


class Timer:
    """Calls each of ``tasks`` in turn, until stopped. A task that fails is written into the log and called again the next time.

    >>> done = threading.Event()
    >>> timer = Timer({"ring": done.set}, log=None, every=0.01)
    >>> timer.start(); done.wait(5); timer.stop()
    True
    """

    def __init__(self, tasks: Mapping[str, Callable[[], object]], log: Any, *, every: float = EVERY) -> None:
        self.tasks, self.log, self.every = dict(tasks), log, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tocsin-timer", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after one interval."""
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """No further task is begun; waits for the one that runs."""
        self._over.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._over.wait(self.every):
            for name, task in self.tasks.items():
                if self._over.is_set():
                    return
                try:
                    task()
                except Exception:  # a webhook that fails must not end the watch over the models
                    self.log.exception("timer", task=name)
