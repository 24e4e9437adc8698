import numpy as np
import pytest

from tocsin.evaluation.adjusted import point_adjusted


def test_one_alarm_pays_for_a_whole_anomaly():
    y = np.zeros(100, int)
    y[40:60], y[80:90] = 1, 1
    made = point_adjusted(y, np.arange(100) == 45)
    assert made.precision == 1.0 and made.recall == pytest.approx(2 / 3) and made.f1 == pytest.approx(0.8)


def test_the_chance_is_what_random_alarms_get_and_the_warning_says_it():
    y = np.zeros(2000, int)
    y[500:700] = 1
    rng = np.random.default_rng(0)
    seen = [point_adjusted(y, rng.random(2000) < 0.03) for _ in range(200)]
    assert np.mean([made.f1 for made in seen]) == pytest.approx(np.mean([made.chance_f1 for made in seen]), abs=0.02)
    assert f"F1 {seen[0].chance_f1:.2f}" in seen[0].warning and "Do not choose" in seen[0].warning


def test_groups_part_an_anomaly():
    y, alarm = np.r_[0, 1, 1, 1, 1, 0], np.r_[0, 1, 0, 0, 0, 0]
    assert point_adjusted(y, alarm).recall == 1.0 and point_adjusted(y, alarm, np.r_[0, 0, 0, 1, 1, 1]).recall == 0.5


def test_nothing_to_judge_is_undefined_in_words():
    none = point_adjusted(np.zeros(5), np.zeros(5))
    assert none.precision is None and none.recall is None and none.f1 is None and "is not defined" in none.warning
    empty = point_adjusted(np.zeros(0), np.zeros(0))
    assert empty.f1 is None
