"""The journal: what was judged, by which version, on which data, and what people said of it. Written once, found again, never changed."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.core.types import Dataset, Detections, Explanation
from tocsin.monitoring.cells import cells_of, plain_text, times_as_text
from tocsin.monitoring.once import insert_once, turn
from tocsin.store import moment, tables
from tocsin.store.engine import Store

MOST = 10_000  # flagged rows of one batch that are kept, the worst first; ``batch.alarms`` counts all of them
_PART = 500  # rows of one statement


class Journal:
    """Judged batches, their flagged rows, and labels, in an open :class:`~tocsin.store.engine.Store`.

    A batch is written in one transaction and under one id: writing it again, after a crash or a repeated request, changes nothing.
    Cells are kept as they came, so that a label can go back into training; a missing number is None, an infinite one the text "inf".

    >>> import tempfile
    >>> from tocsin.store.engine import Store
    >>> data = Dataset.of([[1.0], [9.0]], names=["flow"])
    >>> found = Detections(data.ids, np.array([0.1, 7.0]), np.array([0.9, 0.001]), np.array([False, True]), 3.0)
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     journal = Journal(store)
    ...     batch = journal.record("pump", 1, data, found, source="api", quality={}, sketch={})
    ...     [(one["row"], one["cells"], one["label"]) for one in journal.detections("pump")]
    [(1, {'flow': 9.0}, None)]
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # ---- writing --------------------------------------------------------------------------------------------------

    def record(self, model: str, number: int, data: Dataset, found: Detections, *, source: str, seconds: float = 0.0,
               quality: dict[str, Any], sketch: dict[str, Any], reasons: Explanation | None = None, trace: dict[str, Any] | None = None,
               batch: str | None = None) -> str:
        """Keep one judged batch; returns its id (32 hex digits). ``batch``: the caller's own id, which makes a repeated call harmless.

        ``reasons`` explains any of the rows; ``trace`` (every row, for a chart) becomes a stored file. Raises ConfigError TOC-285 for an
        id that is not 32 hex digits, ServiceError TOC-611 when the database does not answer.
        """
        batch = _batch_id(batch)
        kept = _kept(found)
        cells, told = cells_of(data, kept), _reasons(reasons)
        events, times = _events(found, batch), None if found.time is None else times_as_text(found.time[kept])
        digest = None if trace is None else self.store.files.put([json.dumps(trace, allow_nan=False).encode("utf-8")])[0]
        rows = [{"key": f"{batch}:{row}", "batch": batch, "model": model, "number": number, "row": row,
                 "row_id": plain_text(found.ids[row]), "time": None if times is None else times[i], "score": float(found.score[row]),
                 "p_value": float(found.p_value[row]), "is_anomaly": bool(found.is_anomaly[row]), "event": events.get(row),
                 "cells": cells[i], "reason": told.get(row)} for i, row in enumerate(kept.tolist())]
        with self.store.begin() as base:
            turn(base, "journal", model)  # so that batches come to light in the order of their times, and none is overlooked
            at = _after_the_last(base, model)
            new = insert_once(base, tables.batch, {
                "id": batch, "model": model, "number": number, "at": at, "rows": len(found), "alarms": int(found.is_anomaly.sum()),
                "source": plain_text(source), "digest": data.origin.digest, "seconds": float(seconds), "quality": quality, "sketch": sketch,
                "trace": digest})
            for start in range(0, len(rows) if new else 0, _PART):
                base.execute(tables.detection.insert(), [{**row, "at": at} for row in rows[start:start + _PART]])
        return batch

    def label(self, model: str, is_anomaly: bool, *, detection: int | None = None, cells: dict[str, Any] | None = None,
              time: str | None = None, by: str, why: str = "") -> dict[str, Any]:
        """Keep what a person says of a row: of a stored ``detection``, or of ``cells`` that are given. The newest word holds.

        Raises ServiceError TOC-630 for a detection that this model does not have, ConfigError TOC-286 when no row is named.
        """
        if detection is None and not cells:
            raise ConfigError("TOC-286", "a label belongs to a row", came="neither a detection nor cells",
                              todo="name the detection by its number, or pass the row's cells")
        with self.store.begin() as base:
            if detection is not None:
                found = _detection(base, detection)
                if found is None or found["model"] != model:
                    raise _unknown(detection)
                cells, time = found["cells"], found["time"]
            row = {"model": model, "detection": detection, "is_anomaly": bool(is_anomaly), "cells": cells, "time": time,
                   "at": moment.now(), "by": by, "why": why}
            made = base.execute(tables.label.insert().values(**row)).inserted_primary_key
        return {"id": int(made[0]) if made else 0, **row}

    def purge(self, before: str) -> int:
        """Forget batches and flagged rows judged before a moment (``store.moment``); returns how many rows. Labels stay, and with each
        the row that it belongs to: without it, two words about one row would count as two rows."""
        labelled = select(tables.label.c.detection).where(tables.label.c.detection.is_not(None))
        with self.store.begin() as base:
            old = (tables.detection.c.at < before) & tables.detection.c.id.not_in(labelled)
            gone = base.execute(delete(tables.detection).where(old)).rowcount
            base.execute(delete(tables.batch).where(tables.batch.c.at < before,
                                                    tables.batch.c.id.not_in(select(tables.detection.c.batch))))
        return int(gone)

    # ---- reading --------------------------------------------------------------------------------------------------

    def detections(self, model: str, *, limit: int = 100, before: int | None = None, only_anomalies: bool = True,
                   batch: str | None = None) -> list[dict[str, Any]]:
        """Stored rows of ``model``, newest first, each with its newest label; ``before`` an id, for the next page."""
        table = tables.detection
        wanted = _labelled().where(table.c.model == model).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(table.c.id < before)
        if only_anomalies:
            wanted = wanted.where(table.c.is_anomaly)
        if batch is not None:
            wanted = wanted.where(table.c.batch == batch)
        with self.store.read() as base:
            return [_plain(row._mapping) for row in base.execute(wanted)]

    def detection(self, id: int) -> dict[str, Any]:
        """One stored row with its newest label. Raises ServiceError TOC-630."""
        with self.store.read() as base:
            found = _detection(base, id)
        if found is None:
            raise _unknown(id)
        return found

    def batches(self, model: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Judged batches, newest first, without their sketches."""
        table = tables.batch
        columns = [column for column in table.c if column.name != "sketch"]
        with self.store.read() as base:
            found = base.execute(select(*columns).where(table.c.model == model).order_by(table.c.at.desc(), table.c.id).limit(limit))
            return [dict(row._mapping) for row in found]

    def trace(self, model: str, batch: str | None = None) -> dict[str, Any] | None:
        """Every row's score and what a chart needs, of ``batch`` or of the newest one that has it; None when there is none."""
        table = tables.batch
        wanted = select(table.c.trace).where(table.c.model == model, table.c.trace.is_not(None)).order_by(table.c.at.desc()).limit(1)
        with self.store.read() as base:
            digest = base.execute(wanted if batch is None else wanted.where(table.c.id == batch)).scalar()
        return None if digest is None else json.loads(self.store.files.path(digest).read_bytes())

    def labels(self, model: str) -> list[dict[str, Any]]:
        """All that was said, newest first; ``holds`` is False where a later word about the same row replaced it."""
        table = tables.label
        with self.store.read() as base:
            found = base.execute(select(table).where(table.c.model == model).order_by(table.c.id.desc())).mappings().all()
        seen: set[Any] = set()
        out = []
        for row in found:
            name = row["detection"] if row["detection"] is not None else json.dumps([row["cells"], row["time"]], sort_keys=True)
            out.append({**row, "holds": name not in seen})
            seen.add(name)
        return out

    def newest_label(self, model: str) -> int:
        """The number of the last thing that was said of rows of ``model``; 0 when nothing was."""
        with self.store.read() as base:
            return int(base.execute(select(func.max(tables.label.c.id)).where(tables.label.c.model == model)).scalar() or 0)


def _labelled() -> Any:
    """Detections with their newest label."""
    newest = select(tables.label.c.detection, func.max(tables.label.c.id).label("id")).group_by(tables.label.c.detection).subquery()
    joined = tables.detection.outerjoin(newest, newest.c.detection == tables.detection.c.id).outerjoin(
        tables.label, tables.label.c.id == newest.c.id)
    return select(tables.detection, tables.label.c.is_anomaly.label("label")).select_from(joined)


def _detection(base: Connection, id: int) -> dict[str, Any] | None:
    row = base.execute(_labelled().where(tables.detection.c.id == id)).first()
    return None if row is None else _plain(row._mapping)


def _plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "key"}


