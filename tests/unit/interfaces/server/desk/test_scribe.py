"""The journal beside the answers: joined, in order, tried again, and never lost in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import DataError
from tocsin.core.types import Column, Dataset, Detections, Schema
from tocsin.interfaces.server.desk.scribe import Scribe


@dataclass(frozen=True)
class Held:
    """A version, as far as the scribe looks."""

    name: str
    number: int
    model: Any = None


def judged(values: list[float], kind: Any = "table") -> tuple[Dataset, Detections]:
    n = len(values)
    table = pa.table({"a": pa.array(values, pa.float64())})
    data = Dataset(table, kind, Schema((Column("a", "number"),)), np.arange(n))
    score = np.array(values)
    return data, Detections(data.ids, score, np.full(n, 0.5), score > 8, 8.0)


class Pages:
    """What was written."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, str, list[float], float]] = []
        self.broken: Exception | None = None

    def __call__(self, held: Any, batch: str, data: Dataset, found: Detections, source: str, seconds: float) -> None:
        if self.broken is not None:
            raise self.broken
        assert data.X.column("a").to_pylist() == found.score.tolist() and len(data.ids) == len(found.ids)
        self.lines.append((held.name, held.number, batch, found.score.tolist(), seconds))


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_rows_of_one_version_share_a_batch_and_know_their_place(pages: Pages) -> None:
    scribe = Scribe(pages, every=3600)
    told = [scribe.add(Held("pump", 1), *judged(values), source="api", seconds=0.5) for values in ([1.0], [2.0, 9.0], [3.0])]
    other = scribe.add(Held("pump", 2), *judged([4.0]), source="api", seconds=0.5)
    assert len({batch for batch, _ in told}) == 1 and [first for _, first in told] == [0, 1, 3] and other[0] != told[0][0] and other[1] == 0
    scribe.stop()
    assert sorted(pages.lines) == sorted([("pump", 1, told[0][0], [1.0, 2.0, 9.0, 3.0], 1.5), ("pump", 2, other[0], [4.0], 0.5)])
    assert (scribe.written, scribe.lost, scribe.waiting) == (5, 0, 0)


def test_a_batch_ends_at_its_size_and_a_series_is_one_by_itself(pages: Pages) -> None:
    scribe = Scribe(pages, every=3600, most=3)
    tables = [scribe.add(Held("pump", 1), *judged([1.0, 2.0]), source="api", seconds=0.0)[0] for _ in range(3)]
    series = [scribe.add(Held("flow", 1), *judged([1.0, 2.0], "series"), source="api", seconds=0.0)[0] for _ in range(2)]
    assert len(set(tables + series)) == 5
    scribe.stop()
    assert len(pages.lines) == 5


def test_it_writes_by_itself_soon(pages: Pages) -> None:
    import time

    scribe = Scribe(pages, every=0.01)
    scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0)
    until = time.monotonic() + 20
    while not pages.lines and time.monotonic() < until:
        time.sleep(0.005)
    assert [line[3] for line in pages.lines] == [[1.0]]
    scribe.stop()


def test_a_failure_is_told_and_the_rows_are_written_later(pages: Pages) -> None:
    scribe = Scribe(pages, every=3600)
    pages.broken = RuntimeError("the disk is full")
    batch, _ = scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0)
    scribe.flush()
    assert scribe.error is pages.broken and scribe.waiting == 1 and scribe.lost == 0
    pages.broken = None
    scribe.flush()
    assert scribe.error is None and [line[2] for line in pages.lines] == [batch]
    scribe.stop()


def test_what_cannot_be_kept_is_counted_as_lost(pages: Pages) -> None:
    scribe = Scribe(pages, every=3600, kept=3)
    pages.broken = RuntimeError("the disk is full")
    for values in ([1.0, 2.0], [3.0, 4.0]):
        scribe.add(Held("flow", 1), *judged(values, "series"), source="api", seconds=0.0)
    scribe.flush()
    assert (scribe.waiting, scribe.lost) == (2, 2)
    scribe.stop()
    assert scribe.lost == 4 and scribe.written == 0


def raw(values: list[str]) -> tuple[Dataset, Detections]:
    """Text where numbers were learned: it was read, and judged, by itself."""
    data, found = judged([1.0] * len(values))
    return Dataset(pa.table({"a": values}), "table", data.schema, data.ids), found


def test_rows_that_needed_reading_are_written_as_they_were_judged() -> None:
    sizes: list[int] = []

    def write(held: Any, batch: str, data: Dataset, found: Detections, source: str, seconds: float) -> None:
        if pa.types.is_string(data.X.column("a").type) and len(data) >= 5:
            raise DataError("TOC-134", "a rule over the whole block")
        sizes.append(len(data))

    scribe = Scribe(write, every=3600)
    plain = [scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0) for _ in range(2)]  # before anything wakes the writer
    told = [scribe.add(Held("pump", 1), *raw(["many", "few"]), source="api", seconds=0.0) for _ in range(4)]
    assert len({batch for batch, _ in told}) == 4 and [first for _, first in told] == [0] * 4
    assert plain[0][0] == plain[1][0] and [first for _, first in plain] == [0, 1]
    scribe.stop()
    assert sorted(sizes) == [2] * 5 and (scribe.written, scribe.lost, scribe.error) == (10, 0, None)


def test_each_kind_of_failure_is_logged_once_without_cells(pages: Pages) -> None:
    lines: list[str] = []
    scribe = Scribe(pages, every=3600, log=lines.append)
    pages.broken = DataError("TOC-134", "another type", came="secret cell")
    scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0)
    scribe.flush()
    scribe.flush()
    pages.broken = OSError("no room")
    scribe.flush()
    assert len(lines) == 2 and "TOC-134 another type" in lines[0] and "OSError: no room" in lines[1] and "secret" not in "".join(lines)
    pages.broken = None
    scribe.stop()


def test_old_losses_are_counted_and_no_longer_an_illness(pages: Pages) -> None:
    clock, lines = [0.0], list[str]()
    scribe = Scribe(pages, every=3600, log=lines.append, clock=lambda: clock[0])
    pages.broken = RuntimeError("it is refused")
    scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0)
    for _ in range(19):
        scribe.flush()
    assert scribe.ill and scribe.lost == 0
    scribe.flush()
    assert scribe.ill and (scribe.lost, scribe.waiting) == (1, 0) and "1 judged rows were not written down" in lines[-1]
    clock[0] = 599.0
    assert scribe.ill
    clock[0] = 601.0
    assert not scribe.ill and scribe.lost == 1
    pages.broken = None
    scribe.add(Held("pump", 1), *judged([1.0]), source="api", seconds=0.0)
    scribe.stop()
    assert not scribe.ill and scribe.error is None and scribe.written == 1
