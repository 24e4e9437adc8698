"""Dynamic batching: requests for one model that arrive together are judged together, by one thread, and get their own rows back.

A row's score depends on the row and the model alone, so who shares a batch changes no answer; joining only shares the fixed cost of a
call (most of it for a single row). Nothing waits for company: while one batch is judged the next one gathers, and only a lane that has
just had company waits a moment (``wait``) for more. What cannot be joined (a series, a threshold over the whole batch, cells that need
reading) is judged by itself, in its turn.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Detections
from tocsin.data.literal import without_missing
from tocsin.pipeline.pipeline import Pipeline

_NUMBER, _WORD, _TRUTH = "number", "word", "truth"
_FORM = {"number": _NUMBER, "category": _WORD, "text": _WORD, "id": _WORD, "boolean": _TRUTH}
_TYPES = {_NUMBER: pa.float64(), _WORD: pa.string(), _TRUTH: pa.bool_()}
_IDLE = 30.0  # seconds without a request after which a lane's thread ends
_EXACT = 2**53  # whole numbers up to here are floats without loss


@dataclass(frozen=True)
class Columns:
    """The rows of one request, column by column, in the model's own types: ready to be put below those of another."""

    cells: tuple[list[Any], ...]
    ids: list[Any] | None
    n: int
    extra: tuple[str, ...] = ()  # keys of the first row that are no columns of the model


@dataclass(frozen=True)
class Judged:
    """An answer: the request's rows as a Dataset, what was found, and what ``heard`` said of the whole batch, in which they begin at
    row ``start``. ``read``: the rows went through reading, which may have remarked something; ``extra`` as in Columns."""

    data: Dataset
    found: Detections
    told: Any = None
    start: int = 0
    extra: tuple[str, ...] = ()
    read: bool = False


@dataclass
class Request:
    """One caller's rows and the promise of an answer. ``rows`` are ``Columns``, or anything that ``Pipeline.as_dataset`` takes."""

    rows: Any
    answer: Future[Judged] = field(default_factory=Future)

    @property
    def n(self) -> int:
        return self.rows.n if isinstance(self.rows, Columns) else 1


class Judge:
    """A fitted model as the service uses it: how its columns are read does not change from call to call and is worked out once."""

    def __init__(self, model: Pipeline) -> None:
        self.model = model
        schema = model.schema_
        self.joins = (model.kind_ == "table" and not model.threshold_.of_batch and schema.time is None and schema.group is None
                      and all(column.kind in _FORM for column in schema.columns))
        self.forms = tuple((column.name, _FORM.get(column.kind, "")) for column in schema.columns)
        self.free = frozenset(column.name for column in schema.columns if column.kind == "id")  # may be missing: no detector sees them
        self.known = frozenset([*schema.names, *(role for role in (schema.id, schema.label) if role is not None)])

    def detect(self, data: Dataset) -> Detections:
        """Judge rows that have this model's columns."""
        return self.model.detect(data)

    def columns(self, rows: Sequence[dict[str, Any]]) -> Columns | None:
        """``rows`` in the model's types when every cell is plainly of its column's type; else None: they need reading.

        Raises DataError TOC-134 for a huge whole number where true or false is expected.
        """
        if not self.joins or not rows or type(rows[0]) is not dict:
            return None
        cells = []
        for name, form in self.forms:
            column = _plain([row.get(name) for row in rows], form)
            if column is None and form == _TRUTH:
                _no_count(name, rows)
            if column is None or (column[0] is None and name not in self.free and not any(name in row for row in rows)):
                return None  # a column that no row names is an error with words of its own
            cells.append(column)
        more = () if self.known.issuperset(rows[0]) else tuple(name for name in rows[0] if name not in self.known)
        return Columns(tuple(cells), _ids(rows, self.model.schema_.id), len(rows), more)

    def warm(self) -> None:
        """Judge one row without cells, so that the first caller does not wait for what is made once."""
        if self.joins:
            self.detect(self.joined([Columns(tuple([None] for _ in self.forms), None, 1)]))

    def joined(self, parts: Sequence[Columns]) -> Dataset:
        """The rows of several requests one below the other."""
        arrays = [_column([cell for part in parts for cell in part.cells[j]], form) for j, (_, form) in enumerate(self.forms)]
        table = pa.table(arrays, names=[name for name, _ in self.forms])
        return Dataset(table, "table", self.model.schema_, np.arange(table.num_rows))


def plainly_typed(data: Dataset) -> bool:
    """Whether every column of a table is in the type that plain cells get: only such rows mean the same among others as alone. A column
    that still holds text where numbers were learned is judged as a whole when it is read again.

    >>> from tocsin.core.types import Column, Schema
    >>> schema = Schema((Column("flow", "number"),))
    >>> [plainly_typed(Dataset(pa.table({"flow": cells}), "table", schema, np.arange(1))) for cells in ([7.9], ["7,9"])]
    [True, False]
    """
    if data.kind != "table" or not isinstance(data.X, pa.Table) or data.time is not None or data.group is not None:
        return False
    kinds = [_FORM.get(column.kind) for column in data.schema.columns]
    types = data.X.schema.types
    return len(kinds) == len(types) and all(form is not None and _TYPES[form] == kind for form, kind in zip(kinds, types))


def _column(cells: list[Any], form: str) -> pa.ChunkedArray:
    """An Arrow column as reading would make it: words that stand for no value ("n/a") are none."""
    column = pa.chunked_array([pa.array(cells, _TYPES[form])])
    return without_missing(column) if form == _WORD else column


