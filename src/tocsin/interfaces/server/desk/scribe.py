"""Writing the journal beside the answers: rows are judged and answered at once, and written down a quarter of a second later, together."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from tocsin.core.errors import TocsinError
from tocsin.core.types import Dataset, Detections
from tocsin.interfaces.server.batching import plainly_typed
from tocsin.pipeline.pipeline import Pipeline


class Model(Protocol):
    """What the scribe needs to know of the version that judged."""

    @property
    def name(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def model(self) -> Pipeline: ...


_RECENT = 600.0  # seconds for which lost rows are told to the health page, and between two log lines of the same kind

Write = Callable[[Model, str, Dataset, Detections, str, float], None]


@dataclass
class _Open:
    """A batch of the journal that is still growing."""

    held: Model
    batch: str
    source: str
    parts: list[tuple[Dataset, Detections]] = field(default_factory=list)
    rows: int = 0
    seconds: float = 0.0
    tries: int = 0


class Scribe:
    """One thread that writes judged rows with ``write(model, batch, dataset, detections, source, seconds)``.

    Rows of one version that come within ``every`` seconds share a batch, whose id is known at once, up to ``most`` rows. What is not
    plainly typed (a series, cells that needed reading) is a batch of its own: it was judged alone, and among others it could be refused.
    When writing fails the batch is kept and tried again, up to ``kept`` rows in all; ``lost`` counts what was
    given up, ``error`` is the last failure until something is written again, and ``ill`` says whether that is still news: rows wait after
    a failure, or some were lost in the last ten minutes. ``log`` hears of each kind of failure once in ten minutes.
    ``flush`` waits until everything is written or has failed.
    """

    def __init__(self, write: Write, *, every: float = 0.25, most: int = 500, kept: int = 200_000,
                 log: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.write, self.every, self.most, self.kept = write, every, most, kept
        self.written = self.lost = 0
        self.error: Exception | None = None
        self.log = log if log is not None else logging.getLogger("tocsin.scribe").error
        self._clock, self._lost_at, self._logged = clock, float("-inf"), dict[str, float]()
        self._open: dict[tuple[str, int, str], _Open] = {}
        self._full: list[_Open] = []
        self._lock, self._work = threading.Lock(), threading.Lock()
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, held: Model, data: Dataset, found: Detections, *, source: str, seconds: float) -> tuple[str, int]:
        """Put rows in line; returns (id of their batch, position of the first of them in it)."""
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="tocsin-scribe", daemon=True)
                self._thread.start()
            key = (held.name, held.number, source)
            joins = plainly_typed(data)
            batch = self._open.get(key) if joins else None
            if batch is None or batch.rows + len(found) > self.most or not _alike(batch.parts[-1][0], data):
                if batch is not None:
                    self._full.append(self._open.pop(key))
                batch = _Open(held, uuid.uuid4().hex, source)
                if joins:
                    self._open[key] = batch
                else:
                    self._full.append(batch)
            first = batch.rows
            batch.parts.append((data, found))
            batch.rows += len(found)
            batch.seconds += seconds
            if self._full:
                self._wake.set()
        return batch.batch, first

    def flush(self) -> None:
        """Write everything that is in line now."""
        with self._work:
            with self._lock:
                ready, self._full = [*self._full, *self._open.values()], []
                self._open = {}
            for batch in ready:
                self._put(batch)

    def stop(self) -> None:
        """Write what is left and end the thread."""
        with self._lock:
            self._stopped.set()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join()
        self.flush()
        self._lose(sum(batch.rows for batch in self._full))

    @property
    def ill(self) -> bool:
        """Whether writing fails now, or rows were lost a short while ago."""
        return (self.error is not None and self.waiting > 0) or self._clock() - self._lost_at < _RECENT

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        with self._lock:
            return sum(batch.rows for batch in [*self._full, *self._open.values()])

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(self.every)
            self._wake.clear()
            self.flush()
            if self.error is not None:
                self._stopped.wait(self.every)  # no storm of tries while the database is away

    def _put(self, batch: _Open) -> None:
        data, found = _whole(batch.parts)
        try:
            self.write(batch.held, batch.batch, data, found, batch.source, batch.seconds)
        except Exception as error:  # told by metrics and health; the rows are tried again
            self.error = error
            self._tell(error)
            batch.tries += 1
            with self._lock:
                held = sum(other.rows for other in self._full)
                again = batch.tries < 20 and held + batch.rows <= self.kept
                if again:
                    self._full.append(batch)
            if not again:
                self._lose(batch.rows)
            return
        self.error = None
        self.written += batch.rows

    def _lose(self, rows: int) -> None:
        if rows:
            self.lost += rows
            self._lost_at = self._clock()
            self._once("lost", f"{rows} judged rows were not written down and are lost: {_short(self.error)}")

    def _tell(self, error: Exception) -> None:
        self._once(error.code if isinstance(error, TocsinError) else type(error).__name__,
                   f"judged rows are not written down and will be tried again: {_short(error)}")

    def _once(self, kind: str, line: str) -> None:
        if self._clock() - self._logged.get(kind, float("-inf")) >= _RECENT:
            self._logged[kind] = self._clock()
            self.log(line)


def _short(error: Exception | None) -> str:
    """An error without the values that came: the log holds no rows."""
    if isinstance(error, TocsinError):
        return f"{error.code} {error.what}"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"


def _alike(one: Dataset, other: Dataset) -> bool:
    """Whether rows can be put below each other: the same columns in the same types, and the same kind of ids."""
    return bool(one.X.schema.equals(other.X.schema) and one.ids.dtype.kind == other.ids.dtype.kind
                and (one.time is None) == (other.time is None) and (one.group is None) == (other.group is None))


def _whole(parts: list[tuple[Dataset, Detections]]) -> tuple[Dataset, Detections]:
    """Parts one below the other."""
    if len(parts) == 1:
        return parts[0]
    datas, founds = [data for data, _ in parts], [found for _, found in parts]

    def below(name: str, of: list[Any]) -> Any:
        return None if getattr(of[0], name) is None else np.concatenate([getattr(one, name) for one in of])

    data = replace(datas[0], X=pa.concat_tables([data.X for data in datas]), ids=below("ids", datas), y=None, time=below("time", datas),
                   group=below("group", datas))
    found = replace(founds[0], ids=below("ids", founds), score=below("score", founds), p_value=below("p_value", founds),
                    is_anomaly=below("is_anomaly", founds), time=below("time", founds))
    return data, found
