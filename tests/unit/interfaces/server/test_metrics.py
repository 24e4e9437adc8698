"""Figures for Prometheus: from requests and from the store, in a registry of their own."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from tocsin.interfaces.server.metrics import Metrics
from tocsin.store import tables
from tocsin.store.engine import Store
from tocsin.store.moment import now


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "data") as store:
        yield store


def figures(text):
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def batch(store, rows, alarms, *, at, model="pump"):
    with store.begin() as base:
        base.execute(insert(tables.batch).values(id=f"{model}{at}{rows}"[-32:], model=model, number=1, at=at, rows=rows, alarms=alarms))


def test_requests_are_counted_by_route_not_by_address(served, key):
    with served.client(key) as client:
        for name in ("a", "b", "c"):
            client.post(f"/api/v1/things/{name}")
            client.get(f"/{name}")
            client.get(f"/api/v1/plain/{name}/at")
        client.request("BREW", "/api/v1/ping")
        found = figures(client.get("/metrics").text)
    assert found["tocsin_requests_total", *sorted(("POST", "/api/v1/things/{name}", "403"))] == 3
    assert found["tocsin_requests_total", *sorted(("GET", "(none)", "404"))] == 3
    assert found["tocsin_requests_total", *sorted(("GET", "/api/v1/plain/{name}/at", "200"))] == 3
    assert found["tocsin_requests_total", *sorted(("OTHER", "/api/v1/ping", "405"))] == 1
    assert found["tocsin_request_seconds_count", "/api/v1/things/{name}"] == 3
    assert not any("/api/v1/things/a" in name for name in found)


def test_figures_of_the_store(store):
    metrics = Metrics(store)
    at = now()
    with store.begin() as base:
        base.execute(insert(tables.model).values(name="pump", kind="table", settings={}, at=at, by="ann", why=""))
        for number in (1, 2):
            base.execute(insert(tables.version).values(model="pump", number=number, digest="0" * 64, bytes=1, facts={}, at=at, by="ann",
                                                       why=""))
        base.execute(insert(tables.alias).values(model="pump", name="live", number=2, at=at, by="ann", why=""))
        for i, state in enumerate(("waiting", "done", "done")):
            base.execute(insert(tables.job).values(id=f"{i}", kind="fit", model="pump", state=state, settings={}, at=at, by="ann", why=""))
        for state in ("open", "acknowledged", "resolved"):
            base.execute(insert(tables.incident).values(model="pump", rule="anomaly", key=state, title="t", severity="low", state=state,
                                                        opened=at, changed=at))
    found = figures(metrics.text().decode())
    assert found["tocsin_live_version", "pump"] == 2
    assert (found["tocsin_jobs", "waiting"], found["tocsin_jobs", "done"]) == (1, 2)
    assert found["tocsin_open_incidents", "pump"] == 2


def test_rows_and_alarms_are_counted_once_from_the_start_on(store):
    batch(store, 1000, 100, at=now(ahead=-5))  # before the start: counters begin at zero
    metrics = Metrics(store)

    def shown():
        found = figures(metrics.text().decode())
        return found.get(("tocsin_rows_total", "pump"), 0), found.get(("tocsin_alarms_total", "pump"), 0)

    assert shown() == (0, 0)
    batch(store, 10, 1, at=now())
    assert shown() == shown() == (10, 1)
    batch(store, 5, 0, at=now())
    assert shown() == (15, 1)


def test_what_has_settled_is_not_read_again(store, monkeypatch):
    monkeypatch.setattr("tocsin.interfaces.server.metrics._SETTLED", 0.0)
    metrics = Metrics(store)
    for rows in (10, 5, 1):
        batch(store, rows, 1, at=now())
        metrics.text()
    found = figures(metrics.text().decode())
    assert (found["tocsin_rows_total", "pump"], found["tocsin_alarms_total", "pump"]) == (16, 3)


def test_each_service_has_figures_of_its_own(store):
    one, other = Metrics(store), Metrics(store)
    one.request("GET", "/x", 200, 0.1)
    assert b'route="/x"' in one.text()
    assert b'route="/x"' not in other.text()
    assert not any(family.name.startswith("tocsin") for family in REGISTRY.collect())


def test_this_machine_reads_without_a_key(served):
    assert served.client().get("/metrics").headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_through_a_proxy_a_key_that_may_manage_is_needed(served, key, boss, header):
    passed = {header: "127.0.0.1"}
    for given, status in ((None, 401), (key, 403), (boss, 200)):
        assert served.client(given, headers=passed).get("/metrics").status_code == status
