"""Joined answers are single answers, and nobody's mistake is another's."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.flows.train import fit
from tocsin.interfaces.server.batching import Columns, Judge, Lane, Request
from tocsin.pipeline.pipeline import Pipeline


def table(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "amount": float(rng.normal(50, 5)),
            "count": int(rng.integers(0, 40)),
            "city": str(rng.choice(["Oslo", "Rome", "Kyiv"])),
            "express": bool(rng.random() < 0.5),
        }
        for _ in range(n)
    ]


@pytest.fixture(scope="module", params=["gaussian", "knn"])
def model(request: pytest.FixtureRequest) -> Pipeline:
    return fit(table(200), detector=request.param)


@pytest.fixture(scope="module")
def gaussian() -> Pipeline:
    return fit(table(200), detector="gaussian")


class Gate:
    """Holds a lane's first batch until it is opened, so that the next requests gather behind it."""

    def __init__(self) -> None:
        self.open, self.reached, self.sizes = threading.Event(), threading.Event(), []

    def __call__(self, data: Any, found: Any, seconds: float) -> str:
        self.sizes.append(len(found))
        self.reached.set()
        self.open.wait(10)
        return f"batch {len(self.sizes)}"


def together(judge: Judge, requests: list[Any], **lane: Any) -> tuple[list[Future[Any]], Gate]:
    """Answers to requests that were all in line at the same time."""
    gate = Gate()
    line = Lane(judge, heard=gate, **lane)
    line.submit(Request(judge.columns(table(1, 99))))
    assert gate.reached.wait(10)
    answers = [line.submit(Request(one)) for one in requests]
    gate.open.set()
    line.stop()
    return answers, gate


def same(one: Any, other: Any, *, exactly: bool = False) -> None:
    """Equal decisions, and numbers equal up to the last bits: a single row's may differ there between two routines of the machine."""
    assert one.ids.tolist() == other.ids.tolist()
    np.testing.assert_array_equal(one.is_anomaly, other.is_anomaly)
    for name in ("score", "p_value"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0 if exactly else 1e-12)
    assert one.threshold == other.threshold and one.version == other.version


def test_joined_answers_equal_single_ones_to_the_last_bit(model: Pipeline) -> None:
    judge = Judge(model)
    parts = [table(n, seed) for seed, n in enumerate([1, 3, 1, 7, 2, 1])]
    parts[2][0]["amount"] = 400.0
    answers, gate = together(judge, [judge.columns(part) for part in parts])
    assert gate.sizes == [1, 15]
    for part, answer in zip(parts, answers):
        judged = answer.result(10)
        same(judged.found, judge.detect(judge.joined([judge.columns(part)])), exactly=True)
        same(judged.found, model.detect(part))
        assert judged.data.X.column("amount").to_pylist() == [row["amount"] for row in part]
    assert answers[2].result().found.is_anomaly.tolist() == [True]


def test_each_request_learns_where_its_rows_lie_in_the_batch(gaussian: Pipeline) -> None:
    judge = Judge(gaussian)
    answers, _ = together(judge, [judge.columns(table(n)) for n in (2, 1, 4)])
    assert [(one.result().told, one.result().start) for one in answers] == [("batch 2", 0), ("batch 2", 2), ("batch 2", 3)]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": None},
        {"amount": 51},
        {"city": None},
        {"city": "n/a"},
        {"city": "Atlantis"},
        {"city": "oslo "},
        {"express": None},
        {"count": 2**53},
        {"count": 7.5},
        {"city": ""},
        {"extra": "x"},
    ],
)
def test_plain_cells_are_read_as_reading_reads_them(gaussian: Pipeline, change: dict[str, Any]) -> None:
    row = {**table(1)[0], **change}
    judge = Judge(gaussian)
    plain = judge.columns([row])
    assert isinstance(plain, Columns)
    same(judge.detect(judge.joined([plain])), gaussian.detect([row]))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "51,5"},
        {"amount": float("inf")},
        {"amount": True},
        {"count": 2**60},
        {"express": "yes"},
        {"city": 1.5},
        {"city": ["Oslo"]},
    ],
)
def test_cells_that_need_reading_are_not_joined(gaussian: Pipeline, change: dict[str, Any]) -> None:
    assert Judge(gaussian).columns([{**table(1)[0], **change}]) is None


