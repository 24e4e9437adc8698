"""Decimation, columns, scores, facts and figures: the parts of the page."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.types import Column, Dataset, Detections, Schema
from tocsin.interfaces.report import scores
from tocsin.interfaces.report.columns import number_column
from tocsin.interfaces.report.decimate import keep_rows, surroundings
from tocsin.interfaces.report.measures import measures
from tocsin.interfaces.report.trained import certainty, detector_words, facts, history, rule_words


def test_short_series_stay_whole():
    assert keep_rows(np.zeros(3000), np.array([])).tolist() == list(range(3000))


def test_every_bucket_keeps_its_extremes_and_ends():
    values = np.random.default_rng(0).normal(size=50_001)
    kept = keep_rows(values, np.array([], dtype=int), pixels=100)
    bucket = np.arange(len(values)) * 100 // len(values)
    for b in range(100):
        inside = np.flatnonzero(bucket == b)
        assert inside[values[inside].argmin()] in kept
        assert inside[values[inside].argmax()] in kept
    assert kept[0] == 0
    assert kept[-1] == 50_000
    assert len(kept) <= 202


def test_a_gap_stays_a_gap():
    values = np.zeros(20_000)
    values[5000:9000] = np.nan
    values[7000] = 3.0
    kept = keep_rows(values, np.array([], dtype=int), pixels=100)
    assert np.isnan(values[kept]).any()
    assert 7000 in kept


def test_surroundings_are_bounded_and_inside():
    assert surroundings(np.array([], dtype=int), 10).tolist() == []
    assert surroundings(np.array([1]), 5, reach=2).tolist() == [0, 1, 2, 3]
    assert len(surroundings(np.arange(100_000), 100_000)) <= 8100


def test_columns_as_numbers():
    table = pa.table(
        {
            "n": [1, None, 3],
            "text": ["a", "b", "c"],
            "mostly": ["1", "2.5", "n/a"],
            "flag": [True, False, True],
            "none": [None, None, None],
            "inf": [1.0, float("inf"), 2.0],
        }
    )
    data = Dataset(table, "table", Schema(tuple(Column(name, "number") for name in table.column_names)), np.arange(3))
    assert np.array_equal(number_column(data, "n"), [1, np.nan, 3], equal_nan=True)
    assert np.array_equal(number_column(data, "mostly"), [1, 2.5, np.nan], equal_nan=True)
    assert np.array_equal(number_column(data, "inf"), [1, np.nan, 2], equal_nan=True)
    assert [number_column(data, name) for name in ("text", "flag", "none")] == [None, None, None]


def detections(score, threshold=3.0):
    score = np.asarray(score, dtype=float)
    return Detections(np.arange(len(score)), score, np.full(len(score), 0.5), score >= threshold, threshold)


def test_the_histogram_counts_every_row_once():
    drawn = scores.payload(detections(np.r_[np.linspace(0, 2, 500), 4, 5]))
    assert (sum(drawn["normal"]), sum(drawn["flagged"]), drawn["threshold"], drawn["log"]) == (500, 2, 3.0, False)


def test_wide_scores_are_drawn_on_a_logarithmic_axis():
    drawn = scores.payload(detections(np.r_[np.full(100, 0.5), 1e6]))
    assert drawn["log"]
    assert drawn["threshold"] == pytest.approx(np.log10(3))
    assert sum(drawn["normal"]) + sum(drawn["flagged"]) == 101


def test_equal_scores_have_a_histogram():
    assert sum(scores.payload(detections(np.ones(7)))["normal"]) == 7


def test_figures_of_a_series_come_first_and_carry_no_interval_of_the_rows():
    told = measures(
        {
            "ranking": {"average_precision": 0.5},
            "decision": {"precision": 0.25},
            "series": {
                "vus_pr": 0.4,
                "window": 12,
                "events": {"precision": 0.5, "f1": None, "events": 3, "delay_mean": 2.0},
                "affiliation": {"precision": None, "zones": 3},
            },
            "intervals": {"precision": (0.2, 0.3)},
            "undefined": {"affiliation.precision": "no alarm", "events.f1": "there is no event", "precision": "not this one"},
            "level": 0.95,
        }
    )
    assert told == [
        ("VUS-PR (order of the scores, 1 perfect)", "0.4"),
        ("Average precision (AUC-PR)", "0.5"),
        ("Event precision: alarms that touch an event", "50\u00a0%"),
        ("Event F1", "undefined: there is no event"),
        ("Mean delay of the first flag, in steps", "2"),
        ("Affiliation precision (random alarms: about 0.5)", "undefined: no alarm"),
        ("Precision: flags that were right", "25\u00a0% (20\u00a0% to 30\u00a0%)"),
    ]


def test_figures_are_named_ordered_and_explained_when_undefined():
    told = measures(
        {
            "rows": 5,
            "ranking": {"auroc": None, "average_precision": 0.5},
            "decision": {"precision": 0.25, "confusion": {"tp": 1}},
            "false_alarms": {"rate": 0.1, "interval": (0.05, 0.2), "normals": 3},
            "intervals": {"average_precision": (0.4, 0.6)},
            "undefined": {"auroc": "all rows are normal"},
            "series": None,
            "oracle": {"best_f1": None},
            "level": 0.95,
        }
    )
    assert told == [
        ("AUROC (0.5 guessing, 1 perfect)", "undefined: all rows are normal"),
        ("Average precision (AUC-PR)", "0.5 (0.4 to 0.6)"),
        ("Precision: flags that were right", "25\u00a0%"),
        ("Delivered false-alarm rate", "10\u00a0% (5\u00a0% to 20\u00a0%)"),
        ("Labelled rows", "5"),
    ]


def test_rules_in_words():
    assert rule_words({"rule": "false_alarm_rate", "rate": 0.01, "p": 0.01, "score": 2}) == "false-alarm rate 1\u00a0%"
    assert (
        rule_words({"rule": "cost", "false_alarm": 1, "miss": 10, "share": 0.01, "p": 0.1})
        == "lowest cost: 1 for a false alarm, 10 for a miss"
    )
    assert rule_words({"rule": "contamination", "share": 0.05}) == "share flagged 5\u00a0%"


def test_facts_leave_out_what_is_unknown():
    told = dict(facts({"detector": "knn", "seconds": 2.0, "params": {"k": 5, "window": None, "training": {"epochs": 3}}}))
    assert told == {
        "Detector": "knn",
        "Time to train": "2.0 s",
        "Setting: k": "5",
        "Setting: window": "automatic",
        "Setting: training.epochs": "3",
    }
    assert detector_words({"detector": "windows", "params": {"detector": "knn", "window": 12}}) == "knn on windows of 12 steps"


def test_history_takes_losses_only():
    assert history([]) is None
    assert history([{"epoch": 1, "lr": 0.1}]) is None
    drawn = history([{"epoch": 1, "loss": 5.0, "validation": None}, {"epoch": 2, "loss": 0.1, "validation": None}])
    assert drawn == {"epoch": [1, 2], "lines": [{"name": "loss", "y": [5.0, 0.1]}], "log": True}


def test_certainty_says_what_was_counted_and_what_extrapolated():
    data, found = Dataset.of(np.zeros((3, 1))), Detections(np.arange(3), np.ones(3), np.array([0.5, 0.5, 1e-6]), np.zeros(3, bool), 3.0)
    lines = " ".join(
        certainty(
            {
                "calibration": {"n": 200, "block": 10, "plan": "cross", "smallest_p": 1 / 21},
                "threshold": {"rule": "false_alarm_rate", "rate": 0.05},
            },
            data,
            found,
            None,
        )
    )
    assert "count as about 20 independent ones" in lines
    assert "is 1 in 21" in lines
    assert "extrapolated" in lines
    assert "5\u00a0% was asked for" in lines
