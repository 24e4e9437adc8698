"""Answers in files: written to be judged, read back, learned from, and heeded in a registry."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.delivery.registry import Registry
from tocsin.flows.answers import answer, read_answers, retrain_with, to_judge, written
from tocsin.flows.release import retrain, train
from tocsin.flows.train import compose
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.intake import as_dataset
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 orders; the last two are odd."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    with path.open("w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["order", "weight", "price", "kind"])
        for i in range(300):
            weight, price = rng.normal(10, 1, 2) if i < 298 else (30.0 + i / 1000, 10.0)
            lines.writerow([f"o{i}", round(weight, 4), round(price, 4), "=big" if i % 2 else "small"])
    return path


@pytest.fixture(scope="module")
def data(file: Path) -> Dataset:
    return tocsin.read(str(file), id="order", kind="table")


@pytest.fixture(scope="module")
def model(data: Dataset) -> Pipeline:
    return tocsin.fit(data[:298], detector="knn")


def judged(path: Path, header: list[str], *lines: list[object]) -> Path:
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([header, *lines])
    return path


def test_rows_to_judge_go_out_and_come_back(model: Pipeline, data: Dataset, tmp_path: Path) -> None:
    chosen = np.array([298, 3, 299])
    table = to_judge(model, data, chosen)
    assert table.column_names == ["row", "p_value", "order", "weight", "price", "kind", "is_anomaly"]
    assert table.column("kind").to_pylist()[1] == "'=big"  # a spreadsheet would run it
    written(table, tmp_path / "ask.csv")
    with (tmp_path / "ask.csv").open(newline="") as text:
        lines = list(csv.reader(text))
    for line, said in zip(lines[1:], ("1", "0", "")):
        line[-1] = said
    filled = judged(tmp_path / "filled.csv", lines[0], *lines[1:])
    rows, said = read_answers(filled, model.schema_)
    assert said.tolist() == [1, 0] and len(rows) == 2 and rows.y is None
    told = model.answered(rows, said)
    assert told.detect(data[chosen]).is_anomaly.tolist()[:2] == [True, False]


def test_positions_or_names_are_enough_beside_the_rows(data: Dataset, tmp_path: Path) -> None:
    by_row = judged(tmp_path / "a.csv", ["row", "is_anomaly"], [298, 1], [5, 0], [6, ""])
    rows, said = read_answers(by_row, data.schema, data)
    assert said.tolist() == [1, 0] and rows.ids.tolist() == ["o298", "o5"]
    by_name = judged(tmp_path / "b.csv", ["order", "is_anomaly"], ["o7", "normal"], ["o299", "anomaly"])
    rows, said = read_answers(by_name, data.schema, data)
    assert said.tolist() == [0, 1] and rows.ids.tolist() == ["o7", "o299"]


def test_what_holds_no_answer_is_refused(data: Dataset, tmp_path: Path) -> None:
    wrong = (
        (["row", "weight"], [1, 2.0], "TOC-145"), (["row", "is_anomaly"], [1, ""], "TOC-145"),
        (["row", "is_anomaly"], [1, "perhaps"], "TOC-131"), (["row", "is_anomaly"], [300, 1], "TOC-107"),
        (["row", "is_anomaly"], [-1, 1], "TOC-107"),
        (["order", "is_anomaly"], ["o9999", 1], "TOC-107"),
        (["who", "is_anomaly"], ["o1", 1], "TOC-145"),
    )
    for header, line, code in wrong:
        with pytest.raises(DataError) as caught:
            read_answers(judged(tmp_path / "wrong.csv", header, line), data.schema, data)
        assert caught.value.code == code, header


def test_answers_enter_the_next_training(data: Dataset, tmp_path: Path) -> None:
    rows, said = data[np.array([298, 299])], np.array([0, 1])
    model, learned = retrain_with(data, rows, said, lambda part: compose(part, "knn", clean=False))
    assert (learned["false_alarms"], learned["anomalies"], learned["still_flagged"]) == (1, 1, 0)
    assert not model.detect(data[np.array([298])]).is_anomaly[0]
    assert model.facts_["labelled_anomalies_left_out"] == 1 and model.feedback_ is None


def test_a_series_is_refused() -> None:
    wave = Dataset.of(np.sin(np.arange(100.0)), kind="series")
    with pytest.raises(ConfigError, match="TOC-216"):
        retrain_with(wave, wave[:1], np.array([0]), compose)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        yield opened


def test_a_registered_model_gets_a_candidate_and_the_next_training_knows(place: Store, file: Path, tmp_path: Path) -> None:
    registry = Registry(place)
    train(place, registry, "orders", file, {"detector": "knn", "id": "order", "kind": "table"}, by="ann", why="",
          progress=lambda share, words: None)
    flagged = registry.load("orders", 1).detect({"weight": [60.0], "price": [10.0], "kind": ["small"]})
    assert flagged.is_anomaly[0]
    path = judged(tmp_path / "said.csv", ["weight", "price", "kind", "is_anomaly"], [60.0, 10.0, "small", 0], [10.0, 44.0, "small", 1])
    version, told = answer(place, registry, "orders", path, by="ann")
    assert (version.number, version.live, registry.model("orders")["live"]) == (2, False, 1)
    assert (told["normal"], told["anomaly"]) == (1, 1) and version.facts["answers"] == told
    heeded = registry.load("orders", 2).detect({"weight": [60.0, 10.0], "price": [10.0, 44.0], "kind": ["small", "small"]})
    assert heeded.is_anomaly.tolist() == [False, True]
    assert sorted(label["is_anomaly"] for label in Journal(place).labels("orders")) == [False, True]
    again = retrain(place, registry, "orders", by="ann", why="", progress=lambda share, words: None)
    assert again.facts["learned"]["false_alarms"] == 1 and "answers" not in again.facts


def test_a_name_without_versions_is_told(place: Store, tmp_path: Path) -> None:
    registry = Registry(place)
    registry.create("empty", "table", {}, by="ann")
    with pytest.raises(ConfigError, match="TOC-236"):
        answer(place, registry, "empty", tmp_path / "x.csv", by="ann")


def test_a_column_that_the_file_needs_for_itself_is_refused() -> None:
    data = Dataset.of(np.random.default_rng(0).normal(size=(60, 2)), names=["a", "row"])
    with pytest.raises(DataError, match="TOC-145"):
        to_judge(Pipeline("knn").fit(data), data, np.array([1, 2]))


def test_a_value_that_a_spreadsheet_would_compute_comes_back_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = as_dataset({"a": rng.normal(size=80), "sign": rng.choice(["-y", "+x", "plain"], 80)})
    model = Pipeline("knn").fit(data)
    table = to_judge(model, data, np.arange(12))
    table = table.set_column(table.column_names.index("is_anomaly"), "is_anomaly", pa.array(["1"] * 12))
    written(table, tmp_path / "said.csv")
    rows, said = read_answers(tmp_path / "said.csv", model.schema_)
    assert rows.X.column("sign").to_pylist() == data.X.column("sign").to_pylist()[:12] and said.tolist() == [1] * 12
