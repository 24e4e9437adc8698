from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.delivery import artifact
from tocsin.flows.adapt import adapt
from tocsin.pipeline.pipeline import Pipeline

_GAIN, _ZERO = np.array([1.8, 1.0, 0.1]), np.array([32.0, 0.0, 5.0])


def _rows(n, seed, moved=False):
    rng = np.random.default_rng(seed)
    load = rng.normal(size=n)
    rows = np.column_stack([load + 0.1 * rng.normal(size=n), load + 0.1 * rng.normal(size=n), rng.normal(size=n)])
    return rows * _GAIN + _ZERO if moved else rows


def _odd(n, seed):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(size=n), rng.normal(size=n) + 2, rng.normal(size=n)]) * _GAIN + _ZERO


def _turned(n, seed):
    rng = np.random.default_rng(seed)
    load = rng.normal(size=(n, 1))
    return load * [1, -1, 1] + 0.02 * rng.normal(size=(n, 3))


@pytest.fixture(scope="module")
def model():
    return Pipeline("knn").fit(_rows(500, 0))


def _auroc(found_normal, found_odd):
    return float((found_odd[:, None] > found_normal[None, :]).mean())


@pytest.mark.parametrize("detector", ["knn", "gaussian"])
def test_an_adapted_model_beats_the_source_and_one_from_scratch(detector):
    model = Pipeline(detector).fit(_rows(500, 0))
    tried = {"source": [], "scratch": [], "adapted": []}
    for seed in range(3):
        few, normal, odd = _rows(8, 10 + seed, True), _rows(300, 20 + seed, True), _odd(200, 30 + seed)
        models = {"source": model, "scratch": Pipeline(detector).fit(few), "adapted": adapt(model, few).model}
        for name, one in models.items():
            tried[name].append(_auroc(one.anomaly_score(normal), one.anomaly_score(odd)))
    means = {name: np.mean(values) for name, values in tried.items()}
    assert means["adapted"] > max(means["source"], means["scratch"]) + 0.01


def test_false_alarms_are_near_the_promise(model):
    raised = [adapt(model, _rows(n, seed, True)).model.detect(_rows(1_000, 90 + seed, True)).is_anomaly.mean()
              for n in (10, 40) for seed in range(2)]
    assert np.mean(raised) < 0.025


def test_the_given_model_stays_as_it_was(model):
    rows = _rows(50, 3)
    before = model.detect(rows).p_value
    adapt(model, _rows(20, 1, True))
    assert (model.detect(rows).p_value == before).all()


def test_the_report_tells_what_moved(model):
    report = adapt(model, _rows(60, 1, True)).report
    assert report.related and report.way == "level and spread" and report.raised_before == 1
    gains = {one.column: one.gain for one in report.moved}
    assert gains["x0"] == pytest.approx(1.8, rel=0.3) and gains["x2"] == pytest.approx(0.1, rel=0.3)
    assert report.rows["source"] == 500 and report.rows["own_scores"] == 60


def test_a_table_that_hangs_together_otherwise_is_learned_alone_and_the_report_says_so(model):
    adapted = adapt(model, _turned(60, 1))
    assert not adapted.report.related and adapted.report.rows["source"] == 0
    assert "unrelated" in " ".join(adapted.report.why)
    assert adapted.model.detect(_turned(400, 2)).is_anomaly.mean() < 0.05
    assert adapted.model.detect([[3.0, 3.0, -3.0]]).is_anomaly.all()


def test_many_rows_stand_alone_in_the_calibration(model):
    assert adapt(model, _rows(400, 1, True)).report.rows["borrowed_scores"] == 0


def test_it_is_repeatable_and_survives_saving(model, tmp_path):
    few, rows = _rows(20, 1, True), _rows(30, 2, True)
    adapted = adapt(model, few).model
    artifact.save(adapted, tmp_path / "b.tocsin")
    again = artifact.load(tmp_path / "b.tocsin")
    assert (again.detect(rows).p_value == adapted.detect(rows).p_value).all()
    assert (adapt(model, few).model.detect(rows).p_value == adapted.detect(rows).p_value).all()
    assert again.facts_["adapted"]["from"] == model.facts_["version"]


