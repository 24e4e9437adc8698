import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError
from tocsin.core.state import build

LOG = [f"10:00:{i % 60:02d} INFO job {i} done" for i in range(50)]


def test_the_nearest_training_item_is_the_first_of_its_kind() -> None:
    model = catalog.make("logs.rarity").fit(["10:00:00 INFO up and well", *LOG])
    done, up, alike = model.reasons(["10:01:00 INFO job 7 done", "10:01:00 INFO up and well", "10:01:01 INFO up and ill"])
    assert (done.near, up.near, alike.near) == ((1,), (0,), (0,))


def test_sessions_name_their_worst_lines() -> None:
    sessions = ["\n".join(LOG[i:i + 5]) for i in range(0, 50, 5)]
    model = catalog.make("logs.rarity").fit(sessions)
    item = "\n".join([*LOG[:3], "10:00:09 ERROR disk gone", *LOG[3:5]])
    reason = model.reasons([item])[0]
    assert reason.sentence.startswith("line 4 of 6: of a kind never seen in 50 lines: `disk gone`")
    assert reason.parts[0].where == (3,) and reason.parts[0].what == "10:00:09 ERROR disk gone"
    assert int(np.argmax(model.anomaly_map([item])[0])) == 3


@pytest.mark.parametrize("name", ["logs.rarity", "logs.lines", "logs.parameters", "logs.fusion"])
def test_a_state_without_its_book_is_refused(name: str) -> None:
    model = catalog.make(name).fit(LOG)
    state = model.state()
    learned = {key: value for key, value in state["learned"].items() if key != "book_"}
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(type(model), {**state, "learned": learned})


@pytest.mark.parametrize("name", ["logs.rarity", "logs.lines", "logs.parameters", "logs.fusion"])
def test_more_kinds_of_lines_than_may_be_remembered_are_all_judged(name: str) -> None:
    log = [f"{word} {word} {word} happened {i}" for i, word in enumerate("abcdefghij")] * 3
    held = catalog.make(name, most=3).fit_held_out(log)
    assert np.isfinite(held).all() and held[0] < held[-1]
    assert catalog.make(name, most=3).fit(log).reasons(log)[-1].sentence
