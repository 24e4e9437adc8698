from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.detectors.logs.next_event import LogNextEvent


def _sessions(n: int, seed: int) -> list[str]:
    random = generator(seed, "next event")
    return ["\n".join(["open", *["read"] * int(random.integers(1, 4)), "check", "close"]) for _ in range(n)]


def _model(cell: str = "gru", **more: object) -> LogNextEvent:
    return LogNextEvent(cell=cell, width=16, training={"epochs": 25, "lr": 0.02, "batch_size": 16}, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["gru", "lstm", "transformer"])
def fitted(request: pytest.FixtureRequest) -> LogNextEvent:
    return _model(request.param).fit(_sessions(120, 0))


def test_what_was_not_due_is_odd(fitted: LogNextEvent) -> None:
    usual = fitted.anomaly_score(_sessions(60, 1))
    odd = fitted.anomaly_score(["open\nread\nclose\ncheck", "read\nopen\ncheck\nclose", "open\nread\ncheck",
                                "open\nread\ncheck\nfire\nclose"])
    assert odd.min() > usual.max()
    made = fitted.anomaly_map(["open\nread\nread\nopen\ncheck\nclose"])[0]
    assert made.argmax() == 3


def test_reason_names_what_was_expected(fitted: LogNextEvent) -> None:
    (reason,) = fitted.reasons(["open\nread\ncheck\nread\nclose"])
    assert reason.sentence.startswith("after `check`, `read` came (")
    assert reason.parts[0].where == (3,)


def test_a_loaded_model_scores_the_same_and_a_broken_one_is_refused(fitted: LogNextEvent) -> None:
    again = build(LogNextEvent, fitted.state())
    assert np.array_equal(again.anomaly_score(_sessions(9, 2)), fitted.anomaly_score(_sessions(9, 2)))
    for broken in ({"nets_": []}, {"codes_": 99}, {"nets_": [{}]}, {"codes_": "8"}):
        state = fitted.state()
        state["learned"] = {**state["learned"], **broken}
        with pytest.raises(ArtifactError):
            build(LogNextEvent, state)


def test_p_values_of_new_sessions_are_even() -> None:
    model = _model()
    held = model.fit_held_out(_sessions(150, 0))
    new = model.anomaly_score(_sessions(200, 3))
    assert (new > np.quantile(held, 0.9)).mean() <= 0.17


def test_lines_without_sessions_are_judged_by_those_before_them() -> None:
    model, log = _model(), ["tick", "work", "tock"] * 80
    held = model.fit_held_out(log)
    odd = [*log[:30], "tock", *log[30:60]]
    scores = model.anomaly_score(odd)
    assert held.shape == (240,) and scores.argmax() in (30, 31)
    np.testing.assert_allclose(model.anomaly_score(odd[:20]), scores[:20], rtol=1e-5)
    assert "where `tick` was expected" in model.reasons(odd[:31])[30].sentence


@pytest.mark.parametrize(("settings", "code"), [({"cell": "rnn"}, "TOC-239"), ({"width": 18}, "TOC-239"), ({"width": 0}, "TOC-222"),
                                                ({"folds": 1}, "TOC-202"), ({"window": 1}, "TOC-202"), ({"training": 3}, "TOC-223")])
def test_bad_settings_are_refused(settings: dict[str, object], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LogNextEvent(**settings).fit(_sessions(8, 0))  # type: ignore[arg-type]
    assert caught.value.code == code
