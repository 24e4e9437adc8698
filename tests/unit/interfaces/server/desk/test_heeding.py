"""What a person says on the page counts from the next batch on, and is not counted twice when it was learned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tocsin.core.types import Dataset
from tocsin.flows.heed import heeded
from tocsin.flows.train import fit
from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.place import Place
from tocsin.pipeline.pipeline import Pipeline

ODD = {"a": 9.0, "b": 0.0}


@pytest.fixture(scope="module")
def model() -> Pipeline:
    rows = np.random.default_rng(0).normal(size=(120, 2))
    return fit({"a": rows[:, 0], "b": rows[:, 1]}, detector="gaussian")


@pytest.fixture
def desk(tmp_path: Path, model: Pipeline) -> Iterator[Desk]:
    with Place.open(tmp_path / "data") as place:
        place.registry.create("one", "table", {}, by="ada")
        place.registry.add("one", model, by="ada")
        place.registry.promote("one", 1, by="ada")
        desk = Desk(place)
        yield desk
        desk.close()


def flagged(desk: Desk, row: dict[str, float] = ODD) -> bool:
    return bool(desk.score("one", [row])["rows"][0]["is_anomaly"])


def test_a_false_alarm_is_not_raised_again(desk: Desk) -> None:
    assert flagged(desk) and flagged(desk, {"a": 0.0, "b": 9.0})
    desk.scribe.flush()
    detection = next(one for one in desk.place.journal.detections("one") if one["cells"] == ODD)
    desk.label("one", False, detection=detection["id"], by="bo")
    assert not flagged(desk) and flagged(desk, {"a": 0.0, "b": 9.0})
    desk.label("one", True, detection=detection["id"], by="bo")  # a change of mind
    assert flagged(desk)


def test_a_missed_row_that_is_told_is_found_from_then_on(desk: Desk) -> None:
    row = {"a": 1.0, "b": 1.0}
    assert not flagged(desk, row)
    desk.label("one", True, cells=row, by="bo")
    assert flagged(desk, row)


def test_a_word_from_another_process_is_seen_after_a_look(desk: Desk) -> None:
    assert flagged(desk)
    desk.place.journal.label("one", False, cells=ODD, by="bo")
    desk.shelf.moved("one")
    assert not flagged(desk)


def test_what_was_learned_is_not_heeded_again(desk: Desk, model: Pipeline) -> None:
    journal = desk.place.journal
    said = journal.label("one", False, cells=ODD, by="bo")
    assert heeded(journal, "one", model).facts_["answers"]["normal"] == 1
    assert journal.newest_label("one") == said["id"] and journal.newest_label("two") == 0
    learned = model.with_threshold("false_alarm_rate=0.01")
    learned.facts_ = {**learned.facts_, "learned": {"newest": said["id"]}}
    assert heeded(journal, "one", learned) is learned


def test_rows_that_do_not_fit_are_left_out(desk: Desk, model: Pipeline) -> None:
    journal = desk.place.journal
    journal.label("one", False, cells={"a": 9.0}, by="bo")  # a column is missing
    assert heeded(journal, "one", model) is model
    journal.label("one", False, cells=ODD, by="bo")
    assert heeded(journal, "one", model).facts_["answers"]["normal"] == 1


def test_a_series_is_left_as_it_is(desk: Desk) -> None:
    series = fit(Dataset.of(np.sin(np.arange(200.0)), kind="series"), detector="autoregression")
    assert heeded(desk.place.journal, "one", series) is series
