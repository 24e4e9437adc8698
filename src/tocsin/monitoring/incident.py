"""Incidents: something is wrong, somebody owns it, and what was done stands in its timeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, case, select

from tocsin.core.errors import ConfigError, ServiceError, StateError
from tocsin.monitoring import notify
from tocsin.monitoring.once import turn
from tocsin.store import moment, tables
from tocsin.store.engine import Store

_FIRST = 100  # firings that get an entry each; later every hundredth one
_LONGEST = 24 * 366  # hours of a mute
_ORDER = {"open": 0, "acknowledged": 1, "resolved": 2}


class Incidents:
    """open → acknowledged → resolved. What fires again under the same key, while not resolved, is the same incident; afterwards a new one.

    Each change writes its entry of the timeline and its webhook notice in one transaction. Two processes that raise the same key at the
    same moment get one incident. A mute has an end, and silences one key or ("") a whole detector.

    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     incidents = Incidents(store)
    ...     first = incidents.raise_("pump", "quality", "quality:flow", "Half of 'flow' is missing", "high", {})
    ...     again = incidents.raise_("pump", "quality", "quality:flow", "Half of 'flow' is missing", "high", {})
    ...     done = incidents.resolve(first["id"], by="ada", note="cable")
    ...     [(one["state"], one["count"]) for one in incidents.list()], [entry["what"] for entry in incidents.get(first["id"])["timeline"]]
    ([('resolved', 2)], ['opened', 'fired', 'resolved'])
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # ---- by rules -------------------------------------------------------------------------------------------------

    def raise_(self, model: str, rule: str, key: str, title: str, severity: str, detail: dict[str, Any], *, by: str = "tocsin",
               base: Connection | None = None) -> dict[str, Any] | None:
        """Open an incident, or count up the one that is not resolved; None when it is muted.

        ``severity`` "low" or "high"; the higher one stays. ``base``: a transaction of the store to be part of. Raises ConfigError TOC-287.
        """
        if severity not in ("low", "high"):
            raise ConfigError("TOC-287", "an incident is of low or high severity", came=repr(severity)[:40], todo="pass 'low' or 'high'")
        with self._within(base) as base:
            turn(base, "incident", model, key)
            if _muted(base, model, key) is not None:
                return None
            found = _unresolved(base, model, key)
            if found is None:
                return self._open(base, {"model": model, "rule": rule, "key": key, "title": title, "severity": severity,
                                         "detail": detail}, by)
            higher = "high" if "high" in (severity, found["severity"]) else "low"
            made = _change(base, found, title=title, severity=higher, detail=detail, count=found["count"] + 1)
            if made["count"] <= _FIRST or made["count"] % _FIRST == 0:
                _tell(base, made, "fired", by, title)
            if higher != found["severity"]:
                notify.write(base, made)
            return made

    def _open(self, base: Connection, incident: dict[str, Any], by: str) -> dict[str, Any]:
        now = moment.now()
        row = {**incident, "state": "open", "owner": "", "opened": now, "changed": now, "count": 1}
        made = base.execute(tables.incident.insert().values(**row)).inserted_primary_key
        made_one = _incident(base, int(made[0]) if made else 0)
        _tell(base, made_one, "opened", by, made_one["title"])
        notify.write(base, made_one)
        return made_one

    # ---- by people ------------------------------------------------------------------------------------------------

    def acknowledge(self, id: int, *, by: str, note: str = "") -> dict[str, Any]:
        """Somebody looks at it. Again: nothing changes. Raises ServiceError TOC-631, StateError TOC-350 when it is resolved."""
        return self._move(id, "acknowledged", by, note)

    def resolve(self, id: int, *, by: str, note: str = "") -> dict[str, Any]:
        """It is over; the next firing opens a new one. Raises ServiceError TOC-631."""
        return self._move(id, "resolved", by, note)

    def assign(self, id: int, owner: str, *, by: str, note: str = "") -> dict[str, Any]:
        """Give it to ``owner``. Raises ServiceError TOC-631, StateError TOC-350 when it is resolved."""
        with self.store.begin() as base:
            found = _incident(base, id, hold=True)
            if found["state"] == "resolved":
                raise _over(found, "assigned")
            made = _change(base, found, owner=owner)
            _tell(base, made, "assigned", by, f"{owner}: {note}" if note else owner)
            return made

    def note(self, id: int, *, by: str, note: str = "", what: str = "noted") -> dict[str, Any]:
        """Add to the timeline, at any time; ``what`` was done, in one word ("labelled", "retrained", "rolled back")."""
        with self.store.begin() as base:
            found = _incident(base, id, hold=True)
            made = found if found["state"] == "resolved" else _change(base, found)
            _tell(base, made, what, by, note)
            return made

    def _move(self, id: int, state: str, by: str, note: str) -> dict[str, Any]:
        with self.store.begin() as base:
            found = _incident(base, id, hold=True)
            if found["state"] == state:
                return found
            if found["state"] == "resolved":
                raise _over(found, state)
            owner = found["owner"] or (by if state == "acknowledged" else "")
            made = _change(base, found, state=state, owner=owner)
            _tell(base, made, state, by, note)
            notify.write(base, made)
            return made

    # ---- mutes ----------------------------------------------------------------------------------------------------

    def mute(self, model: str, key: str, hours: float, by: str, why: str = "") -> str:
        """Raise nothing under ``key`` ("": nothing of ``model``) for some hours; returns until when.

        Raises ConfigError TOC-288 for a mute that has no length or is longer than a year.
        """
        if not 0 < hours <= _LONGEST:
            raise ConfigError("TOC-288", "a mute lasts more than 0 hours and at most a year", came=repr(hours)[:40], todo="pass hours=24")
        return self._mute(model, key, moment.now(ahead=hours * 3600), "muted", by, why)

    def unmute(self, model: str, key: str, by: str, why: str = "") -> None:
        """End a mute now."""
        self._mute(model, key, moment.now(), "unmuted", by, why)

    def muted(self, model: str, key: str = "") -> str | None:
        """Until when nothing is raised under ``key``, by a mute of its own or of the whole model; None when it is not muted."""
        with self.store.read() as base:
            return _muted(base, model, key)

    def _mute(self, model: str, key: str, until: str, what: str, by: str, why: str) -> str:
        table = tables.incident
        with self.store.begin() as base:
            base.execute(tables.mute.insert().values(model=model, key=key, until=until, at=moment.now(), by=by, why=why))
            wanted = select(table).where(table.c.model == model, table.c.state != "resolved")
            for row in base.execute(wanted if key == "" else wanted.where(table.c.key == key)).mappings().all():
                _tell(base, dict(row), what, by, f"until {until}" + (f": {why}" if why else ""))
        return until

    # ---- reading --------------------------------------------------------------------------------------------------

    def list(self, state: str | None = None, model: str | None = None, *, limit: int = 200) -> list[dict[str, Any]]:
        """Incidents, open ones first, then the latest; ``state`` "open", "acknowledged", "resolved" or "unresolved"."""
        table = tables.incident
        wanted = select(table).order_by(case(_ORDER, value=table.c.state), table.c.changed.desc(), table.c.id.desc()).limit(limit)
        if state is not None:
            wanted = wanted.where(table.c.state != "resolved" if state == "unresolved" else table.c.state == state)
        if model is not None:
            wanted = wanted.where(table.c.model == model)
        with self.store.read() as base:
            return [dict(row) for row in base.execute(wanted).mappings()]

    def get(self, id: int) -> dict[str, Any]:
        """One incident with its ``timeline``, oldest entry first. Raises ServiceError TOC-631."""
        entry = tables.incident_entry
        with self.store.read() as base:
            found = _incident(base, id)
            lines = base.execute(select(entry).where(entry.c.incident == id).order_by(entry.c.id)).mappings()
            return {**found, "timeline": [{name: line[name] for name in ("at", "by", "what", "note")} for line in lines]}

    def unresolved(self, model: str, key: str, *, base: Connection | None = None) -> dict[str, Any] | None:
        """The incident under ``key`` that is not resolved, or None."""
        with self._within(base) as base:
            return _unresolved(base, model, key)

    @contextmanager
    def _within(self, base: Connection | None) -> Iterator[Connection]:
        if base is not None:
            yield base
        else:
            with self.store.begin() as new:
                yield new


