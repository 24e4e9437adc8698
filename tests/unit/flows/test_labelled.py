"""What people said, put beside the training rows; copies are bounded and equal words count once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.core.types import Dataset, Detections, Event
from tocsin.flows.labelled import fit, gather
from tocsin.flows.train import compose
from tocsin.monitoring.journal import Journal
from tocsin.store.engine import Store


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Store(tmp_path / "place") as opened:
        yield Journal(opened)


def table(n: int = 200) -> Dataset:
    return Dataset.of(np.random.default_rng(0).normal(size=(n, 2)).round(3), names=["a", "b"])


def cells(data: Dataset, i: int) -> dict[str, float]:
    return dict(zip(("a", "b"), data.X[i].tolist()))


def test_words_about_training_rows_mark_them(journal: Journal) -> None:
    data = table()
    journal.label("m", True, cells=cells(data, 3), by="ann")
    journal.label("m", True, cells={"a": 50.0, "b": 1.0}, by="ann")
    journal.label("m", False, cells=cells(data, 5), by="ann")
    words = gather(journal, "m", data)
    assert np.flatnonzero(words.y).tolist() == [3] and len(words.odd) == 1 and len(words.normal) == 1
    assert (words.false_alarms, words.anomalies) == (1, 2)
    assert data.y is None  # not changed


def test_equal_rows_count_once_and_the_newest_word_holds(journal: Journal) -> None:
    data = table()
    for time, word in enumerate((False, False, True)):
        journal.label("m", word, cells={"a": 50.0, "b": 1.0}, time=str(time), by="ann")
    words = gather(journal, "m", data)
    assert len(words.normal) == 0 and len(words.odd) == 1


def test_labels_in_the_file_hold_until_somebody_says_otherwise(journal: Journal) -> None:
    data = Dataset.of(table().X, y=[1, 1] + [0] * 198, names=["a", "b"])
    journal.label("m", False, cells=cells(data, 1), by="ann")
    assert np.flatnonzero(gather(journal, "m", data).y).tolist() == [0]


def test_copies_are_bounded(journal: Journal) -> None:
    data = table()
    for i in range(20):
        journal.label("m", False, cells={"a": 20.0 + i, "b": 20.0}, by="ann")
    shares: list[float] = []
    model, learned = fit(data, gather(journal, "m", data), lambda rows: compose(rows, "knn"), lambda share, _: shares.append(share))
    assert learned["copies"] == 2 and learned["rows_added"] == 40 and learned["false_alarms"] == 20 and shares == sorted(shares)
    assert learned["still_flagged"] == sum(bool(flag) for flag in model.detect([[20.0 + i, 20.0] for i in range(20)]).is_anomaly)


def test_nothing_said_is_a_plain_fit(journal: Journal) -> None:
    data = table()
    model, learned = fit(data, gather(journal, "m", data), lambda rows: compose(rows, "gaussian"), lambda *_: None)
    assert learned == {"false_alarms": 0, "anomalies": 0, "left_out": 0, "copies": 0, "rows_added": 0,
                       "still_flagged": 0, "not_raised": 0}
    np.testing.assert_array_equal(model.anomaly_score(data), compose(data, "gaussian").fit(data).anomaly_score(data))


def series() -> tuple[Dataset, np.ndarray]:
    time = np.datetime64("2026-01-01T00:00:00") + np.arange(100) * np.timedelta64(60, "s")
    return Dataset.of(np.arange(100.0), kind="series", names=["x"], time=time), time


def judged(journal: Journal, data: Dataset, rows: list[int], trace: dict[str, Any] | None = None) -> list[int]:
    flags = np.isin(np.arange(len(data)), rows)
    ones, event = np.ones(len(data)), Event(rows[0], rows[-1], rows[0], 1.0, 0.5)
    found = Detections(data.ids, ones, ones, flags, 0.5, data.time, (event,))
    journal.record("m", 1, data, found, source="", quality={}, sketch={}, trace=trace)
    return [one["id"] for one in journal.detections("m")]


def test_a_word_without_a_place_in_time_is_left_out_and_counted(journal: Journal) -> None:
    data, _ = series()
    for time in ("garbage", None):
        journal.label("m", False, cells=dict.fromkeys(data.schema.names, 1.0), time=time, by="ann")
    words = gather(journal, "m", data, 5)
    assert words.left_out == 2 and words.normal == [] and not words.y.any()


def test_a_word_about_one_step_holds_for_its_event(journal: Journal) -> None:
    data, _ = series()
    ids = judged(journal, data, [40, 41, 42])
    journal.label("m", True, detection=ids[0], by="ann")
    assert np.flatnonzero(gather(journal, "m", data, 5).y).tolist() == [40, 41, 42]
    journal.label("m", False, detection=ids[0], by="ann")
    words = gather(journal, "m", data, 5)
    stretch, must = words.normal[0]
    assert words.y.sum() == 0 and stretch.X[:, 0].tolist() == list(range(35, 48)) and must.tolist() == [5, 6, 7]


def test_a_stretch_from_elsewhere_comes_from_its_trace_or_is_its_rows(journal: Journal) -> None:
    data, time = series()
    later = Dataset.of(data.X + 1_000, kind="series", names=["x"], time=time + np.timedelta64(90, "D"))
    ids = judged(journal, later, [40, 41])
    journal.label("m", False, detection=ids[0], by="ann")
    stretch, must = gather(journal, "m", data, 5).normal[0]
    assert stretch.X[:, 0].tolist() == [1_040.0, 1_041.0] and must.tolist() == [0, 1]
    times = [str(value) for value in later.time] if later.time is not None else []
    trace = {"ids": list(range(100)), "time": times, "columns": [{"name": "x", "values": later.X[:, 0].tolist()}]}
    ids = judged(journal, later, [60], trace)
    journal.label("m", False, detection=ids[0], by="ann")
    stretch, must = gather(journal, "m", data, 5).normal[1]
    assert stretch.X[:, 0].tolist() == [1_000.0 + i for i in range(55, 66)] and must.tolist() == [5]
    assert stretch.time is not None and stretch.time[0] == later.time[55]  # type: ignore[index]
