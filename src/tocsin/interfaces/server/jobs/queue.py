"""The queue of long work: a table, so that a job outlives the server, the worker and the machine's mood.

    waiting → running → done | failed | cancelled
       ↑         │
       └─────────┘  its worker died: taken again, at most three times

Taking a job is one UPDATE that only one process can win. Each taking has a number (``tries``), and whoever reports must name the number
that it took the job with: a worker that was given up for dead and wakes later finds its words ignored.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from tocsin.core.errors import ServiceError
from tocsin.store import moment, tables
from tocsin.store.engine import Store

STALE = 10.0  # seconds without a beat after which a worker counts as dead
TRIES = 3
_SEALED = "sealed"  # among the settings of a job that can no longer be cancelled
OVER = ("done", "failed", "cancelled")
_JOB = tables.job.c
_SHOWN = ("id", "kind", "model", "state", "progress", "message", "result", "error", "at", "started", "ended", "by")


@dataclass(frozen=True)
class Taken:
    """A job in a worker's hands; ``tries`` is the number of this taking."""

    id: str
    kind: str
    model: str
    settings: dict[str, Any]
    by: str
    why: str
    tries: int


class Queue:
    """Jobs of an open store.

    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     queue = Queue(store)
    ...     job = queue.add("fit", "pump", {}, by="ada")
    ...     taken = queue.take()
    ...     queue.done(taken, {"number": 1})
    ...     queue.job(job["id"])["state"]
    True
    'done'
    """

    def __init__(self, store: Store, *, stale: float = STALE) -> None:
        self.store, self.stale = store, stale

    # ---- asking for work -------------------------------------------------------------------------------------------

    def add(self, kind: str, model: str, settings: dict[str, Any], *, by: str, why: str = "") -> dict[str, Any]:
        """A new waiting job; returns it as it is shown."""
        row: dict[str, Any] = {
            "id": uuid.uuid4().hex, "kind": kind, "model": model, "state": "waiting", "settings": settings, "progress": 0.0,
            "message": "Waiting for its turn", "cancel": False, "tries": 0, "at": moment.now(), "by": by, "why": why}
        with self.store.begin() as base:
            base.execute(tables.job.insert().values(**row))
        return self.job(row["id"])

    def job(self, id: str) -> dict[str, Any]:
        """One job. Raises ServiceError TOC-640 for an id that nobody gave out."""
        with self.store.read() as base:
            return _shown(_row(base, id))

    def recent(self, *, since: str, model: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Jobs that are not over, or were asked for after the moment ``since``; newest first."""
        wanted = select(tables.job).where(or_(_JOB.state.in_(("waiting", "running")), _JOB.at >= since))
        if model is not None:
            wanted = wanted.where(_JOB.model == model)
        with self.store.read() as base:
            return [_shown(row) for row in base.execute(wanted.order_by(_JOB.at.desc(), _JOB.id).limit(limit)).mappings()]

    def active(self) -> set[str]:
        """Models that have a job waiting or running."""
        with self.store.read() as base:
            return set(base.execute(select(_JOB.model).where(_JOB.state.in_(("waiting", "running")))).scalars())

    def cancel(self, id: str) -> dict[str, Any]:
        """Ask for an end: a waiting job is cancelled at once, a running one by its worker. A job that has begun to keep what it made stays
        as it is. Raises ServiceError TOC-640, TOC-645 for a job that is done or failed."""
        now = moment.now()
        with self.store.begin() as base:
            job = _row(base, id, hold=True)
            if job["state"] in ("done", "failed"):
                raise ServiceError("TOC-645", "the job is over and cannot be cancelled", came=f"it is {job['state']}",
                                   todo="roll back, if its version went live" if job["state"] == "done" else "begin it again")
            sealed = job["settings"].get(_SEALED)
            if not sealed:
                base.execute(update(tables.job).where(_JOB.id == id, _JOB.state == "waiting").values(
                    state="cancelled", cancel=True, ended=now, message="Cancelled before it began"))
                base.execute(update(tables.job).where(_JOB.id == id, _JOB.state == "running").values(cancel=True))
            return _shown(_row(base, id))

    # ---- the worker's side -----------------------------------------------------------------------------------------

    def take(self) -> Taken | None:
        """The oldest job that waits, or whose worker died; None when there is none. Exactly one caller gets a job."""
        with self.store.read() as base:  # looking is free; only a sight of work takes the writer's lock
            if base.execute(select(_JOB.id).where(self._free()).limit(1)).first() is None:
                return None
        now = moment.now()
        oldest = select(_JOB.id).where(self._free()).order_by(_JOB.at, _JOB.id).limit(1).scalar_subquery()
        with self.store.begin() as base:
            row = base.execute(update(tables.job).where(_JOB.id == oldest, self._free()).values(
                state="running", beat=now, started=now, tries=_JOB.tries + 1, progress=0.0, message="Starting").returning(
                    *(tables.job.c[name] for name in ("id", "kind", "model", "settings", "by", "why", "tries")))).mappings().first()
        return None if row is None else Taken(**row)

    def beat(self, job: Taken, progress: float, message: str) -> str:
        """A sign of life; returns "go", "cancel" when the end was asked for, or "lost" when the job is not this worker's any more."""
        with self.store.begin() as base:
            asked = base.execute(update(tables.job).where(_mine(job)).values(
                beat=moment.now(), progress=min(max(float(progress), 0.0), 1.0), message=message).returning(_JOB.cancel)).first()
        return "lost" if asked is None else "cancel" if asked[0] else "go"

    def done(self, job: Taken, result: dict[str, Any]) -> bool:
        """It is done; False when it was not this worker's any more."""
        return self._end(job, state="done", progress=1.0, message=str(result.get("sentence") or "Done"), result=result)

    def failed(self, job: Taken, error: dict[str, str]) -> bool:
        """It failed with a stated error."""
        return self._end(job, state="failed", message=error["what"], error=error)

    def cancelled(self, job: Taken) -> bool:
        """It was ended on request."""
        return self._end(job, state="cancelled", message="Cancelled")

    def seal(self, job: Taken) -> str:
        """From here on the job cannot be cancelled, because it is about to keep what it made; answers as :meth:`beat`."""
        with self.store.begin() as base:
            row = base.execute(select(_JOB.cancel, _JOB.settings).where(_mine(job)).with_for_update()).first()
            if row is None or row[0]:
                return "lost" if row is None else "cancel"
            base.execute(update(tables.job).where(_mine(job)).values(settings={**row[1], _SEALED: True}))
        return "go"

    def unseal(self, job: Taken) -> None:
        """An earlier taking died before it kept anything: the job can be cancelled again."""
        with self.store.begin() as base:
            row = base.execute(select(_JOB.settings).where(_mine(job)).with_for_update()).first()
            if row is not None:
                kept = {name: value for name, value in row[0].items() if name != _SEALED}
                base.execute(update(tables.job).where(_mine(job)).values(settings=kept))

    # ---- the server's side -----------------------------------------------------------------------------------------

    def give_back(self, id: str, tries: int, *, blame: bool) -> bool:
        """A worker died or was stopped with this job in hand: cancelled when that was asked for, else it waits again.

        ``blame`` counts the taking against the job's three; a server that shuts down does not.
        """
        taken = Taken(id, "", "", {}, "", "", tries)
        with self.store.begin() as base:
            row = base.execute(select(_JOB.cancel).where(_mine(taken))).first()
            if row is None:
                return False
            if row[0]:
                self._write_end(base, taken, state="cancelled", message="Cancelled")
            elif blame and tries >= TRIES:
                self._write_end(base, taken, state="failed", message="Its worker died each time", error=_worn_out())
            else:
                base.execute(update(tables.job).where(_mine(taken)).values(
                    state="waiting", beat=None, tries=tries if blame else tries - 1, message="Waiting for a worker again"))
        return True

    def bury(self) -> None:
        """End what nobody will take again: dead for the third time, or dead and asked to end."""
        dead = and_(_JOB.state == "running", _JOB.beat < moment.now(ahead=-self.stale))
        with self.store.read() as base:
            found = base.execute(select(_JOB.id, _JOB.tries).where(dead, or_(_JOB.cancel, _JOB.tries >= TRIES))).all()
        for id, tries in found:
            self.give_back(id, tries, blame=True)

    def asked_to_end(self, id: str, tries: int) -> bool:
        """Whether this taking of the job still runs and somebody asked for its end."""
        with self.store.read() as base:
            return bool(base.execute(select(_JOB.cancel).where(_mine(Taken(id, "", "", {}, "", "", tries)))).scalar())

    def _free(self) -> Any:
        dead = and_(_JOB.state == "running", _JOB.beat < moment.now(ahead=-self.stale), _JOB.tries < TRIES)
        return and_(or_(_JOB.state == "waiting", dead), _JOB.cancel.is_(False))

    def _end(self, job: Taken, **values: Any) -> bool:
        with self.store.begin() as base:
            return self._write_end(base, job, **values)

    def _write_end(self, base: Connection, job: Taken, **values: Any) -> bool:
        return bool(base.execute(update(tables.job).where(_mine(job)).values(ended=moment.now(), **values)).rowcount)


def _mine(job: Taken) -> Any:
    return and_(_JOB.id == job.id, _JOB.state == "running", _JOB.tries == job.tries)


def _row(base: Connection, id: str, *, hold: bool = False) -> Any:
    wanted = select(tables.job).where(_JOB.id == str(id))
    row = base.execute(wanted.with_for_update() if hold else wanted).mappings().first()
    if row is None:
        raise ServiceError("TOC-640", "there is no such job", came=str(id)[:60], todo="list the jobs on the home page")
    return row


def _shown(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}


def _worn_out() -> dict[str, str]:
    return ServiceError("TOC-641", "the worker died each time it took this job", came=f"{TRIES} tries",
                        todo="look into the log of the service; a data set that is too large for the memory is the usual reason").to_dict()
