import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.decision.threshold import THRESHOLDS, Contamination, Cost, FalseAlarmRate, FalseDiscovery, parse

UNIFORM = generator(0, "p").random(2000)


def test_false_alarm_rate_cuts_at_the_rate():
    rule = FalseAlarmRate(0.05).fit(UNIFORM)
    assert rule.value == 0.05
    assert rule.decide(UNIFORM).mean() == pytest.approx(0.05, abs=0.015)
    assert FalseAlarmRate().rate == 0.01


def test_false_discovery_is_benjamini_hochberg():
    p = np.array([0.01, 0.04, 0.03, 0.9, 0.2])
    rule = FalseDiscovery(0.1).fit(UNIFORM)
    # sorted: .01 .03 .04 .2 .9 against .02 .04 .06 .08 .1
    assert rule.cut(p) == 0.04
    assert rule.decide(p).tolist() == [True, True, True, False, False]
    assert rule.of_batch and not FalseAlarmRate().of_batch


def test_false_discovery_finds_nothing_among_normal_rows_and_keeps_its_promise():
    shares = []
    for seed in range(40):
        rng = generator(seed, "fdr")
        p = np.r_[rng.random(900), rng.random(100) * 1e-4]
        flags = FalseDiscovery(0.2).fit(UNIFORM).decide(p)
        shares.append(flags[:900].sum() / flags.sum())
    assert 0.1 < np.mean(shares) < 0.22
    assert FalseDiscovery(0.01).fit([0.5, 0.9]).value == 0
    assert not FalseDiscovery(0.01).fit([0.5]).decide([0.5, 0.9]).any()
    assert FalseDiscovery().fit([0.5]).decide([]).shape == (0,)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.333])
def test_contamination_flags_its_share_of_the_rows_of_fit(share):
    flags = Contamination(share).fit(UNIFORM).decide(UNIFORM)
    assert flags.sum() == round(share * 2000)


def test_contamination_never_flags_more_because_of_ties():
    assert Contamination(0.3).fit([0.1] * 5 + [0.9] * 5).value == 0
    assert Contamination(0.6).fit([0.1] * 5 + [0.9] * 5).value == 0.1
    assert Contamination(0.999).fit([0.2]).value == 0.2


def test_contamination_of_a_row_does_not_depend_on_its_batch():
    rule = Contamination(0.05).fit(UNIFORM)
    assert rule.decide(UNIFORM[:1])[0] == rule.decide(UNIFORM)[0]


def test_cost_with_labels_takes_the_cheapest_cut():
    p, y = np.array([0.001, 0.002, 0.2, 0.5, 0.9]), np.array([1, 1, 0, 0, 0])
    assert Cost(1, 10, 0.1).fit(p, y).value == 0.002
    worthless = Cost(1, 10, 0.001).fit(p[::-1], y)  # anomalies look more normal than normal rows: no alarm is worth it
    assert worthless.value == 0
    brute = min(np.r_[0, UNIFORM[:200]], key=lambda cut: (0.9 * np.mean(UNIFORM[:150] <= cut) + 0.5 * np.mean(UNIFORM[150:200] ** 3 > cut)))
    found = Cost(1, 5, 0.1).fit(np.r_[UNIFORM[:150], UNIFORM[150:200] ** 3], np.repeat([0, 1], [150, 50])).value
    cost = [0.9 * np.mean(UNIFORM[:150] <= cut) + 0.5 * np.mean(UNIFORM[150:200] ** 3 > cut) for cut in (found, brute)]
    assert cost[0] <= cost[1] + 1e-12


def test_cost_without_labels_follows_bayes_rule():
    assert Cost(miss=1).fit([0.5]).value < Cost(miss=10).fit([0.5]).value < Cost(miss=100).fit([0.5]).value
    assert Cost(miss=1e9).fit([0.5]).value == 1
    assert Cost(miss=10).fit([0.5, 0.6], [0, 0]).value == Cost(miss=10).fit([0.5]).value  # one class says nothing
    cuts, rule = np.linspace(1e-5, 0.2, 20_000), Cost(1, 30, 0.02)
    cheapest = cuts[np.argmin(0.98 * cuts + 0.02 * 30 * (1 - cuts ** 0.2))]
    assert rule.fit([0.5]).value == pytest.approx(cheapest, rel=0.01)


@pytest.mark.parametrize(("text", "rule"), [
    ("false_alarm_rate=0.02", FalseAlarmRate(0.02)), ("false-alarm-rate = 2%", FalseAlarmRate(0.02)), ("far=0.5", FalseAlarmRate(0.5)),
    ("false_alarm_rate", FalseAlarmRate()), ("fdr=0.1", FalseDiscovery(0.1)), ("FALSE_DISCOVERY=.3", FalseDiscovery(0.3)),
    ("contamination=0.05", Contamination(0.05)), ("contamination=1e-3", Contamination(0.001)), ("cost=1:10", Cost(1, 10)),
    ("cost=2:30:0.05", Cost(2, 30, 0.05)), ("cost", Cost()),
])
def test_parse(text, rule):
    assert repr(parse(text)) == repr(rule)


@pytest.mark.parametrize("text", ["", "=", "false_alarm_rate=", "contamination", "magic=1",
                                  "fdr=a", "fdr=0.1:2", "cost=1", "cost=1:2:3:4", "0.01", "fdr=1,5"])
def test_parse_refuses_other_forms(text):
    with pytest.raises(ConfigError, match="TOC-242"):
        parse(text)


@pytest.mark.parametrize("text", ["false_alarm_rate=0", "fdr=1", "contamination=nan", "contamination=-1",
                                  "cost=0:1", "cost=1:inf", "cost=1:2:2"])
def test_parse_refuses_other_values(text):
    with pytest.raises(ConfigError, match="TOC-241"):
        parse(text)


@pytest.mark.parametrize("value", [True, "0.1", None])
def test_a_rate_is_a_number(value):
    with pytest.raises(ConfigError, match="TOC-241"):
        FalseAlarmRate(value)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_state_travels_and_unfitted_is_an_error(name):
    rule = Contamination(0.1) if name == "contamination" else THRESHOLDS[name]()
    with pytest.raises(StateError, match="TOC-341"):
        rule.decide([0.5])
    again = build(THRESHOLDS[name], rule.fit(UNIFORM).state())
    assert again.value == rule.value
    np.testing.assert_array_equal(again.decide(UNIFORM), rule.decide(UNIFORM))


@pytest.mark.parametrize(("p", "y", "code"), [([], None, "TOC-112"), ([np.nan], None, "TOC-110"), ([1.5], None, "TOC-110"),
                                              ([[0.5]], None, "TOC-115"), ([0.5], [2], "TOC-117"), ([0.5], [0, 1], "TOC-117")])
def test_bad_p_values_and_labels(p, y, code):
    with pytest.raises(DataError, match=code):
        Cost().fit(p, y)
