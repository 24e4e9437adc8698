import math

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation.nab import PROFILES, nab_score, nab_windows


def labels(t, *parts):
    y = np.zeros(t, int)
    for a, b in parts:
        y[a:b] = 1
    return y


def slow(files, weights):
    """The published rules, step by step: (score, threshold)."""
    def worth(at):
        return -1.0 if at >= 3 else 2 / (1 + math.exp(5 * at)) - 1

    steps = []
    for number, (score, y) in enumerate(files):
        start, before = min(math.floor(0.15 * len(y)), 750), None
        for i in range(len(y)):
            here = next(((a, b) for a, b in nab_windows(y) if a <= i <= b), None)
            if here:
                value = weights.hit * worth(-(here[1] - i + 1) / (here[1] - here[0] + 1)) / worth(-1)
                before = here
            else:
                value = weights.false_alarm * (-1 if before is None else worth((i - before[1]) / (before[1] - before[0])))
            if i >= start:
                steps.append((score[i], value, here and (number, here)))
    windows = {where for _, _, where in steps if where}
    best = (-weights.miss * len(windows), math.inf)
    for cut in sorted({score for score, _, _ in steps}, reverse=True):
        flagged = [(value, where) for score, value, where in steps if score >= cut]
        total = sum(value for value, where in flagged if not where)
        total += sum(max([-weights.miss, *(value for value, at in flagged if at == where)]) for where in windows)
        best = max(best, (total, cut), key=lambda one: one[0])
    return 100 * (best[0] + weights.miss * len(windows)) / (len(windows) * (1 + weights.miss)), best[1]


FILES = (labels(200, (60, 80), (150, 160)), labels(150), labels(300, (40, 60), (100, 130), (298, 300)), labels(100, (5, 12)))


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("seed", range(4))
def test_the_sweep_is_the_published_rules(profile, seed):
    rng = np.random.default_rng(seed)
    files = [(np.round(rng.random(len(y)) ** 4 + 0.2 * y * rng.random(len(y)), 2), y) for y in FILES]
    made = nab_score(files, profile)
    assert (made.score, made.threshold) == pytest.approx(slow(files, PROFILES[profile]), abs=1e-9)
    assert made.raw == pytest.approx(sum(made.files), abs=1e-9) and made.windows == 5


@pytest.mark.parametrize("profile", list(PROFILES))
def test_silence_is_0_and_perfection_is_100(profile):
    silent = nab_score([(np.full(len(y), 0.5), y) for y in FILES], profile)
    assert silent.score == 0 and silent.threshold == math.inf and silent.found == silent.false_alarms == 0
    perfect = nab_score([(np.diff(y, prepend=0) == 1, y) for y in FILES[:2]], profile)
    assert perfect.score == pytest.approx(100) and perfect.found == perfect.windows == 2 and perfect.false_alarms == 0


def test_weights_are_those_of_the_profiles():
    y = labels(400, (200, 220))
    score = np.zeros(400)
    score[[100, 200]] = 1.0  # one hit at the left edge, one false alarm before any window
    raw = {name: nab_score([(score, y)], name).raw for name in PROFILES}
    assert raw == pytest.approx({"standard": 0.89, "reward_low_FP_rate": 0.78, "reward_low_FN_rate": 0.89})
    assert nab_score([(score * 0, y)], "reward_low_FN_rate").null == -2


def test_a_false_alarm_close_behind_a_window_costs_less_and_warming_up_nothing():
    y = labels(1000, (500, 520))

    def raw(at):
        score = np.zeros(1000)
        score[at] = 1.0
        return nab_score([(score, y)], threshold=1.0).raw

    assert raw(149) == -1 and raw(150) == pytest.approx(-1.11) == raw(900)
    assert raw(150) < raw(540) < raw(525) < -1 < raw(519) < raw(500) == pytest.approx(1)


def test_files_without_windows_only_cost():
    y, alarm = labels(200, (100, 120)), np.zeros(200)
    alarm[100] = 1.0
    alone, both = nab_score([(alarm, y)]), nab_score([(alarm, y), (alarm, y * 0)])
    assert both.files == pytest.approx((1.0, -0.11)) and both.score == pytest.approx(alone.score - 5.5)


def test_windows_reach_from_the_first_to_the_last_one():
    assert nab_windows(labels(10, (0, 2), (9, 10))) == [(0, 1), (9, 9)] and nab_windows([]) == []


def test_a_window_of_one_step_is_defined():
    y = labels(100, (50, 51))
    assert nab_score([(y.astype(float), y)]).score == pytest.approx(100)
    assert nab_score([(np.roll(y, 1), y)], threshold=1.0).raw == pytest.approx(-1.11)


@pytest.mark.parametrize(("files", "profile", "code"), [
    ([(np.zeros(9), labels(9, (5, 6)))], "strict", "TOC-297"), ([(np.zeros(9), labels(9))], "standard", "TOC-298"),
    ([], "standard", "TOC-298"),
    ([(np.full(9, np.nan), labels(9, (5, 6)))], "standard", "TOC-298")])
def test_what_cannot_be_scored_is_refused(files, profile, code):
    with pytest.raises(ConfigError, match=code):
        nab_score(files, profile)


def test_wrong_labels_are_refused():
    with pytest.raises(DataError, match="TOC-101"):
        nab_score([(np.zeros(9), labels(8, (5, 6)))])
    with pytest.raises(DataError, match="TOC-117"):
        nab_windows([0, 2])
