"""Learning further in a registry: lineage, what is replayed, and nothing promoted or written that was not accepted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, StateError
from tocsin.delivery.registry import Registry
from tocsin.flows.learn import learn
from tocsin.flows.release import train
from tocsin.flows.train import fit
from tocsin.store.engine import Store

WHO: dict[str, Any] = {"by": "ann", "why": "test"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        yield opened


def flow(path: Path, day: int, *, n: int = 1_200, level: float = 0.0, burst: bool = False) -> Path:
    rng = np.random.default_rng(day)
    values = level + np.sin(np.arange(n) * 2 * np.pi / 25) + 0.15 * rng.normal(size=n)
    if burst:
        values[600:640] += 6
    time = np.datetime64("2026-01-01T00:00:00") + np.timedelta64(day, "D") + np.arange(n) * np.timedelta64(60, "s")
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerows([("time", "flow"), *zip(time, values.round(5))])
    return path


@pytest.fixture
def begun(place: Store, tmp_path: Path) -> Registry:
    registry = Registry(place)
    train(place, registry, "pump", flow(tmp_path / "jan.csv", 0), {"detector": "gaussian", "clean": True}, **WHO,
          progress=lambda share, words: None)
    return registry


def test_a_candidate_waits_with_its_lineage(place: Store, begun: Registry, tmp_path: Path) -> None:
    told: list[float] = []
    version, learned = learn(place, begun, "pump", flow(tmp_path / "feb.csv", 5, burst=True), **WHO,
                             progress=lambda share, words: told.append(share))
    assert version is not None and learned.accepted, learned.why
    assert (version.number, version.live, version.data) == (2, False, begun.version("pump", 1).data)
    assert begun.model("pump")["live"] == 1
    facts = version.facts["continual"]
    assert facts["from_version"] == 1 and facts["from"] == begun.version("pump", 1).facts["version"]
    assert facts["learned"][0]["name"] == "feb.csv" and any(start <= 600 and end >= 640 for start, end in facts["learned"][0]["left_out"])
    assert place.files.path(facts["learned"][0]["file"]).read_bytes() == (tmp_path / "feb.csv").read_bytes()
    assert facts["table"] and all(line["good"] for line in facts["table"])
    assert begun.load("pump", 2).facts_["continual"] == facts
    assert told == sorted(told) and told[-1] == 1.0


def test_what_was_learned_before_is_replayed_too(place: Store, begun: Registry, tmp_path: Path) -> None:
    first, _ = learn(place, begun, "pump", flow(tmp_path / "feb.csv", 5, burst=True), **WHO)
    assert first is not None
    begun.promote("pump", first.number, by="ann")
    second, learned = learn(place, begun, "pump", flow(tmp_path / "mar.csv", 9), **WHO)
    assert second is not None, learned.why
    facts = second.facts["continual"]
    assert [one["name"] for one in facts["learned"]] == ["feb.csv", "mar.csv"] and facts["from_version"] == 2
    assert learned.rows["replayed"] > 1_200 and second.facts["labelled_anomalies_left_out"] == 0


def test_what_is_refused_leaves_nothing(place: Store, begun: Registry, tmp_path: Path) -> None:
    before = sorted(path.name for path in (tmp_path / "place" / "files").rglob("*") if path.is_file())
    version, learned = learn(place, begun, "pump", flow(tmp_path / "feb.csv", 5, level=6), **WHO)
    assert version is None and not learned.accepted and learned.suggestion
    assert [one.number for one in begun.versions("pump")] == [1]
    assert sorted(path.name for path in (tmp_path / "place" / "files").rglob("*") if path.is_file()) == before


def test_a_model_from_a_file_needs_its_old_rows_again(place: Store, tmp_path: Path) -> None:
    registry, old = Registry(place), flow(tmp_path / "jan.csv", 0)
    registry.create("pump", "series", {}, by="ann")
    with pytest.raises(ConfigError) as empty:
        learn(place, registry, "pump", flow(tmp_path / "feb.csv", 5), **WHO)
    assert empty.value.code == "TOC-236"
    registry.add("pump", fit(str(old), "gaussian"), by="ann")
    with pytest.raises(StateError) as caught:
        learn(place, registry, "pump", tmp_path / "feb.csv", **WHO)
    assert caught.value.code == "TOC-351"
    version, learned = learn(place, registry, "pump", tmp_path / "feb.csv", **WHO, replay=old)
    assert version is not None and version.data is None, learned.why
