from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator
from tocsin.detectors.logs.counts import EventCounts
from tocsin.detectors.logs.sequence import EventSequence
from tocsin.detectors.logs.sessions import LogSessions


def _sessions(n: int, seed: int) -> list[str]:
    random = generator(seed, "both")
    return ["\n".join(["in", *["step"] * int(random.integers(1, 5)), *map(str, random.permutation(["x", "y"])), "out"]) for _ in range(n)]


def _odds(model: object, odd: list[str]) -> float:
    """Share of normal sessions below the least odd one."""
    usual = model.anomaly_score(_sessions(200, 1))  # type: ignore[attr-defined]
    return float((usual < model.anomaly_score(odd).min()).mean())  # type: ignore[attr-defined]


def test_faults_of_order_and_of_number_are_both_found() -> None:
    train = _sessions(200, 0)
    order, number = ["in\nx\nstep\ny\nout", "step\nin\nx\ny\nout"], ["in\nstep\nx\ny\nout\nout\nout", "in\nstep\nstep\nx"]
    assert _odds(LogSessions().fit(train), order + number) == 1.0
    assert _odds(EventCounts().fit(train), order) < 0.9 <= _odds(EventCounts().fit(train), number)
    assert _odds(EventSequence().fit(train), order) == 1.0


def test_reason_tells_order_and_number() -> None:
    model = LogSessions().fit(_sessions(200, 0))
    swapped, doubled = model.reasons(["step\nin\nx\ny\nout", "in\nstep\nx\ny\nout\nout\nout"])
    assert "`step` came" in swapped.sentence and doubled.sentence.count("`out`") >= 1
    assert all(0 <= part.where[0] < 7 for part in (*swapped.parts, *doubled.parts))


def test_held_out_scores_are_of_each_copy_without_itself() -> None:
    train = ["a\nb\nc"] * 30 + ["a\nc\nb"]
    held = LogSessions().fit_held_out(train)
    assert np.ptp(held[:30]) == 0 and held[30] > held[0] + 2
    assert LogSessions().fit(train).anomaly_score(["a\nc\nb"])[0] < held[30]
