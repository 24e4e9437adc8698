import json

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.data.templates import UNKNOWN, Templates, parsed

LOG = [f"2024-05-01 10:00:{i % 60:02d} INFO request number {i} of user u{'abcdefgh'[i % 8]} from /data/{i}" for i in range(40)] + \
      [f"2024-05-01 10:01:{i:02d} ERROR lost after {i} s the disk sd{'abc'[i % 3]}" for i in range(6)]


def test_head_and_level_are_cut_and_values_come_out() -> None:
    templates = Templates()
    ids, parameters = templates.parse(LOG, learn=True)
    assert templates.templates == ["request number <*> of user <*> from <*>", "lost after <*> s the disk <*>"]
    assert ids.tolist() == [0] * 40 + [1] * 6 and templates.counts.tolist() == [40, 6]
    assert parameters[9] == ("9", "ub", "/data/9") and parameters[-1] == ("5", "sdc")
    assert parsed(LOG).forms[-1].severity == 3.0


def test_looking_up_learns_nothing() -> None:
    templates = Templates()
    templates.parse(LOG, learn=True)
    before = json.dumps(templates.state(), default=lambda x: x.tolist())
    ids, parameters = templates.parse(["2024-05-01 10:02:00 WARN fan 3 stopped", LOG[0]])
    assert ids.tolist() == [UNKNOWN, 0] and parameters[0] == ()
    assert json.dumps(templates.state(), default=lambda x: x.tolist()) == before


def test_the_level_is_no_part_of_the_wording() -> None:
    one, other = parsed(["10:00:00 INFO disk lost", "10:00:00 FATAL disk lost"]).forms
    assert one.words == other.words and (one.severity, other.severity) == (1.0, 5.0)


def test_learning_goes_on_where_it_stopped_after_loading() -> None:
    rng = np.random.default_rng(0)
    words = ["open", "read", "close", "check", "disk", "user", "block", "ok", "lost"]
    log = [" ".join(rng.choice(words, size=rng.integers(2, 6))) + f" {i}" for i in range(300)]
    whole, first = Templates(), Templates()
    whole.parse(log[:150], learn=True)
    first.parse(log[:150], learn=True)
    second = build(Templates, first.state())
    assert second.parse(log)[0].tolist() == whole.parse(log)[0].tolist()
    whole.parse(log[150:], learn=True)
    second.parse(log[150:], learn=True)
    assert second.templates == whole.templates and second.counts.tolist() == whole.counts.tolist()


def test_the_number_of_templates_is_bounded() -> None:
    templates = Templates(most=3)
    ids = templates.parse([f"{word} {word} happened here" for word in "abcdefgh"], learn=True)[0]
    assert len(templates.templates) == 3 and ids.tolist() == [0, 1, 2, *[UNKNOWN] * 5]
    assert templates.parse(["a a happened here"], learn=True)[0].tolist() == [0]


def test_new_templates_are_numbered_by_the_lines_before_them() -> None:
    templates = Templates()
    templates.parse(LOG, learn=True)
    found = parsed(["fan 1 broke", LOG[0], "lamp 7 is off", "fan 2 broke"])
    ids = templates.match(found)
    assert ids[found.form].tolist() == [UNKNOWN, 0, UNKNOWN, UNKNOWN]
    assert templates.numbered(found, ids)[found.form].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("lines", [[""], ["   "], ["E5"], ["1 2 3"], ["10:00:00"], ["Jul"], ["<*> <v> <n> <t>"], ["x" * 100_000], ["a\tb"]])
def test_odd_lines_have_a_template_and_are_found_again(lines: list[str]) -> None:
    templates = Templates()
    assert templates.parse(lines, learn=True)[0].tolist() == [0]
    assert build(Templates, templates.state()).parse(lines)[0].tolist() == [0]


def test_events_by_name_stay_apart() -> None:
    assert Templates().parse(["E5", "E22", "5", "22", "E5"], learn=True)[0].tolist() == [0, 1, 2, 3, 0]


def test_wrong_settings_and_states_are_refused() -> None:
    for wrong in ({"depth": 0}, {"alike": 0.0}, {"alike": 1.5}, {"most": 0}):
        with pytest.raises(ConfigError, match="TOC-219"):
            Templates(**wrong).parse(LOG, learn=True)
    templates = Templates()
    templates.parse(LOG, learn=True)
    for broken in ({"roots_": ["a"]}, {"templates_": [1, 2]}, {"templates_": ["a", "b c d e f g h"]}):
        state = templates.state()
        with pytest.raises(ArtifactError, match="TOC-410"):
            build(Templates, {**state, "learned": {**state["learned"], **broken}})