def test_a_row_that_needs_reading_is_judged_beside_the_joined_ones(gaussian: Pipeline) -> None:
    judge, spoken = Judge(gaussian), [{**table(1)[0], "amount": "51.5", "express": "yes"}]
    answers, gate = together(judge, [judge.columns(table(2)), spoken, judge.columns(table(1))])
    assert sorted(gate.sizes) == [1, 1, 3]
    same(answers[1].result(10).found, gaussian.detect(spoken))
    assert answers[1].result().found.score == gaussian.detect([{**spoken[0], "amount": 51.5, "express": True}]).score


def test_one_bad_request_fails_alone(gaussian: Pipeline) -> None:
    judge = Judge(gaussian)
    good, bad = judge.columns(table(2)), Columns((["x"], [1], ["Oslo"], [True]), None, 1)  # a cell that cannot be joined
    answers, _ = together(judge, [good, bad, good, [{"amount": 1.0}]])
    for answer in (answers[0], answers[2]):
        same(answer.result(10).found, gaussian.detect(table(2)))
    with pytest.raises(Exception, match="'x'"):
        answers[1].result(10)
    with pytest.raises(DataError, match="TOC-133"):
        answers[3].result(10)


def test_a_missing_column_needs_reading_and_is_told(gaussian: Pipeline) -> None:
    judge = Judge(gaussian)
    row = table(1)[0]
    del row["city"]
    assert judge.columns([row]) is None and judge.columns([]) is None
    assert judge.columns([row, table(1)[0]]) is not None  # missing in one row: a missing value


def test_a_batch_ends_at_the_limit(gaussian: Pipeline) -> None:
    judge = Judge(gaussian)
    answers, gate = together(judge, [judge.columns(table(3)) for _ in range(4)], most=6)
    assert [len(answer.result(10).found) for answer in answers] == [3, 3, 3, 3] and gate.sizes == [1, 6, 6]


def test_a_threshold_over_the_batch_is_never_joined(gaussian: Pipeline) -> None:
    model = gaussian.with_threshold("false_discovery=0.1")
    judge = Judge(model)
    assert judge.columns(table(1)) is None
    lane = Lane(judge)
    rows = [*table(5), {**table(1)[0], "amount": 500.0}]
    same(lane.submit(Request(rows)).result(10).found, model.detect(rows))
    lane.stop()


def test_rows_keep_the_names_that_the_model_knows() -> None:
    named = [{"order": f"n{i}", **row} for i, row in enumerate(table(80))]
    model = fit(named, detector="gaussian", read_options={"id": "order"})
    judge = Judge(model)
    answers, _ = together(Judge(model), [judge.columns(named[:2]), judge.columns(table(1)), judge.columns([{**named[5], "order": 7}])])
    assert [answer.result(10).found.ids.tolist() for answer in answers] == [["n0", "n1"], [0], [7]]


def test_requests_of_many_threads_all_get_their_own_rows(gaussian: Pipeline) -> None:
    judge, wrong = Judge(gaussian), []
    lane = Lane(judge)

    def ask(seed: int) -> None:
        rows = table(1 + seed % 3, seed)
        expected = judge.detect(judge.joined([judge.columns(rows)]))
        for _ in range(5):
            found = lane.submit(Request(judge.columns(rows))).result(20).found
            if found.score.tolist() != expected.score.tolist():
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lane.stop()
    assert wrong == [] and lane.requests == 60


def test_a_lane_that_was_stopped_serves_again(gaussian: Pipeline) -> None:
    judge = Judge(gaussian)
    lane = Lane(judge)
    for _ in range(2):
        assert len(lane.submit(Request(judge.columns(table(1)))).result(10).found) == 1
        lane.stop()
    lane.stop()


def test_an_abandoned_request_disturbs_nobody(gaussian: Pipeline) -> None:
    judge, gate = Judge(gaussian), Gate()
    lane = Lane(judge, heard=gate)
    first = lane.submit(Request(judge.columns(table(1))))
    assert gate.reached.wait(10)
    gone, kept = (lane.submit(Request(judge.columns(table(2)))) for _ in range(2))
    assert gone.cancel()
    gate.open.set()
    assert len(kept.result(10).found) == 2 and first.result(10)
    lane.stop()
