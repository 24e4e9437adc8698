"""One thing wrong, one incident: its states, its timeline, mutes with an end, and two processes that see the same thing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import update

from tocsin.core.errors import ConfigError, ServiceError, StateError
from tocsin.monitoring import incident as home
from tocsin.monitoring.incident import Incidents
from tocsin.store import tables
from tocsin.store.engine import Store


def fire(store: Store, key: str = "quality:flow", model: str = "pump", title: str = "Half of 'flow' is missing", severity: str = "low",
         **detail: Any) -> dict[str, Any] | None:
    return Incidents(store).raise_(model, "quality", key, title, severity, detail)


def whats(store: Store, id: int) -> list[str]:
    return [entry["what"] for entry in Incidents(store).get(id)["timeline"]]


def opened(store: Store, **given: Any) -> dict[str, Any]:
    made = fire(store, **given)
    assert made is not None
    return made


def test_an_incident_has_all_that_is_shown(store: Store) -> None:
    made = opened(store, rows=3)
    assert set(made) == {"id", "model", "rule", "key", "title", "severity", "state", "owner", "opened", "changed", "count", "detail"}
    assert made["state"] == "open" and made["detail"] == {"rows": 3} and made["count"] == 1
    assert Incidents(store).get(made["id"])["timeline"][0]["note"] == made["title"]
    with pytest.raises(ServiceError, match="TOC-631"):
        Incidents(store).get(made["id"] + 1)


def test_the_same_key_counts_up_and_the_graver_word_stays(store: Store) -> None:
    first = opened(store)
    again, calmer = opened(store, severity="high", title="All of it", rows=9), opened(store, title="Less")
    assert first["id"] == again["id"] == calmer["id"] and opened(store, key="quality:temp")["id"] != first["id"]
    found = Incidents(store).get(first["id"])
    assert (found["count"], found["severity"], found["title"], found["detail"]) == (3, "high", "Less", {})
    assert whats(store, first["id"]) == ["opened", "fired", "fired"]
    assert opened(store, model="fan")["id"] != first["id"]


def test_after_it_was_resolved_a_new_one_opens(store: Store) -> None:
    first = opened(store)
    Incidents(store).resolve(first["id"], by="ann", note="new cable")
    assert opened(store)["id"] != first["id"]
    assert [one["state"] for one in Incidents(store).list()] == ["open", "resolved"]
    assert len(Incidents(store).list("unresolved")) == len(Incidents(store).list("resolved")) == 1
    assert Incidents(store).list(model="fan") == []


def test_states_go_one_way(store: Store) -> None:
    incidents, id = Incidents(store), opened(store)["id"]
    assert incidents.acknowledge(id, by="ann")["owner"] == "ann"
    assert incidents.assign(id, "bob", by="ann", note="yours")["owner"] == "bob"
    assert incidents.acknowledge(id, by="cy")["owner"] == "bob"  # again: nothing changes
    assert opened(store)["state"] == "acknowledged"
    assert incidents.resolve(id, by="bob")["state"] == "resolved"
    assert incidents.resolve(id, by="bob")["state"] == "resolved"
    for act in (lambda: incidents.acknowledge(id, by="ann"), lambda: incidents.assign(id, "ann", by="ann")):
        with pytest.raises(StateError, match="TOC-350"):
            act()
    changed = incidents.get(id)["changed"]
    incidents.note(id, by="ann", note="cause found", what="noted")
    assert whats(store, id) == ["opened", "acknowledged", "assigned", "fired", "resolved", "noted"]
    assert incidents.get(id)["changed"] == changed  # a late note is no change of state
    assert incidents.get(id)["timeline"][2]["note"] == "bob: yours"


def test_a_timeline_of_thousands_of_firings_stays_readable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_FIRST", 3)
    for _ in range(9):
        made = opened(store)
    assert made["count"] == 9 and whats(store, made["id"]) == ["opened", "fired", "fired", "fired", "fired"]  # 2, 3, 6, 9


def test_what_is_muted_is_not_raised(store: Store) -> None:
    incidents = Incidents(store)
    until = incidents.mute("pump", "quality:flow", 2, "ann", "known")
    assert incidents.muted("pump", "quality:flow") == until
    assert incidents.muted("pump") is None and incidents.muted("fan", "quality:flow") is None
    assert fire(store) is None and fire(store, key="quality:temp") is not None
    incidents.unmute("pump", "quality:flow", "ann")
    assert fire(store) is not None


def test_a_mute_of_the_whole_model_reaches_all_keys_and_open_timelines(store: Store) -> None:
    id = opened(store)["id"]
    Incidents(store).mute("pump", "", 1, "ann", "holiday")
    assert fire(store, key="anything") is None and Incidents(store).muted("pump", "anything") and fire(store, model="fan") is not None
    assert whats(store, id) == ["opened", "muted"] and "holiday" in Incidents(store).get(id)["timeline"][1]["note"]


def test_a_mute_ends(store: Store) -> None:
    Incidents(store).mute("pump", "", 1, "ann", "")
    with store.begin() as base:
        base.execute(update(tables.mute).values(until="2000-01-01T00:00:00.000000Z"))
    assert Incidents(store).muted("pump") is None and fire(store) is not None


@pytest.mark.parametrize("hours", [0, -1, 1e9, float("nan")])
def test_a_mute_has_a_length(store: Store, hours: float) -> None:
    with pytest.raises(ConfigError, match="TOC-288"):
        Incidents(store).mute("pump", "", hours, "ann", "")


def test_severity_is_checked(store: Store) -> None:
    with pytest.raises(ConfigError, match="TOC-287"):
        fire(store, severity="medium")


def test_what_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ServiceError, match="TOC-614"):
        fire(store, rows=float("nan"))
    assert Incidents(store).list() == []


def test_two_at_once_open_one(tmp_path: Any, database: str | None) -> None:
    """Two stores on one place, as two processes have them, raising at the same moments."""
    ready, found = threading.Barrier(4), []

    def raise_all() -> None:
        with Store(tmp_path / "place", database) as own:
            ready.wait()
            for i in range(5):
                found.append(opened(own, key=f"key {i}"))

    with Store(tmp_path / "place", database) as store:
        threads = [threading.Thread(target=raise_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted((one["key"], one["count"]) for one in Incidents(store).list()) == [(f"key {i}", 4) for i in range(5)]
        assert len(found) == 20
