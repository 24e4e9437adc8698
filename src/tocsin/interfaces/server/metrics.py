"""Figures for Prometheus: what was asked, how long it took, and what the store says of rows, alarms, jobs, incidents and versions."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tocsin.interfaces.server.guard import Guard
from tocsin.store.engine import Store
from tocsin.store.moment import now
from tocsin.store.tables import alias, batch, incident, job

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SETTLED = 60.0  # seconds after which no transaction can still add a batch with an older time


class Metrics:
    """The figures of one service, in a registry of their own."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("tocsin_requests", "Requests by route and status.", ["method", "route", "status"], registry=self.registry)
        self._seconds = Histogram("tocsin_request_seconds", "Seconds until a response was sent.", ["route"], buckets=_BUCKETS,
                                  registry=self.registry)
        self.registry.register(_Stored(store))
        self._known: dict[tuple[str, str, int], Any] = {}  # children, so that the hot path makes no label tuples of strings

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        found = self._known.get((method, route, status))
        if found is None:
            shown = method if method in _METHODS else "OTHER"
            found = self._requests.labels(shown, route, str(status)), self._seconds.labels(route)
            self._known[method if method in _METHODS else "OTHER", route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self.registry)


class _Stored(Collector):
    """Figures that the database holds, read when they are asked for, so that they count what other processes did, too."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._rows: Tally[str] = Tally()
        self._alarms: Tally[str] = Tally()
        self._upto = now()  # counters begin at the start, as Prometheus expects

    def describe(self) -> list[Any]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families."""
        with self._lock, self.store.read() as base:
            rows, alarms = self._judged(base)
            yield _family(CounterMetricFamily, "tocsin_rows", "Rows judged since the start.", "model", rows)
            yield _family(CounterMetricFamily, "tocsin_alarms", "Rows flagged since the start.", "model", alarms)
            yield _family(GaugeMetricFamily, "tocsin_jobs", "Jobs by state.", "state", _count(base, job.c.state))
            opened = _count(base, incident.c.model, incident.c.state != "resolved")
            yield _family(GaugeMetricFamily, "tocsin_open_incidents", "Incidents that are not resolved.", "model", opened)
            live = {row.model: row.number for row in base.execute(select(alias.c.model, alias.c.number).where(alias.c.name == "live"))}
            yield _family(GaugeMetricFamily, "tocsin_live_version", "Number of the version that is live.", "model", live)

    def _judged(self, base: Connection) -> tuple[Tally[str], Tally[str]]:
        """Sums that read each old batch once: what is settled is kept, the last minute is read again."""
        settled = max(self._upto, now(ahead=-_SETTLED))
        for model, judged, flagged in _sums(base, self._upto, settled):
            self._rows[model] += judged
            self._alarms[model] += flagged
        self._upto = settled
        rows, alarms = self._rows.copy(), self._alarms.copy()
        for model, judged, flagged in _sums(base, settled, "9"):
            rows[model] += judged
            alarms[model] += flagged
        return rows, alarms


def _sums(base: Connection, after: str, upto: str) -> list[tuple[str, int, int]]:
    asked = select(batch.c.model, func.sum(batch.c.rows), func.sum(batch.c.alarms)).where(batch.c.at > after, batch.c.at <= upto)
    return [(model, int(rows), int(alarms)) for model, rows, alarms in base.execute(asked.group_by(batch.c.model))]


def _count(base: Connection, column: Any, *where: Any) -> dict[str, int]:
    return {name: int(many) for name, many in base.execute(select(column, func.count()).where(*where).group_by(column))}


def _family(kind: Any, name: str, words: str, label: str, values: dict[str, int]) -> Any:
    made = kind(name, words, labels=[label])
    for key, value in sorted(values.items()):
        made.add_metric([key], value)
    return made


def router(metrics: Metrics, guard: Guard) -> APIRouter:
    """``GET /metrics``: for programs on this machine without a key, for others with the scope manage."""
    routes = APIRouter()
    manage = guard.needs("manage")

    @routes.get("/metrics", tags=["service"], summary="Figures for Prometheus", response_class=Response)
    async def figures(request: Request) -> Response:
        if not _near(request):
            await manage(request)
        return Response(await run_in_threadpool(metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def _near(request: Request) -> bool:
    """From this machine, and not through a proxy that runs here for others."""
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    return request.client is not None and request.client.host in ("127.0.0.1", "::1") and not passed_on