def _incident(base: Connection, id: int, *, hold: bool = False) -> dict[str, Any]:
    wanted = select(tables.incident).where(tables.incident.c.id == id)
    row = base.execute(wanted.with_for_update() if hold else wanted).mappings().first()
    if row is None:
        raise ServiceError("TOC-631", "there is no such incident", came=str(id)[:40], todo="list the incidents")
    return dict(row)


def _unresolved(base: Connection, model: str, key: str) -> dict[str, Any] | None:
    table = tables.incident
    row = base.execute(select(table).where(table.c.model == model, table.c.key == key, table.c.state != "resolved")
                       .order_by(table.c.id.desc()).with_for_update()).mappings().first()
    return None if row is None else dict(row)


def _change(base: Connection, found: dict[str, Any], **values: Any) -> dict[str, Any]:
    values = {**values, "changed": moment.now()}
    base.execute(tables.incident.update().where(tables.incident.c.id == found["id"]).values(**values))
    return {**found, **values}


def _tell(base: Connection, incident: dict[str, Any], what: str, by: str, note: str) -> None:
    base.execute(tables.incident_entry.insert().values(incident=incident["id"], at=moment.now(), by=by, what=what, note=note))


def _muted(base: Connection, model: str, key: str) -> str | None:
    """The newest word about a key holds, so that a mute can be ended before its time."""
    table, now = tables.mute, moment.now()
    ends = []
    for each in {key, ""}:
        until = base.execute(select(table.c.until).where(table.c.model == model, table.c.key == each).order_by(table.c.id.desc())
                             .limit(1)).scalar()
        ends += [until] if until is not None and until > now else []
    return max(ends, default=None)


def _over(found: dict[str, Any], wanted: str) -> StateError:
    return StateError("TOC-350", f"this incident is resolved and cannot be {wanted}", came=f"incident {found['id']}",
                      todo="the next firing opens a new one; a note can still be added")
