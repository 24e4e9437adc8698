"""The harness's end of a nursery: starts it with one core's worth of threads, sends jobs, starts it again when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from tocsin.core.errors import ConfigError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
           "VECLIB_MAXIMUM_THREADS")
"""Set to 1 before any numeric library is loaded: one core a run."""

_GRACE = 120.0  # seconds beyond the limit for importing what a job needs


class Worker:
    """A context manager around one nursery. Raises ConfigError TOC-265 where processes cannot be forked."""

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise ConfigError("TOC-265", "the benchmark harness needs an operating system that can fork processes", came=sys.platform,
                              todo="run it on Linux or macOS, or in a container")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """The result of one job; ``status`` "worker died" when its process went down with it."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], job["limit"] + _GRACE)
            answer = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            self._stop()
            return {"status": "worker died"}
        made: dict[str, Any] = json.loads(answer)
        return made

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            # its own session: an interrupt at the keyboard reaches the harness alone, which then closes this one's input
            self._process = subprocess.Popen([sys.executable, "-m", "tocsin.evaluation.nursery"], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, env={**os.environ, **dict.fromkeys(THREADS, "1")},
                                             start_new_session=True)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # it died first: nothing is left to say
                stream.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