def test_an_adapted_model_explains_in_the_new_units(model):
    adapted = adapt(model, _rows(30, 1, True)).model
    told = adapted.explain(np.array([[32.0, 0.0, 50.0]]), rows=[0])
    assert told.labels[int(np.argmax(told.values[0]))] == "x2"
    assert 4 < told.expected[0][2] < 6


def test_an_adapted_model_can_be_adapted_again(model):
    again = adapt(adapt(model, _rows(30, 1, True)).model, _rows(30, 2))
    assert again.model.detect(_rows(500, 3)).is_anomaly.mean() < 0.05


def test_source_rows_can_be_given_and_labelled_anomalies_are_left_out(model):
    few = Dataset.of(np.r_[_rows(20, 1, True), _odd(5, 2) + 50], np.r_[np.zeros(20, dtype=int), np.ones(5, dtype=int)])
    adapted = adapt(model, few, _rows(200, 5), most=150)
    assert adapted.report.rows["given"] == 20 and adapted.report.rows["source"] == 150


def _mixed(n, seed, levels=("on", "off"), swapped=False):
    rng = np.random.default_rng(seed)
    columns = {"flow": rng.normal(8, 1, n), "state": [levels[i % len(levels)] for i in range(n)]}
    return pa.table(dict(reversed(columns.items())) if swapped else columns)


def test_columns_go_by_name_and_new_categories_are_taken_in():
    model = Pipeline("knn").fit(_mixed(300, 0))
    adapted = adapt(model, _mixed(40, 1, ("on", "off", "idle"), swapped=True)).model
    assert adapted.detect(_mixed(300, 2, ("on", "off", "idle"))).is_anomaly.mean() < 0.06


def test_columns_taken_by_size_move_by_a_factor():
    rng = np.random.default_rng(0)
    source = np.exp(5 + rng.normal(0, 1.5, (800, 2)))
    model = tocsin.fit(source, detector="knn", scale="log")
    assert model.preparation_.steps[-1].by_size.all()
    adapted = adapt(model, np.exp(5 + rng.normal(0, 1.5, (60, 2))) * 10)
    moved = adapted.report.moved
    assert adapted.report.related and {one.level for one in moved} == {0.0} and all(6 < one.gain < 16 for one in moved) and len(moved) == 2
    assert adapted.model.detect(np.exp(5 + rng.normal(0, 1.5, (500, 2))) * 10).is_anomaly.mean() < 0.04


def test_a_missing_column_is_a_stated_error():
    with pytest.raises(DataError, match="TOC-133"):
        adapt(Pipeline("knn").fit(_mixed(300, 0)), _mixed(30, 1).drop_columns(["state"]))


def test_too_few_rows_a_series_and_bad_bounds_are_stated_errors(model):
    with pytest.raises(DataError, match="TOC-147"):
        adapt(model, _rows(3, 0))
    with pytest.raises(DataError, match="TOC-148"):
        adapt(model, _rows(20, 0), Dataset.of(_rows(5, 1), np.ones(5, dtype=int)))
    with pytest.raises(ConfigError, match="TOC-238"):
        adapt(model, _rows(20, 0), most=1)
    series = Pipeline("gaussian").fit(Dataset.of(np.sin(np.arange(400) / 5.0), kind="series"))
    with pytest.raises(ConfigError, match="TOC-237"):
        adapt(series, Dataset.of(np.sin(np.arange(60) / 5.0), kind="series"))


def test_a_unit_a_thousand_million_times_smaller_is_no_loss(model):
    few, rows = _rows(30, 1) * [1e9, 1, 1], _rows(300, 2) * [1e9, 1, 1]
    adapted = adapt(model, few).model
    assert adapted.detect(rows).is_anomaly.mean() < 0.05
    assert adapted.detect([[3e9, -3.0, 0.0]]).is_anomaly.all()
