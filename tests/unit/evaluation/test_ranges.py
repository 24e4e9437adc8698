import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.evaluation import ranges
from tocsin.evaluation.ranges import acf_window, events, runs, vus


def slow_volume(y, score, window, thresholds):
    """The definition, step by step: widen the labels, cut the score, count."""
    t, parts = len(y), [tuple(part) for part in runs(y)]
    cuts = np.sort(score)[::-1][np.linspace(0, t - 1, thresholds).astype(int)]
    pr = roc = 0.0
    for w in range(window + 1):
        h, soft = w // 2, y.astype(float)
        for a, b in parts:
            for x in range(max(a - h, 0), a):
                soft[x] += np.sqrt(1 - (a - x) / w)
            for x in range(b + 1, min(b + h, t - 1) + 1):
                soft[x] += np.sqrt(1 - (x - b) / w)
        soft = np.minimum(soft, 1)
        wide = []
        for a, b in parts:
            if wide and wide[-1][1] + h >= a - h:
                wide[-1][1] = b
            else:
                wide.append([a, b])
        tprs, fprs, last = [0.0], [0.0], 0.0
        for cut in cuts:
            on = score >= cut
            hits = soft[on].sum()
            labels = np.where(y == 1, 1.0, soft * on).sum()
            positives = (y.sum() + labels) / 2
            noticed = np.mean([on[max(a - h, 0) : b + h + 1].any() for a, b in wide])
            tprs.append(min(hits / positives, 1) * noticed)
            fprs.append((on.sum() - hits) / (t - positives))
            pr += (tprs[-1] - last) * hits / on.sum()
            last = tprs[-1]
        tprs.append(1.0)
        fprs.append(1.0)
        roc += sum((fprs[i + 1] - fprs[i]) * (tprs[i + 1] + tprs[i]) / 2 for i in range(len(tprs) - 1))
    return pr / (window + 1), roc / (window + 1)


def labels(t, *parts):
    y = np.zeros(t, int)
    for a, b in parts:
        y[a:b] = 1
    return y


@pytest.mark.parametrize("y", [labels(80, (30, 40)), labels(80, (0, 3), (78, 80)), labels(80, (10, 12), (15, 16), (19, 30), (60, 61)),
                               labels(80, (0, 79)), labels(80, (40, 41)), labels(80, *((i, i + 1) for i in range(0, 80, 2)))])
@pytest.mark.parametrize("window", [0, 1, 2, 7, 20, 90])
def test_the_fast_volume_is_the_definition(y, window):
    rng = np.random.default_rng(window)
    for score in (rng.normal(size=80), np.round(rng.normal(size=80) + y, 1), np.zeros(80), y.astype(float)):
        fast, (pr, roc) = vus(y, score, window, thresholds=13), slow_volume(y, score, window, 13)
        assert (fast.pr, fast.roc) == pytest.approx((pr, roc), abs=1e-12)


@pytest.mark.parametrize(("parts", "window", "pr", "roc"), [  # from generate_curve(labels, score, window, "opt", 100) of TSB-AD 1.5
    (((60, 80), (150, 155)), 0, 0.2192872697355466, 0.6228372093023256),
    (((60, 80), (150, 155)), 12, 0.3970060808075208, 0.7313707204668773),
    (((60, 80), (150, 155)), 41, 0.5045788087211984, 0.8219100572397571),
    (((50, 51), (54, 58), (60, 61), (120, 140)), 12, 0.45817491908009933, 0.7394969189252522),
    (((50, 51), (54, 58), (60, 61), (120, 140)), 41, 0.5897304703674051, 0.8452624099062288),
    (((0, 6), (225, 240)), 1, 0.11394993912683563, 0.5360404435746902),
    (((0, 6), (225, 240)), 41, 0.2561170940574462, 0.7183021133575094),
])
def test_the_volume_is_that_of_the_benchmark_package(parts, window, pr, roc):
    y, step = labels(240, *parts), np.arange(240)
    made = vus(y, np.round(np.sin(step * step / 37) + 0.6 * np.roll(y, 3), 2), window)
    assert (made.pr, made.roc) == pytest.approx((pr, roc), abs=1e-12)


