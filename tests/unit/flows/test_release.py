"""From a file to a live version, from labels to a candidate, from a threshold to a version; and nothing half done."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import DataError, ServiceError, StateError
from tocsin.delivery.registry import Registry
from tocsin.flows import release
from tocsin.flows.release import rethreshold, retrain, train
from tocsin.flows.watch import judge
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.journal import Journal
from tocsin.store.engine import Store

WHO: dict[str, Any] = {"by": "ann", "why": "test"}


def silent(_share: float, _words: str) -> None:
    pass


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        yield opened


def written(path: Path, columns: dict[str, Any]) -> Path:
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        lines.writerows(zip(*columns.values()))
    return path


def orders(path: Path, n: int = 600, seed: int = 0, odd: int = 0, **more: Any) -> Path:
    rng = np.random.default_rng(seed)
    price, weight = rng.normal(20, 2, n), rng.normal(5, 1, n)
    price[:odd] = 90
    return written(path, {"price": price.round(4), "weight": weight.round(4), "shop": rng.choice(["north", "south"], n), **more})


def flow(path: Path, n: int = 900, odd: float = 5.0) -> Path:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(n) / 4) + 0.1 * rng.normal(size=n)
    values[600:603] += odd
    time = np.datetime64("2026-01-01T00:00:00") + np.arange(n) * np.timedelta64(300, "s")
    return written(path, {"time": time, "flow": values.round(5)})


def made(place: Store, path: Path, progress: Callable[[float, str], None] = silent, name: str = "shop", **settings: Any) -> Any:
    return train(place, Registry(place), name, path, {"clean": False, **settings}, **WHO, progress=progress)


# ---- train ------------------------------------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_live_version_and_its_odd_rows_are_found(place: Store, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    version = made(place, orders(tmp_path / "orders.csv", odd=3), lambda share, words: told.append((share, words)))
    registry, journal = Registry(place), Journal(place)
    assert version.live and version.number == 1 and registry.model("shop")["settings"]["filename"] == "orders.csv"
    assert version.data is not None and place.files.path(version.data).read_bytes() == (tmp_path / "orders.csv").read_bytes()
    assert [share for share, _ in told] == sorted(share for share, _ in told) and told[0][0] == 0 and told[-1][0] == 1
    assert "of the file's 600 rows odd" in told[-1][1]
    batch = journal.batches("shop")[0]
    assert batch["source"] == "orders.csv" and batch["rows"] == 600 and batch["digest"] == version.data
    assert {one["row"] for one in journal.detections("shop")} >= {0, 1, 2}
    assert "`price` is 90" in journal.detections("shop", limit=1_000)[-1]["reason"]["sentence"]
    trace = journal.trace("shop")
    assert trace is not None and trace["columns"][0]["expected"][0] < 30  # from rows that are not the row itself
    assert version.facts["origin"]["source"] == "orders.csv" and str(tmp_path) not in str(version.facts)


def test_the_training_files_own_rows_raise_nothing_later(place: Store, tmp_path: Path) -> None:
    version = made(place, orders(tmp_path / "orders.csv", odd=3))
    judge(place, "shop", version.number, Registry(place).load("shop"), {"price": [20.0], "weight": [5.0], "shop": ["north"]}, source="api")
    assert Incidents(place).list() == []


def test_the_second_version_waits_to_be_promoted(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"))
    second = made(place, orders(tmp_path / "b.csv", seed=1))
    assert second.number == 2 and not second.live and Registry(place).model("shop")["live"] == 1


def test_a_line_that_was_begun_is_used(place: Store, tmp_path: Path) -> None:
    Registry(place).create("shop", "table", {"detector": "gaussian"}, by="ann")
    assert made(place, orders(tmp_path / "a.csv"), detector="gaussian", clean=True).facts["detector"] == "gaussian"


def test_a_series_is_judged_with_events_and_a_band(place: Store, tmp_path: Path) -> None:
    version = made(place, flow(tmp_path / "flow.csv"), time="time", name="pump")
    assert version.facts["kind"] == "series"
    trace = Journal(place).trace("pump")
    assert trace is not None and trace["time"][0] == "2026-01-01T00:00:00"
    assert any(event["start"] <= 602 and event["end"] >= 600 for event in trace["events"])
    assert trace["columns"][0]["high"][601] < trace["columns"][0]["values"][601]
    assert len({one["event"] for one in Journal(place).detections("pump", limit=1_000)}) == len(trace["events"])


@pytest.mark.parametrize(("detector", "left_out"), [("knn", 20), (None, 0)])
def test_labelled_anomalies_are_left_out_or_learned_from(place: Store, tmp_path: Path, detector: str | None, left_out: int) -> None:
    path = orders(tmp_path / "a.csv", odd=20, label=[1] * 20 + [0] * 580)
    version = made(place, path, label="label", clean=True, detector=detector)
    assert version.facts["labelled_anomalies_left_out"] == left_out and version.facts["labelled_anomalies"] == 20
    assert version.facts["detector"] == ("knn" if detector else "guided_fusion")
    assert {one["row"] for one in Journal(place).detections("shop", limit=1_000)} >= set(range(20))


def test_a_network_on_a_clean_file_is_fitted_once(place: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.core.config import Training
    from tocsin.detectors.autoencoder import Autoencoder
    from tocsin.pipeline.pipeline import Pipeline

    monkeypatch.setattr(release, "_compose", lambda data, settings: Pipeline(Autoencoder(training=Training(epochs=2))))
    monkeypatch.setattr(Pipeline, "fit_detect", lambda *_: 1 / 0)
    assert made(place, orders(tmp_path / "a.csv"), clean=True).live


def test_a_stored_upload_is_read_by_the_ending_of_its_name(place: Store, tmp_path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.csv.read_csv(orders(tmp_path / "a.csv")), tmp_path / "a.parquet")
    digest, _ = place.files.put_file(tmp_path / "a.parquet")
    version = made(place, place.files.path(digest), upload=digest, filename="../../orders.PARQUET")
    assert version.data == digest and version.facts["origin"]["source"] == "orders.PARQUET"


def test_what_cannot_be_read_registers_nothing(place: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        made(place, written(tmp_path / "a.csv", {"a": [], "b": []}))
    with pytest.raises(ServiceError, match="TOC-621"):
        Registry(place).model("shop")


def test_stopped_half_way_nothing_is_registered(place: Store, tmp_path: Path) -> None:
    def stop(share: float, _words: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(place, orders(tmp_path / "a.csv"), stop)
    assert Registry(place).models() == [] and Journal(place).batches("shop") == []
    assert made(place, orders(tmp_path / "a.csv")).live


# ---- retrain ----------------------------------------------------------------------------------------------------------------------------


def later(place: Store, **cells: Any) -> dict[str, Any]:
    """Judge one row of the live version, which it flags."""
    registry = Registry(place)
    live = registry.version("shop")
    judged = judge(place, "shop", live.number, registry.load("shop"), {name: [value] for name, value in cells.items()}, source="api")
    assert judged.found.is_anomaly[0]
    return Journal(place).detections("shop", batch=judged.batch)[0]


def flagged(place: Store, number: int, **cells: Any) -> bool:
    return bool(Registry(place).load("shop", number).detect({name: [value] for name, value in cells.items()}).is_anomaly[0])


@pytest.mark.parametrize("detector, clean", [("auto", True), ("auto", False), ("gaussian", True)])
def test_a_false_alarm_is_not_raised_again(place: Store, tmp_path: Path, detector: str, clean: bool) -> None:
    made(place, orders(tmp_path / "a.csv"), detector=detector, clean=clean)
    row = {"price": 27.5, "weight": 8.4, "shop": "south"}
    one = later(place, **row)
    Journal(place).label("shop", False, detection=one["id"], by="ann", why="a bulk order")
    candidate = retrain(place, Registry(place), "shop", **WHO, progress=silent)
    assert candidate.number == 2 and not candidate.live
    learned = candidate.facts["learned"]
    assert learned["false_alarms"] == 1 and learned["anomalies"] == 0 and learned["still_flagged"] == 0 and learned["rows_added"] >= 1
    assert flagged(place, 1, **row) and not flagged(place, 2, **row)
    assert flagged(place, 2, price=90.0, weight=5.0, shop="north")  # what is odd stays odd
    Registry(place).promote("shop", 2, **WHO)
    assert not Registry(place).load("shop").detect({name: [value] for name, value in row.items()}).is_anomaly[0]


def test_an_anomaly_in_the_training_file_is_learned_from(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv", odd=25), clean=True)  # said to be clean, and it was not
    row = {"price": 91.0, "weight": 5.0, "shop": "north"}
    assert not flagged(place, 1, **row)
    for one in Journal(place).detections("shop", limit=1_000):
        Journal(place).label("shop", one["cells"]["price"] == 90, detection=one["id"], by="ann")
    for i in range(25):  # those that were not flagged are named by their cells
        cells = dict(zip(("price", "weight", "shop"), _line(tmp_path / "a.csv", i)))
        Journal(place).label("shop", True, cells={**cells, "price": float(cells["price"]), "weight": float(cells["weight"])}, by="ann")
    candidate = retrain(place, Registry(place), "shop", **WHO, progress=silent)
    assert candidate.facts["labelled_anomalies"] == 25 and candidate.facts["learned"]["anomalies"] >= 25
    assert candidate.facts["detector"] == "guided_fusion"
    assert flagged(place, candidate.number, **row)


def _line(path: Path, i: int) -> list[str]:
    return path.read_text().splitlines()[i + 1].split(",")


def test_an_anomaly_from_elsewhere_is_marked_too(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"), clean=True)
    Journal(place).label("shop", True, cells={"price": 60.0, "weight": 5.0, "shop": "north"}, by="ann")
    candidate = retrain(place, Registry(place), "shop", **WHO, progress=silent)
    assert candidate.facts["labelled_anomalies"] == 1 and candidate.facts["n_train"] == 601


def test_the_newest_word_counts(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"), clean=True)
    one = later(place, price=27.5, weight=8.4, shop="south")
    for word in (True, False, True):
        Journal(place).label("shop", word, detection=one["id"], by="ann")
    learned = retrain(place, Registry(place), "shop", **WHO, progress=silent).facts["learned"]
    assert (learned["false_alarms"], learned["anomalies"]) == (0, 1)


def test_equal_file_and_labels_give_an_equal_model(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"))
    Journal(place).label("shop", False, detection=later(place, price=27.5, weight=8.4, shop="south")["id"], by="ann")
    registry = Registry(place)
    first, second = (retrain(place, registry, "shop", **WHO, progress=silent).number for _ in range(2))
    rows = {"price": np.linspace(10, 40, 50), "weight": np.linspace(2, 9, 50), "shop": ["north"] * 50}
    np.testing.assert_array_equal(*(registry.load("shop", number).anomaly_score(rows) for number in (first, second)))


def test_a_false_alarm_in_a_series_is_not_raised_again(place: Store, tmp_path: Path) -> None:
    made(place, flow(tmp_path / "flow.csv", odd=0.0), time="time", name="pump", clean=True)
    registry, journal = Registry(place), Journal(place)
    n = 300
    values = np.sin(np.arange(n) / 4) + 0.1 * np.random.default_rng(5).normal(size=n)
    values[150:154] -= 4
    time = np.datetime64("2026-02-01T00:00:00") + np.arange(n) * np.timedelta64(300, "s")
    stretch = {"time": time, "flow": values}
    judged = judge(place, "pump", 1, registry.load("pump"), stretch, source="api", keep_trace=True)
    assert judged.found.is_anomaly[150:154].any()
    one = next(one for one in journal.detections("pump", batch=judged.batch) if 150 <= one["row"] < 154)
    journal.label("pump", False, detection=one["id"], by="ann", why="flushing")
    candidate = retrain(place, registry, "pump", **WHO, progress=silent)
    assert candidate.facts["learned"]["still_flagged"] == 0
    before, after = (registry.load("pump", number).detect(stretch) for number in (1, candidate.number))
    assert after.is_anomaly[130:175].sum() < 0.2 * before.is_anomaly[130:175].sum()  # its sharp edges may still be told
    values[150:154] += 8
    assert registry.load("pump", candidate.number).detect(stretch).is_anomaly[150:154].any()  # the other way is still odd


def test_an_event_of_the_training_series_is_kept_out(place: Store, tmp_path: Path) -> None:
    made(place, flow(tmp_path / "flow.csv"), time="time", name="pump")
    journal = Journal(place)
    one = next(one for one in journal.detections("pump", limit=1_000) if one["row"] in (600, 601, 602))
    journal.label("pump", True, detection=one["id"], by="ann")
    same = [other for other in journal.detections("pump", limit=1_000) if other["event"] == one["event"]]
    candidate = retrain(place, Registry(place), "pump", **WHO, progress=silent)
    assert candidate.facts["labelled_anomalies_left_out"] == len(same)


def test_without_the_training_file_there_is_nothing_to_learn_from(place: Store, tmp_path: Path) -> None:
    import tocsin

    registry = Registry(place)
    registry.create("shop", "table", {}, by="ann")
    registry.add("shop", tocsin.fit(np.random.default_rng(0).normal(size=(50, 2)), detector="gaussian"), by="ann")
    with pytest.raises(StateError, match="TOC-351"):
        retrain(place, registry, "shop", **WHO, progress=silent)


# ---- threshold --------------------------------------------------------------------------------------------------------------------------


def test_a_moved_threshold_is_a_version_that_can_be_rolled_back(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"))
    registry = Registry(place)
    rows = {"price": np.linspace(10, 40, 200), "weight": [5.0] * 200, "shop": ["north"] * 200}
    before = registry.load("shop").detect(rows)
    moved = rethreshold(place, registry, "shop", "false_alarm_rate=0.2", **WHO)
    after = registry.load("shop").detect(rows)
    assert moved.live and moved.number == 2 and moved.data == registry.version("shop", 1).data
    np.testing.assert_array_equal(before.score, after.score)
    assert after.is_anomaly.sum() > before.is_anomaly.sum()
    assert registry.rollback("shop", **WHO).number == 1


def test_a_candidate_takes_over_the_live_rule(place: Store, tmp_path: Path) -> None:
    made(place, orders(tmp_path / "a.csv"), detector="gaussian")
    registry, told = Registry(place), []
    rethreshold(place, registry, "shop", "false_alarm_rate=0.005", **WHO)
    candidate = retrain(place, registry, "shop", **WHO, progress=lambda _share, words: told.append(words))
    assert not candidate.live and candidate.facts["threshold"]["rate"] == 0.005 and registry.load("shop", 3).threshold_.rate == 0.005
    assert "false_alarm_rate=0.005" in told[-1] and "version 2" in told[-1]


def test_a_file_with_other_columns_is_refused_before_learning(place: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place, orders(tmp_path / "a.csv"), detector="gaussian")
    monkeypatch.setattr(release, "_fit", lambda *_: pytest.fail("something was learned"))
    with pytest.raises(ServiceError, match="TOC-626"):
        made(place, written(tmp_path / "b.csv", {"height": range(50), "width": np.linspace(1, 2, 50)}), detector="gaussian")
