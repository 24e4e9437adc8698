import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.evaluation.affiliation import affiliation
from tocsin.evaluation.ranges import runs


def labels(t, *parts):
    y = np.zeros(t, int)
    for a, b in parts:
        y[a:b] = 1
    return y


def slow(y, decided, fine=400):
    """The definition by drawing: moments on a fine grid, chances as shares of the grid's distances."""
    t, truth = len(y), runs(y)
    moments = (np.arange(t * fine) + 0.5) / fine
    flagged = decided[moments.astype(int)] == 1
    precisions, recalls = [], []
    for i, (a, b) in enumerate(truth):
        low = 0 if i == 0 else (truth[i - 1][1] + 1 + a) / 2
        high = t if i == len(truth) - 1 else (b + 1 + truth[i + 1][0]) / 2
        zone = moments[(moments > low) & (moments < high)]
        alarm = moments[(moments > low) & (moments < high) & flagged]
        away = np.sort(np.maximum(np.maximum(a - zone, zone - b - 1), 0))
        if len(alarm):
            d = np.maximum(np.maximum(a - alarm, alarm - b - 1), 0)
            precisions.append(np.mean(np.where(d == 0, 1.0, 1 - np.searchsorted(away, d) / len(zone))))
            inside = zone[(zone > a) & (zone < b + 1)][:: fine // 8]
            near = np.abs(inside[:, None] - alarm).min(axis=1)
            near[near < 1 / fine] = 0
            lost = np.minimum(near, inside - low) + np.minimum(near, high - inside)
            recalls.append(np.mean(1 - lost / (high - low)))
        else:
            recalls.append(0.0)
    return np.mean(precisions) if precisions else None, np.mean(recalls)


@pytest.mark.parametrize(("y", "decided"), [
    (labels(40, (10, 15)), labels(40, (12, 13), (30, 32))), (labels(40, (10, 15)), labels(40, (0, 40))),
    (labels(40, (5, 8), (20, 30)), labels(40, (12, 16), (22, 23), (27, 28))), (labels(40, (0, 3), (37, 40)), labels(40, (10, 30))),
    (labels(40, (0, 40)), labels(40, (3, 4), (20, 25))), (labels(40, (4, 5), (6, 7), (9, 20)), labels(40, (5, 6), (8, 9), (39, 40)))])
def test_the_closed_form_is_the_definition(y, decided):
    made, (precision, recall) = affiliation(y, decided), slow(y, decided)
    assert (made.precision, made.recall) == pytest.approx((precision, recall), abs=0.01)


TWO, CROWDED, EDGES = ((60, 80), (150, 155)), ((50, 51), (54, 58), (60, 61), (120, 140)), ((0, 6), (225, 240))


@pytest.mark.parametrize(("parts", "kind", "precision", "recall"), [  # from pr_from_events of the affiliation code in TSB-AD 1.5
    (TWO, "late", 0.9503304347826087, 0.9837217391304347), (TWO, "high", 0.9617142857142857, 0.9728260869565217),
    (TWO, "few", 0.4942753623188406, 0.8596521739130434), (CROWDED, "late", 0.8359602555254729, 0.7053929765886288),
    (CROWDED, "high", 0.6083612040133779, 0.3656145484949832), (CROWDED, "few", 0.5530073790943356, 0.3927931896002548),
    (EDGES, "late", 0.9861471861471862, 0.9957161981258367), (EDGES, "high", 0.9512987012987013, 0.4864718614718615),
    (EDGES, "few", 0.5201585563031346, 0.8456922929814497)])
def test_the_figures_are_those_of_the_benchmark_package(parts, kind, precision, recall):
    y, step = labels(240, *parts), np.arange(240)
    high = np.round(np.sin(step * step / 37) + 0.6 * np.roll(y, 3), 2) > 1.05
    made = affiliation(y, {"late": np.roll(y, 4), "high": high, "few": step % 50 == 7}[kind])
    assert (made.precision, made.recall) == pytest.approx((precision, recall), abs=1e-12)
    assert made.f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-12)


def test_without_anomaly_or_alarm_it_is_undefined_or_nothing():
    y = labels(30, (5, 8), (20, 22))
    none, quiet = affiliation(y * 0, y), affiliation(y, y * 0)
    assert (none.precision, none.recall, none.f1, none.zones) == (None, None, None, 0)
    assert (quiet.precision, quiet.recall, quiet.f1, quiet.zones, quiet.alarmed) == (None, 0.0, 0.0, 2, 0)
    assert affiliation(np.zeros(0), np.zeros(0)).f1 is None


def test_segments_are_judged_apart():
    y, decided, groups = labels(60, (10, 14), (40, 44)), labels(60, (12, 20), (32, 33)), np.repeat([0, 1], 30)
    parts = [affiliation(y[groups == g], decided[groups == g]) for g in (0, 1)]
    whole = affiliation(y, decided, groups)
    assert whole.precision == pytest.approx(np.mean([part.precision for part in parts]))
    assert whole.recall == pytest.approx(np.mean([part.recall for part in parts]))
    assert affiliation(np.r_[y, y * 0], np.r_[decided, y * 0 + 1], np.r_[groups, groups + 2]) == whole


def test_time_can_be_turned_round():
    rng = np.random.default_rng(0)
    y, decided = (np.convolve(rng.normal(size=300), np.ones(6), "same") > 2).astype(int), rng.random(300) < 0.1
    there, back = affiliation(y, decided), affiliation(y[::-1], decided[::-1])
    assert (there.precision, there.recall) == pytest.approx((back.precision, back.recall), abs=1e-12)


def test_unequal_lengths_are_refused():
    with pytest.raises(DataError, match="TOC-101"):
        affiliation(np.zeros(3), np.zeros(4))
    with pytest.raises(DataError, match="TOC-101"):
        affiliation(np.zeros(3), np.zeros(3), np.zeros(2))