def test_many_close_runs_are_counted_in_parts_of_the_shoulders(monkeypatch):
    y, score = labels(300, *((i, i + 1) for i in range(0, 300, 7))), np.random.default_rng(0).normal(size=300)
    whole = vus(y, score, 60)
    monkeypatch.setattr(ranges, "_CELLS", 1000)
    small = vus(y, score, 60)
    assert (small.pr, small.roc) == pytest.approx((whole.pr, whole.roc), abs=1e-12)


def test_labels_of_any_type_give_the_same_volume():
    y, score = labels(200, (50, 70), (90, 91)), np.random.default_rng(0).normal(size=200)
    assert vus(y, score, 20) == vus(y.astype(bool), score, 20) == vus(y.astype(float), score.astype(np.float32).astype(float), 20)


def test_one_threshold_is_enough():
    y = labels(80, (30, 40))
    score = np.random.default_rng(0).normal(size=80)
    made = vus(y, score, 7, thresholds=1)
    assert (made.pr, made.roc) == pytest.approx(slow_volume(y, score, 7, 1), abs=1e-12)


def test_only_the_order_of_the_scores_counts():
    y, score = labels(200, (50, 70)), np.random.default_rng(0).normal(size=200)
    assert vus(y, score, 20) == vus(y, np.exp(3 * score), 20)


def test_a_shifted_alarm_is_worth_more_than_a_random_one_and_less_than_an_exact_one():
    y = labels(400, (200, 220))
    exact, near, far = (vus(y, np.roll(y, shift).astype(float), 40).pr for shift in (0, 10, 120))
    assert exact > near > far


def test_one_class_only_has_no_volume():
    score = np.arange(10.0)
    assert vus(np.zeros(10, int), score, 3) is None and vus(np.ones(10, int), score, 3) is None


@pytest.mark.parametrize("bad", [{"window": -1}, {"window": 3, "thresholds": 0}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ConfigError, match="TOC-261"):
        vus(labels(10, (2, 3)), np.arange(10.0), **bad)


@pytest.mark.parametrize(("x", "window"), [(np.sin(np.arange(900) * 2 * np.pi / 37), 37), (np.zeros(100), 125), (np.arange(50.0), 125),
                                           (np.zeros(0), 125), (np.array([1.0, 2.0]), 125), (np.tile([0.0, 1, 2, 1], 50), 125)])
def test_the_window_is_the_highest_peak_or_the_usual_one(x, window):
    assert acf_window(x) == window


def test_runs_break_where_groups_change():
    assert runs(np.array([1, 1, 1, 0, 1])).tolist() == [[0, 2], [4, 4]]
    assert runs(np.array([1, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 1])).tolist() == [[0, 1], [2, 2], [4, 4]]
    assert runs(np.zeros(0)).shape == (0, 2) and runs(np.zeros(3)).shape == (0, 2)


def test_events_are_found_late_missed_or_invented():
    y = labels(100, (10, 20), (40, 50), (70, 80))
    made = events(y, labels(100, (14, 16), (38, 42), (90, 91), (95, 96)))
    assert made == {"events": 3, "found": 2, "alarms": 4, "false_alarms": 2, "precision": 0.5, "recall": 2 / 3, "f1": pytest.approx(4 / 7),
                    "delay_mean": 2.0, "delay_median": 2.0}


def test_events_without_truth_or_alarm():
    y = labels(20, (5, 8))
    assert events(y, y * 0)["precision"] is None and events(y, y * 0)["recall"] == 0.0 and events(y, y * 0)["f1"] == 0.0
    assert events(y * 0, y)["recall"] is None and events(y * 0, y)["false_alarms"] == 1 and events(y * 0, y)["delay_mean"] is None
    assert events(y * 0, y * 0)["f1"] is None
