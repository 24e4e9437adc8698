"""A fitted pipeline that heeds a person: a new model, at once, saved with its answers, told in its reasons; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.delivery.flatten import flatten, restore
from tocsin.pipeline.pipeline import Pipeline


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 4))


@pytest.fixture(scope="module")
def model(rows: np.ndarray) -> Pipeline:
    return tocsin.fit(rows, detector="gaussian")


ODD = [8.0, 0.0, 0.0, 0.0]
FAR = [0.0, 0.0, 0.0, -8.0]


def test_a_new_model_heeds_and_the_old_one_stays(model: Pipeline, rows: np.ndarray) -> None:
    before = model.detect([ODD, FAR])
    told = model.answered([ODD], [0])
    found = told.detect([ODD, FAR])
    assert before.is_anomaly.tolist() == [True, True] and found.is_anomaly.tolist() == [False, True]
    assert found.score[1] == before.score[1] and found.p_value[1] == before.p_value[1] and found.threshold == before.threshold
    assert np.array_equal(model.detect([ODD, FAR]).score, before.score) and model.feedback_ is None
    assert np.array_equal(told.anomaly_score([ODD, FAR]), found.score)


def test_calls_add_up_and_are_counted(model: Pipeline) -> None:
    told = model.answered([ODD], [0]).answered([FAR], [1])
    assert told.facts_["answers"] == {"normal": 1, "anomaly": 1, "undecided": 0, "reach": "all", "to": model.facts_["version"]}
    together = model.answered([ODD, FAR], [0, 1])
    rows = np.random.default_rng(3).normal(size=(50, 4)) * 2
    assert np.array_equal(told.detect(rows).score, together.detect(rows).score)
    assert len({one.facts_["version"] for one in (model, told, model.answered([ODD], [1]))}) == 3
    assert told.detect([ODD]).version == told.facts_["version"]


def test_labels_of_the_rows_are_answers(model: Pipeline) -> None:
    labelled = Dataset.of([ODD, FAR], np.array([0, 1]))
    assert model.answered(labelled).facts_["answers"]["normal"] == 1


def test_it_is_saved_and_loaded_with_its_answers(model: Pipeline, tmp_path: Path) -> None:
    told = model.answered([ODD, FAR], [0, 1])
    rows = np.random.default_rng(3).normal(size=(50, 4)) * 2
    again = tocsin.load(tocsin.save(told, tmp_path / "told.tocsin"))
    assert np.array_equal(again.detect(rows).score, told.detect(rows).score)
    assert again.manifest()["answers"] == told.facts_["answers"]
    more = again.answered([[0.0, 8.0, 0.0, 0.0]], [0])
    assert more.facts_["answers"]["normal"] == 2


def test_a_file_from_before_there_were_answers_still_loads_and_takes_them(model: Pipeline) -> None:
    state = restore(*flatten(model.state()))
    assert "answers" not in state
    del state["reference"]["p"]
    old = Pipeline.from_state(state)
    told = old.answered([ODD, FAR], [0, 1])
    assert told.facts_["answers"]["reach"] == "near" and not told.detect([ODD]).is_anomaly[0]


def test_damaged_answers_are_refused(model: Pipeline) -> None:
    state = restore(*flatten(model.answered([ODD], [0]).state()))
    state["answers"]["learned"]["rows_"] = np.zeros((1, 3))
    with pytest.raises(ArtifactError, match="TOC-435"):
        Pipeline.from_state(state)


def test_another_threshold_keeps_the_answers(model: Pipeline) -> None:
    told = model.answered([ODD, [1.0, 1.0, 0.0, 0.0]], [0, 1]).with_threshold("false_alarm_rate=0.0001")
    assert told.detect([ODD, [1.0, 1.0, 0.0, 0.0]]).is_anomaly.tolist() == [False, True]


def test_learning_again_forgets_them(rows: np.ndarray) -> None:
    model = tocsin.fit(rows, detector="gaussian").answered([ODD], [0])
    assert model.fit(rows).feedback_ is None and model.detect([ODD]).is_anomaly[0]


def test_the_reason_tells_of_it(model: Pipeline) -> None:
    told = model.answered([ODD, FAR], [0, 1])
    lowered, raised, plain = told.explain([ODD, FAR, [0.0] * 4], [0, 1, 2]).sentences
    assert "a row like it was judged normal" in lowered and "a row like it was confirmed as an anomaly" in raised
    assert "a row like it" not in plain
    assert "a row like it" not in model.explain([ODD], [0]).sentences[0]


def test_where_they_would_be_lost_they_are_refused(model: Pipeline, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ArtifactError, match="TOC-434"):
        tocsin.export(model.answered([ODD], [0]), tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_columns_of_words_take_answers_too() -> None:
    rng = np.random.default_rng(0)
    frame = {"size": rng.normal(size=200), "kind": np.where(np.arange(200) % 2, "a", "b")}
    model = tocsin.fit(frame, detector="knn")
    odd = {"size": [0.0], "kind": ["never seen"]}
    assert model.detect(odd).is_anomaly[0] and not model.answered(odd, [0]).detect(odd).is_anomaly[0]


def test_stated_errors(model: Pipeline) -> None:
    for said in ([2], [0, 1], None, ["yes"]):
        with pytest.raises(DataError, match="TOC-143"):
            model.answered([ODD], said)
    with pytest.raises(ConfigError, match="TOC-215"):
        model.answered([ODD], [0], reach="far")  # type: ignore[arg-type]
    series = tocsin.fit(Dataset.of(np.sin(np.arange(200.0)), kind="series"), detector="autoregression")
    for call in (lambda: series.answered(np.zeros((1, 1)), [0]), lambda: series.ask(np.zeros((50, 1)))):
        with pytest.raises(ConfigError, match="TOC-216"):
            call()
    with pytest.raises(ConfigError, match="TOC-202"):
        model.ask([ODD], 0)