def _plain(cells: list[Any], form: str) -> list[Any] | None:
    """The cells as they go into an Arrow column, or None when one of them is not plainly of this form."""
    if form == _NUMBER:
        for cell in cells:
            kind = type(cell)
            if not ((kind is float and cell - cell == 0.0) or (kind is int and -_EXACT <= cell <= _EXACT) or cell is None):
                return None
        return cells
    if form == _TRUTH:
        return cells if all(cell is None or type(cell) is bool for cell in cells) else None
    if all(cell is None or type(cell) is str for cell in cells):
        return cells
    if all(cell is None or type(cell) is str or type(cell) is int for cell in cells):
        return [str(cell) if type(cell) is int else cell for cell in cells]
    return None


def _no_count(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Refuse whole numbers that no float holds in a column of truth values: nothing that reads them could say what they mean."""
    for number, row in enumerate(rows):
        cell = row.get(name)
        if type(cell) is int and not -_EXACT <= cell <= _EXACT:
            raise DataError("TOC-134", f"column {name!r} held truth values in training and holds a huge number now",
                            came=f"row {number}: {str(cell)[:40] if cell.bit_length() < 4096 else 'more than a thousand digits'}",
                            todo="send true, false or null")


def _ids(rows: Sequence[dict[str, Any]], name: str | None) -> list[Any] | None:
    """The rows' own names, where the model knows a column of names and every row has one."""
    if name is None or not all(type(row.get(name)) in (str, int) for row in rows):
        return None
    return [row[name] for row in rows]


class Lane:
    """The one thread that judges for one model. ``submit`` returns at once; ``stop`` ends the thread after what is in hand.

    most    rows of a joined batch
    wait    seconds to wait for more rows after a batch that had company
    heard   called with (dataset, detections, seconds) after each judged batch, in the lane's thread, before its requests are answered
    """

    def __init__(self, judge: Judge, *, most: int = 512, wait: float = 0.001,
                 heard: Callable[[Dataset, Detections, float], Any] | None = None) -> None:
        self.judge, self.most, self.wait, self.heard = judge, most, wait, heard
        self.batches = self.requests = 0
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, request: Request) -> Future[Judged]:
        """Judge the rows of ``request``: the future gives a Judged, or raises what is wrong with them."""
        with self._lock:
            self._queue.put(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tocsin-lane", daemon=True)
                self._thread.start()
        return request.answer

    def stop(self) -> None:
        """End the thread; requests that are already in line are still answered."""
        with self._lock:
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        company = False
        while True:
            try:
                first = self._queue.get(timeout=_IDLE)
            except queue.Empty:
                first = None
            if first is None:
                if self._leave():
                    return
                continue
            gathered, ended = self._gather(first, self.wait if company else 0.0)
            company = len(gathered) > 1
            self._serve(gathered)
            if ended and self._leave():
                return

    def _leave(self) -> bool:
        """End this thread, unless somebody has just come in; the next request starts another."""
        with self._lock:
            if self._queue.empty():
                self._thread = None
                return True
            return False

    def _gather(self, first: Request, wait: float) -> tuple[list[Request], bool]:
        gathered, rows, until = [first], first.n, time.perf_counter() + wait
        while rows < self.most:
            try:
                left = until - time.perf_counter() if wait else 0.0
                more = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return gathered, True
            gathered.append(more)
            rows += more.n
        return gathered, False

    def _serve(self, gathered: list[Request]) -> None:
        live = [request for request in gathered if request.answer.set_running_or_notify_cancel()]
        together = [request for request in live if isinstance(request.rows, Columns)]
        if together and not self._judge_together(together):
            for request in together:  # one of them is to blame: each is judged, and answers, for itself
                self._judge_alone(request)
        for request in live:
            if not isinstance(request.rows, Columns):
                self._judge_alone(request)

    def _judge_together(self, requests: list[Request]) -> bool:
        started = time.perf_counter()
        try:
            data = self.judge.joined([request.rows for request in requests])
            found = self.judge.detect(data)
        except Exception as error:  # whatever it is, it is the answer
            if len(requests) > 1:
                return False
            requests[0].answer.set_exception(error)
            return True
        told, start = self._tell(data, found, started, len(requests)), 0
        for request in requests:
            own, its = _part(data, found, start, request.rows)
            request.answer.set_result(Judged(own, its, told, start, request.rows.extra))
            start += request.rows.n
        return True

    def _judge_alone(self, request: Request) -> None:
        if isinstance(request.rows, Columns):
            self._judge_together([request])
            return
        started = time.perf_counter()
        try:
            data = self.judge.model.as_dataset(request.rows)
            found = self.judge.detect(data)
        except Exception as error:
            request.answer.set_exception(error)
            return
        request.answer.set_result(Judged(data, found, self._tell(data, found, started, 1), read=True))

    def _tell(self, data: Dataset, found: Detections, started: float, requests: int) -> Any:
        self.batches += 1
        self.requests += requests
        return None if self.heard is None else self.heard(data, found, time.perf_counter() - started)


def _part(data: Dataset, found: Detections, start: int, own: Columns) -> tuple[Dataset, Detections]:
    """One request's share of a joined batch, its rows counted from 0 or called by their own names."""
    ids, rows = np.arange(own.n) if own.ids is None else np.array(own.ids), slice(start, start + own.n)
    mine = Dataset(data.X.slice(start, own.n), data.kind, data.schema, ids, origin=data.origin)
    return mine, Detections(ids, found.score[rows], found.p_value[rows], found.is_anomaly[rows], found.threshold, None, (), None,
                            found.version)
