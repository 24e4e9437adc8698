import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build

RNG = np.random.default_rng(0)
LOG = [f"10:{i // 60 % 60:02d}:{i % 60:02d} INFO job {i} took {RNG.integers(40, 60)} ms" for i in range(190)] + \
      [f"11:00:{i:02d} WARN fan {i} slow" for i in range(10)]
NEW = ["12:00:00 INFO job 7 took 50 ms", "12:00:01 INFO job 8 took 90000 ms", "12:00:02 FATAL disk lost", "12:00:02 INFO disk lost"]


def _sessions(n: int, odd: bool = False) -> list[str]:
    made = []
    for i in range(n):
        reads = [f"INFO read {RNG.integers(200, 900)} bytes of {i}"] * int(RNG.integers(1, 4))
        lines = [f"INFO open block {i}", *reads, f"INFO close block {i}"]
        made.append("\n".join(lines[::-1] if odd else lines))
    return made


def test_each_channel_finds_its_fault_and_says_so() -> None:
    model = catalog.make("logs.fusion").fit(LOG)
    usual, slow, fatal, quiet = model.anomaly_score(NEW)
    assert min(slow, quiet) > usual + 2 and fatal > quiet + 2
    told = model.reasons(NEW)
    assert told[1].sentence.startswith("`90000` stands where 4") and dict(told[1].shares)["values"] > 0.5
    assert "never seen in 200 lines: `disk lost`" in told[2].sentence
    assert told[2].sentence.endswith("its level is FATAL, as grave as 0 of 200 lines") and dict(told[2].shares)["level"] > 0.2


def test_the_level_can_be_switched_off() -> None:
    model = catalog.make("logs.fusion", severity=False).fit(LOG)
    scores = model.anomaly_score(NEW[2:])
    assert scores[0] == pytest.approx(scores[1], abs=0.1)
    assert "level" not in dict(model.reasons(NEW)[2].shares) and "level" not in model.reasons(NEW)[2].sentence


def test_an_unlabelled_log_is_judged_by_itself() -> None:
    log = [*LOG[:100], NEW[2], *LOG[100:]]
    scores = catalog.make("logs.fusion").fit_score(log)
    assert int(np.argmax(scores)) == 100


def test_order_in_sessions_is_judged_by_the_sessions_detector() -> None:
    model = catalog.make("logs.fusion").fit(_sessions(80))
    usual, odd = model.anomaly_score(_sessions(20)), model.anomaly_score(_sessions(20, odd=True))
    assert odd.min() > usual.max()
    reason = model.reasons(_sessions(1, odd=True))[0]
    assert sum(share for _, share in reason.shares) == pytest.approx(1) and dict(reason.shares)["sessions"] > 0.9


def test_an_odd_value_in_a_session_is_found_beside_the_order() -> None:
    model = catalog.make("logs.fusion").fit(_sessions(80))
    odd = _sessions(1)[0].replace("read ", "read 9999999")
    assert model.anomaly_score([odd])[0] > model.anomaly_score(_sessions(20)).max()
    assert "stands where" in model.reasons([odd])[0].sentence


def test_sessions_survive_saving() -> None:
    model = catalog.make("logs.fusion").fit(_sessions(40))
    again = build(type(model), model.state())
    new = _sessions(5) + _sessions(5, odd=True)
    assert np.array_equal(again.anomaly_score(new), model.anomaly_score(new))
    state = model.state()
    for broken in ({"models_": {"knn": {}}}, {"models_": 3}, {"learned_": {"other": {}}}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            build(type(model), {**state, "learned": {**state["learned"], **broken}})


@pytest.mark.parametrize("members", [[], ["order"], ["lines", "knn"]])
def test_unknown_members_are_refused(members: list[str]) -> None:
    with pytest.raises(ConfigError, match="TOC-209"):
        catalog.make("logs.fusion", members=members).fit(LOG)


def test_a_burst_of_a_known_kind_is_found_and_told() -> None:
    model = catalog.make("logs.fusion").fit(LOG)
    new = [f"12:00:{i:02d} WARN fan {i % 3} slow" for i in range(50)]
    assert model.anomaly_score(new)[-1] > model.anomaly_score(new[:5]).max() + 5
    assert model.reasons(new)[-1].sentence.startswith("50 such lines among the last 50, never more than 10 while learning")
