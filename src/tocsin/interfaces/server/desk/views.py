"""What can be looked at: plain dictionaries, the same for programs and for the page."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import func, select

from tocsin.delivery.registry import Registry, Version
from tocsin.interfaces.server.desk import chart
from tocsin.interfaces.server.jobs.queue import Queue
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.journal import Journal
from tocsin.store import moment, tables
from tocsin.store.engine import Store

_DAY = 86_400.0
_RECENT, _SIGNALS = 50, 100


class Parts(Protocol):
    """What is needed of the place."""

    @property
    def store(self) -> Store: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def incidents(self) -> Incidents: ...


class Views:
    """The views of a place. Nothing here changes anything."""

    def __init__(self, place: Parts) -> None:
        self.place, self.queue = place, Queue(place.store)

    def home(self) -> dict[str, Any]:
        """What is wrong now, and what there is: {incidents, models, jobs}."""
        incidents = self.place.incidents.list(limit=100)
        return {"incidents": incidents, "models": self.briefs(), "jobs": self.queue.recent(since=moment.now(ahead=-_DAY))}

    def briefs(self) -> list[dict[str, Any]]:
        """Every detector in a line each, those in trouble first. One whose first training came to nothing is none: its name is free, and
        its job tells what went wrong."""
        found = [brief for brief in self._briefs(self.place.registry.models()) if brief["versions"] or brief["state"] == "training"]
        order = {"trouble": 0, "training": 1, "fine": 2, "empty": 3}
        return sorted(found, key=lambda brief: (order[brief["state"]], brief["name"]))

    def brief(self, name: str) -> dict[str, Any]:
        """One detector in a line. Raises ServiceError TOC-621."""
        return self._briefs([self.place.registry.model(name)])[0]

    def model(self, name: str) -> dict[str, Any]:
        """One detector with all that its page shows. Raises ServiceError TOC-621."""
        line = self.place.registry.model(name)
        versions = self._versions(line)
        live = next((version for version in versions if version["live"]), None)
        trace = self.place.journal.trace(name)
        newest = self.place.journal.batches(name, limit=1)
        return {"brief": self._briefs([line])[0], "settings": line["settings"], "live": live, "versions": versions,
                "recent": self.place.journal.detections(name, limit=_RECENT), "trace": chart.thinned(trace),
                "threshold": chart.slider(None if live is None else live["facts"], trace),
                "incidents": self.place.incidents.list(model=name, limit=50), "muted": self.place.incidents.muted(name),
                "quality": newest[0]["quality"] if newest else None, "signals": self._signals(name),
                "jobs": self.queue.recent(since=moment.now(ahead=-_DAY), model=name)}

    def versions(self, name: str) -> dict[str, Any]:
        """A detector's versions, the newest first, and every move of its alias. Raises ServiceError TOC-621."""
        line = self.place.registry.model(name)
        return {"model": self._briefs([line])[0], "versions": self._versions(line), "moves": self.place.registry.moves(name)}

    def compare(self, name: str, a: int, b: int) -> dict[str, Any]:
        """Two versions side by side. Raises ServiceError TOC-621, TOC-622."""
        return self.place.registry.compare(name, a, b)

    def job(self, id: str) -> dict[str, Any]:
        """One job. Raises ServiceError TOC-640."""
        return self.queue.job(id)

    def incident(self, id: int) -> dict[str, Any]:
        """One incident with its timeline and the flagged rows that it stands for. Raises ServiceError TOC-631."""
        found = self.place.incidents.get(id)
        return {**found, "detections": self._rows_of(found)}

    def incidents(self, state: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """Incidents, open ones first."""
        return self.place.incidents.list(state, model)

    def detections(self, name: str, *, limit: int = 100, before: int | None = None, batch: str | None = None,
                   only_anomalies: bool = True) -> list[dict[str, Any]]:
        """Flagged rows, the newest first. Raises ServiceError TOC-621."""
        self.place.registry.model(name)
        return self.place.journal.detections(name, limit=limit, before=before, batch=batch, only_anomalies=only_anomalies)

    # ---- parts -----------------------------------------------------------------------------------------------------

    def _briefs(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [line["name"] for line in lines]
        active, rows, opened, facts = self.queue.active(), self._counts(names), self._opened(names), self._live_facts(lines)
        return [self._brief(line, line["name"] in active, rows.get(line["name"], (0, 0)), opened.get(line["name"], 0),
                            facts.get(line["name"])) for line in lines]

    def _brief(self, line: dict[str, Any], active: bool, counts: tuple[int, int], opened: int, live: Any) -> dict[str, Any]:
        state = "trouble" if opened else "training" if active else "fine" if line["live"] is not None else "empty"
        return {"name": line["name"], "kind": line["kind"], "live": line["live"], "versions": line["versions"],
                "trained": None if live is None else live.at, "detector": None if live is None else live.facts.get("detector"),
                "rows_24h": counts[0], "alarms_24h": counts[1], "open_incidents": opened, "state": state}

    def _versions(self, line: dict[str, Any]) -> list[dict[str, Any]]:
        return [version_view(version, line["previous"]) for version in self.place.registry.versions(line["name"])]

    def _counts(self, names: list[str]) -> dict[str, tuple[int, int]]:
        table = tables.batch.c
        asked = select(table.model, func.sum(table.rows), func.sum(table.alarms)).where(
            table.model.in_(names), table.at >= moment.now(ahead=-_DAY)).group_by(table.model)
        with self.place.store.read() as base:
            return {name: (int(rows), int(alarms)) for name, rows, alarms in base.execute(asked)}

    def _opened(self, names: list[str]) -> dict[str, int]:
        table = tables.incident.c
        asked = select(table.model, func.count()).where(table.model.in_(names), table.state != "resolved").group_by(table.model)
        with self.place.store.read() as base:
            return {name: int(many) for name, many in base.execute(asked)}

    def _live_facts(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        table = tables.version.c
        live = {line["name"]: line["live"] for line in lines if line["live"] is not None}
        with self.place.store.read() as base:
            found = base.execute(select(table.model, table.number, table.at, table.facts).where(
                table.model.in_(live), table.number.in_(set(live.values()))))
            return {row.model: row for row in found if live.get(row.model) == row.number}

    def _signals(self, name: str) -> list[dict[str, Any]]:
        """The newest measurement of each thing that is watched."""
        table = tables.signal
        asked = select(table).where(table.c.model == name).order_by(table.c.id.desc()).limit(_SIGNALS)
        with self.place.store.read() as base:
            found = [dict(row) for row in base.execute(asked).mappings()]
        newest: dict[tuple[str, str], dict[str, Any]] = {}
        for signal in found:
            newest.setdefault((signal["what"], signal["column"]), signal)
        return list(newest.values())

    def _rows_of(self, incident: dict[str, Any]) -> list[dict[str, Any]]:
        """The flagged rows that an incident names, else those of its time."""
        detail = incident["detail"] or {}
        if isinstance(detail.get("batch"), str):
            found = self.place.journal.detections(incident["model"], limit=_RECENT, batch=detail["batch"])
            if found:
                return found
        table = tables.detection.c
        asked = select(func.max(table.id)).where(table.model == incident["model"], table.at <= incident["changed"])
        with self.place.store.read() as base:
            last = base.execute(asked).scalar()
        if last is None:
            return []
        found = self.place.journal.detections(incident["model"], limit=_RECENT, before=int(last) + 1)
        since = moment.now(ahead=-_DAY) if incident["state"] != "resolved" else incident["opened"]
        return [row for row in found if row["at"] >= min(since, incident["opened"])]


def version_view(version: Version, previous: int | None) -> dict[str, Any]:
    """A version as it is shown."""
    return {"number": version.number, "live": version.live, "previous": version.number == previous, "digest": version.digest,
            "bytes": version.bytes, "at": version.at, "by": version.by, "why": version.why, "detector": version.facts.get("detector"),
            "n_train": version.facts.get("n_train"), "facts": version.facts, "signer": version.signer, "data": version.data}