def _unknown(id: int) -> ServiceError:
    return ServiceError("TOC-630", "there is no such detection", came=str(id)[:40], todo="list the detector's detections")


def _after_the_last(base: Connection, model: str) -> str:
    """Now, or a microsecond after the newest batch where the clock was set back: whoever reads on from a moment must not miss what comes
    after it."""
    last = base.execute(select(func.max(tables.batch.c.at)).where(tables.batch.c.model == model)).scalar() or ""
    present = moment.now()
    return present if present > last else moment.written(datetime.fromisoformat(last) + timedelta(microseconds=1))


def _batch_id(batch: str | None) -> str:
    if batch is None:
        return uuid.uuid4().hex
    if len(batch) != 32 or not set(batch) <= set("0123456789abcdef"):
        raise ConfigError("TOC-285", "a batch id is 32 hex digits", came=repr(batch)[:80], todo="pass uuid.uuid4().hex, or leave it out")
    return batch


def _kept(found: Detections) -> np.ndarray:
    """Positions of the flagged rows, in order; of very many, the worst."""
    rows = np.flatnonzero(found.is_anomaly)
    if len(rows) > MOST:
        rows = np.sort(rows[np.argsort(-found.score[rows], kind="stable")[:MOST]])
    return rows


def _events(found: Detections, batch: str) -> dict[int, str]:
    """Row → the name of the event that it belongs to."""
    return {row: f"{batch}:{event.start}" for event in found.events for row in range(event.start, event.end + 1)}


def _reasons(reasons: Explanation | None) -> dict[int, dict[str, Any]]:
    """Row → its reason in plain values."""
    if reasons is None:
        return {}
    return {int(row): {"sentence": reasons.sentences[i] if i < len(reasons.sentences) else "",
                       "shares": {name: round(float(share), 6) for name, share in zip(reasons.labels, reasons.values[i])},
                       "expected": dict(zip(reasons.labels, reasons.expected[i]))}
            for i, row in enumerate(np.asarray(reasons.rows).tolist())}
