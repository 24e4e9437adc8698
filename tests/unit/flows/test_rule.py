"""A rule's facts can be asked for again."""

from __future__ import annotations

import pytest

from tocsin.decision.threshold import parse
from tocsin.flows.rule import written


@pytest.mark.parametrize("text", ["false_alarm_rate=0.005", "false_discovery=0.1", "contamination=0.05", "cost=1:10"])
def test_facts_become_the_text_of_the_same_rule(text: str) -> None:
    rule = parse(text)
    assert repr(parse(written({"rule": text.partition("=")[0], **rule.params()}))) == repr(rule)


def test_no_rule_is_no_text() -> None:
    assert written({}) == ""
