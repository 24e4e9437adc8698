import json

import numpy as np
import pytest
from sklearn import metrics as reference

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Detections, Event
from tocsin.evaluation import metrics


def draw(seed, n=300, ties=False):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    score = rng.normal(size=n) + y
    return y, np.round(score, 1) if ties else score


def detections(score, flagged, **more):
    n = len(score)
    return Detections(np.arange(n), np.asarray(score, float), np.full(n, 0.5), np.asarray(flagged, bool), 1.0, **more)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [False, True])
def test_rank_figures_equal_the_fields_reference(seed, ties):
    y, score = draw(seed, ties=ties)
    assert metrics.auroc(y, score) == pytest.approx(reference.roc_auc_score(y, score), abs=1e-12)
    assert metrics.average_precision(y, score) == pytest.approx(reference.average_precision_score(y, score), abs=1e-12)
    p, r, _ = reference.precision_recall_curve(y, score)
    best = metrics.best_f1(y, score)
    assert best["value"] == pytest.approx(np.max(2 * p * r / np.maximum(p + r, 1e-12)), abs=1e-12)
    assert metrics.f1(y, score >= best["threshold"]) == pytest.approx(best["value"], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_decision_figures_equal_the_fields_reference(seed):
    y, score = draw(seed)
    flagged = score > 1
    assert metrics.accuracy(y, flagged) == pytest.approx(reference.accuracy_score(y, flagged))
    assert metrics.balanced_accuracy(y, flagged) == pytest.approx(reference.balanced_accuracy_score(y, flagged))
    assert metrics.precision(y, flagged) == pytest.approx(reference.precision_score(y, flagged))
    assert metrics.recall(y, flagged) == pytest.approx(reference.recall_score(y, flagged))
    assert metrics.f1(y, flagged) == pytest.approx(reference.f1_score(y, flagged))


@pytest.mark.parametrize("figure", [metrics.auroc, metrics.average_precision, metrics.precision_at_n])
def test_row_order_does_not_matter_even_with_ties(figure):
    y, score = draw(1, ties=True)
    order = np.random.default_rng(0).permutation(len(y))
    assert figure(y, score) == pytest.approx(figure(y[order], score[order]), abs=1e-12)


def test_precision_at_n_shares_the_tied_rows():
    assert metrics.precision_at_n(np.array([1, 0, 1, 0]), np.array([4.0, 3, 2, 1])) == 0.5
    assert metrics.precision_at_n(np.array([1, 0, 0, 0]), np.ones(4)) == 0.25
    assert metrics.precision_at_n(np.array([1, 1, 0, 0]), np.array([9.0, 1, 1, 1])) == pytest.approx((1 + 1 / 3) / 2)


@pytest.mark.parametrize("y", [np.zeros(5, int), np.ones(5, int), np.zeros(0, int)])
def test_a_missing_class_gives_none_with_a_reason(y):
    score = np.arange(len(y), dtype=float)
    assert metrics.auroc(y, score) is None and metrics.balanced_accuracy(y, score > 2) is None
    made = metrics.evaluate(detections(score, score > 2), y)
    assert made["ranking"]["auroc"] is None and made["undefined"]["auroc"] == metrics.reason(y)
    json.dumps(made, allow_nan=False)


def test_nothing_flagged_is_no_precision_and_zero_recall():
    y = np.array([0, 1, 0])
    made = metrics.evaluate(detections([1, 2, 3], [0, 0, 0]), y, repeats=0)
    assert made["decision"]["precision"] is None and made["decision"]["recall"] == 0.0 and made["decision"]["f1"] == 0.0
    assert made["undefined"] == {"precision": "no row was flagged"} and made["intervals"] == {}


def test_wilson_covers_as_promised():
    rng, true = np.random.default_rng(0), 0.01
    hits = [low <= true <= high for low, high in (metrics.wilson(int(k), 1000) for k in rng.binomial(1000, true, 2000))]
    assert 0.93 < np.mean(hits) < 0.98
    assert metrics.wilson(0, 0) is None and metrics.wilson(5, 5)[1] == 1.0


def test_false_alarms_count_normal_rows_only():
    made = metrics.false_alarms(np.array([0, 0, 0, 0, 1]), np.array([1, 0, 0, 0, 1]))
    assert made["rate"] == 0.25 and made["normals"] == 4 and made["interval"][0] < 0.25 < made["interval"][1]


def test_the_bootstrap_interval_holds_the_figure_and_shrinks_with_rows():
    wide, narrow = (metrics.bootstrap(metrics.auroc, *draw(3, n=n), repeats=200) for n in (100, 3000))
    assert narrow[0] < metrics.auroc(*draw(3, n=3000)) < narrow[1] and narrow[1] - narrow[0] < (wide[1] - wide[0]) / 2
    assert metrics.bootstrap(metrics.auroc, *draw(3), seed=1) == metrics.bootstrap(metrics.auroc, *draw(3), seed=1)


def test_blocks_widen_the_interval_of_a_dependent_series():
    rng = np.random.default_rng(0)
    y, flagged = np.zeros(4000, int), np.repeat(rng.random(80) < 0.2, 50)  # alarms of 50 steps each
    single, blocks = (metrics.bootstrap(metrics.accuracy, y, flagged, block=block, repeats=200) for block in (1, 100))
    assert blocks[1] - blocks[0] > 3 * (single[1] - single[0])


def test_an_interval_of_an_undefined_figure_is_none():
    assert metrics.bootstrap(metrics.auroc, np.zeros(10, int), np.arange(10.0)) is None


@pytest.mark.parametrize("bad", [{"level": 1.0}, {"level": 0}, {"repeats": 0}, {"block": 0}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ConfigError, match="TOC-260"):
        metrics.bootstrap(metrics.auroc, *draw(0), **bad)


@pytest.mark.parametrize(("y", "code"), [([0, 1], "TOC-101"), ([0, 1, 2], "TOC-117"),
                                         (["a", "b", "c"], "TOC-117"), ([0, np.nan, 1], "TOC-117")])
def test_wrong_labels_are_refused(y, code):
    with pytest.raises(DataError, match=code):
        metrics.evaluate(detections([1, 2, 3], [0, 0, 1]), y)


def test_the_whole_is_plain_data_with_every_figure():
    y, score = draw(0)
    made = json.loads(json.dumps(metrics.evaluate(detections(score, score > 1), y, repeats=20), allow_nan=False))
    assert made["rows"] == 300 and made["anomalies"] == y.sum() and made["series"] is None and not made["undefined"]
    assert set(made["intervals"]) == {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "auroc", "average_precision",
                                      "precision_at_n"}
    low, high = made["intervals"]["auroc"]
    assert low < made["ranking"]["auroc"] < high


def test_a_series_gets_its_own_figures():
    y = np.zeros(300, int)
    y[100:110] = 1
    wave = np.sin(np.arange(300) * 2 * np.pi / 25)
    found = detections(y + 0.1 * wave, y, time=np.arange(300), events=(Event(100, 109, 104, 1.0, 0.01),))
    made = metrics.evaluate(found, y, values=wave, repeats=0)["series"]
    assert made["window"] == 25 and made["vus_pr"] > 0.9 and made["events"]["recall"] == 1.0 and made["events"]["delay_mean"] == 0.0
    quiet = metrics.evaluate(detections(y * 0.0, y * 0), y * 0, series=True, repeats=0)
    assert quiet["series"]["vus_pr"] is None and quiet["undefined"]["vus_pr"] == "all rows are normal"
    json.dumps(quiet, allow_nan=False)


def test_a_series_is_told_by_volume_events_and_affiliation():
    y = np.zeros(400, int)
    y[200:220] = 1
    score = np.roll(y, 5) + np.linspace(0, 0.1, 400)
    made = json.loads(json.dumps(metrics.evaluate(detections(score, score > 0.9), y, series=True, repeats=0), allow_nan=False))["series"]
    assert 0.4 < made["vus_pr"] < 1 and 0.9 < made["vus_roc"] < 1 and made["window"] == 100
    assert made["events"]["f1"] == 1.0 and made["events"]["delay_mean"] == 5.0
    assert 0.9 < made["affiliation"]["f1"] < 1 and made["affiliation"]["zones"] == 1


def test_series_figures_that_are_undefined_say_why():
    y = np.zeros(30, int)
    without = metrics.evaluate(detections(np.arange(30), y), y, series=True, repeats=0)["undefined"]
    assert without["affiliation.f1"] == "there is no event" and without["vus_pr"] == "all rows are normal"
    y = np.repeat([0, 1, 0], 10)
    quiet = metrics.evaluate(detections(np.arange(30), y * 0), y, series=True, repeats=0)["undefined"]
    assert quiet["affiliation.precision"] == quiet["events.precision"] == "no alarm" and "affiliation.f1" not in quiet
