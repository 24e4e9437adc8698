"""Cells as JSON can hold them."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

import tocsin
from tocsin.core.types import Dataset
from tocsin.monitoring.cells import cells_of, plain_cell, plain_text, times_as_text


def test_every_cell_can_be_written_as_json() -> None:
    values = [np.float32(1.5), np.int8(3), Decimal("2.5"), float("nan"), float("inf"), date(2026, 1, 31), "a\0b", "\ud800", b"x", True,
              None]
    plain = [plain_cell(value) for value in values]
    assert json.loads(json.dumps(plain, allow_nan=False)) == [1.5, 3, 2.5, None, "inf", "2026-01-31", "a?b", "?", "b'x'", True, None]
    assert plain[9] is True


def test_cells_come_as_they_are_with_their_group() -> None:
    table = pa.table({"t": [1, 2, 1, 2], "pump": ["a", "a", "b", "b"], "flow": [1.0, None, 3.0, 4.0], "state": ["x", "y", "x", "y"]})
    data = tocsin.read(table, time="t", group="pump")
    assert cells_of(data, np.array([1, 2])) == [{"flow": None, "state": "y", "pump": "a"}, {"flow": 3.0, "state": "x", "pump": "b"}]


def test_cells_of_an_array_have_its_names() -> None:
    assert cells_of(Dataset.of([[1, 2], [3, 4]], names=["a", "b"]), np.array([1])) == [{"a": 3, "b": 4}]


def test_times_keep_what_is_exact() -> None:
    assert times_as_text(np.array(["2026-01-31T10:00:00.5"], dtype="datetime64[ns]")) == ["2026-01-31T10:00:00.500000"]
    assert times_as_text(np.array([1, 2])) == ["1", "2"]
    assert times_as_text(np.array([1.5, np.nan])) == ["1.5", None]
    assert plain_text("ä") == "ä"
