from __future__ import annotations

import numpy as np

from tocsin.detectors.logs.counts import EventCounts

USUAL = ["open\nread\nread\nclose", "open\nread\nclose"] * 10


def test_number_counts_and_order_does_not() -> None:
    model = EventCounts().fit(USUAL)
    fine, turned, missing, doubled, foreign = model.anomaly_score(
        ["open\nread\nclose", "close\nread\nopen", "open\nread", "open\nread\nclose\nclose", "open\nread\nclose\nalarm"])
    assert fine == turned
    assert min(missing, doubled, foreign) > fine + 5


def test_the_only_session_of_its_kind_is_odd_among_its_own() -> None:
    held = EventCounts().fit_held_out([*USUAL, "open\nopen\nopen\nclose"])
    assert held.argmax() == 20 and held[20] > held[:20].max() + 0.9


def test_reason_says_which_count_is_odd() -> None:
    (reason,) = EventCounts().fit(USUAL).reasons(["open\nread\nclose\nclose\nclose"])
    assert reason.sentence == "`close` came 3 times where once would be usual"
    assert reason.parts[0].where == (4,)
    made = EventCounts().fit(USUAL).anomaly_map(["open\nread\nclose\nclose\nclose"])[0]
    assert np.array_equal(made > 0, [False, False, True, True, True])
