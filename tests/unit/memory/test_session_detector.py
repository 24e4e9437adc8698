from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.core.state import build

NAMES = ("logs.counts", "logs.sequence", "logs.sessions")


def _sessions(n: int, seed: int = 0) -> list[str]:
    random = generator(seed, "sessions")
    return ["\n".join([f"user {random.integers(99)} opened", *["block read"] * int(random.integers(1, 4)), "checksum was fine",
                       "closing file now"]) for _ in range(n)]


def _log(n: int, seed: int = 0) -> list[str]:
    random = generator(seed, "log")
    return [line for _ in range(n) for line in ("tick", *["work"] * int(random.integers(1, 3)), "tock")]


@pytest.fixture(scope="module", params=NAMES)
def fitted(request: pytest.FixtureRequest) -> Detector:
    return catalog.make(request.param).fit(_sessions(60))


@pytest.mark.parametrize("name", NAMES)
def test_p_values_of_new_normal_sessions_are_even(name: str) -> None:
    model = catalog.make(name)
    held = np.sort(model.fit_held_out(_sessions(300)))
    new = model.anomaly_score(_sessions(300, 1))
    for level in (0.05, 0.2):
        assert (new > np.quantile(held, 1 - level)).mean() <= level + 0.04


def test_copies_in_a_call_and_order_change_nothing(fitted: Detector) -> None:
    items = [*_sessions(10, 2), "closing file now\nuser 3 opened", ""]
    scores = fitted.anomaly_score(items)
    np.testing.assert_allclose(fitted.anomaly_score(items[::-1] + items), np.concatenate([scores[::-1], scores]), rtol=1e-9)


def test_maps_hold_a_number_for_each_line_blank_ones_included(fitted: Detector) -> None:
    made = fitted.anomaly_map(["user 3 opened\n\nblock read\nblock read", "", "what is this\nblock read"])
    assert [len(each) for each in made] == [4, 1, 2]
    assert made[0][1] == 0 and made[2].argmax() == 0


def test_reasons_name_unknown_lines_and_their_place(fitted: Detector) -> None:
    (reason,) = fitted.reasons(["user 3 opened\nblock read\nparity failure on the left disk\nchecksum was fine\nclosing file now"])
    assert "never seen" in reason.sentence
    assert reason.parts[0].where == (2,) and reason.parts[0].what == "parity failure on the left disk"
    assert sum(part.share for part in reason.parts) == pytest.approx(1.0)


def test_usual_and_empty_sessions_have_a_reason_too(fitted: Detector) -> None:
    fine, empty = fitted.reasons([_sessions(1)[0], ""])
    assert fine.sentence and empty.sentence


@pytest.mark.parametrize("name", NAMES)
def test_lines_without_sessions_are_judged_by_those_before_them(name: str) -> None:
    model = catalog.make(name, window=8)
    held = model.fit_held_out(_log(200))
    lines = _log(40, 1)
    odd = [*lines[:60], *["tock"] * 6, *lines[60:]]
    scores = model.anomaly_score(odd)
    assert held.shape == (len(_log(200)),) and scores[60:66].max() > np.quantile(held, 0.995)
    np.testing.assert_allclose(model.anomaly_score(odd[:50]), scores[:50], rtol=1e-9)
    assert (scores[:50] > np.quantile(held, 0.99)).mean() < 0.05
    maps, reasons = model.anomaly_map(odd[55:70]), model.reasons(odd[55:70])
    assert all(len(each) == 1 for each in maps)
    assert all(part.where == (0,) for reason in reasons for part in reason.parts)


def test_a_loaded_model_scores_the_same(fitted: Detector) -> None:
    items = _sessions(9, 4)
    again = build(type(fitted), fitted.state())
    assert np.array_equal(again.anomaly_score(items), fitted.anomaly_score(items))
    assert [one.sentence for one in again.reasons(items)] == [one.sentence for one in fitted.reasons(items)]
    names = set(vars(again))
    again.anomaly_score(items)
    assert set(vars(again)) == names


@pytest.mark.parametrize("broken", [{"templates_": 3}, {"joined_": "yes"}, {"usual_": None}, {"order_": {"runs": {}}, "bags_": {}}])
def test_a_broken_state_is_refused(fitted: Detector, broken: dict[str, Any]) -> None:
    state = fitted.state()
    state["learned"] = {**state["learned"], **broken}
    with pytest.raises(ArtifactError) as caught:
        build(type(fitted), state)
    assert caught.value.code == "TOC-410"


def test_state_is_small(fitted: Detector) -> None:
    def size(value: Any) -> int:
        if isinstance(value, np.ndarray):
            return value.nbytes
        if isinstance(value, dict):
            return sum(map(size, value.values()))
        return sum(map(size, value)) if isinstance(value, list) else len(json.dumps(value))
    assert size(fitted.state()) < 60_000


@pytest.mark.parametrize("name", NAMES)
def test_bad_settings_and_empty_lines_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        catalog.make(name, window=1).fit(_sessions(5))
    assert caught.value.code == "TOC-202"
    with pytest.raises(DataError) as refused:
        catalog.make(name).fit(["", " ", "\n"])
    assert refused.value.code == "TOC-173"
