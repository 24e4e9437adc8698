"""Figures of a series use its own period and its groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Detections
from tocsin.data.read import read
from tocsin.flows.evaluate import first_channel, measure


def found(data: Dataset, score: np.ndarray) -> Detections:
    return Detections(data.ids, score, np.where(score > 1, 0.001, 0.5), score > 1, 1.0, data.time)


def test_the_window_is_the_period_of_the_first_channel() -> None:
    t = np.arange(600)
    y = (t >= 300) & (t < 310)
    data = Dataset.of(np.sin(t * 2 * np.pi / 40), y, kind="series", time=t)
    assert measure(found(data, y * 2.0), data)["series"]["window"] == 40


def test_events_do_not_reach_over_groups() -> None:
    y = np.zeros(40, dtype=int)
    y[18:22] = 1
    data = Dataset.of(np.arange(40.0), y, kind="series", time=np.arange(40), group=np.repeat(["a", "b"], 20))
    assert measure(found(data, y * 2.0), data)["series"]["events"]["events"] == 2


def test_the_first_column_of_numbers_is_taken_with_its_gaps_bridged() -> None:
    data = read(pa.table({"at": [0, 1, 2], "mode": ["x", "y", "x"], "flow": [1.0, None, 3.0]}), kind="series", time="at")
    assert first_channel(data).tolist() == [1.0, 2.0, 3.0]


def test_without_numbers_there_is_no_channel() -> None:
    assert first_channel(read(pa.table({"at": [0, 1, 2], "mode": ["x", "y", "x"]}), kind="series", time="at")) is None


def test_no_labels_is_a_stated_error() -> None:
    data = Dataset.of(np.zeros((3, 1)))
    with pytest.raises(DataError, match="TOC-109"):
        measure(found(data, np.zeros(3)), data)
