"""What a chart needs: one entry a row, plain values, and a band of where each value was expected."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.flows.train import compose
from tocsin.monitoring import trace as home
from tocsin.monitoring.trace import trace_of

T = 400


def series() -> pa.Table:
    rng = np.random.default_rng(0)
    flow = np.sin(np.arange(T) / 5) + 0.05 * rng.normal(size=T)
    flow[300] = 4.0
    time = np.datetime64("2026-01-01T00:00:00") + np.arange(T) * np.timedelta64(300, "s")
    return pa.table({"time": time, "flow": pa.array(flow, mask=np.arange(T) == 10), "state": ["a", "b"] * (T // 2)})


def test_a_series_judged_by_itself_has_a_band_from_unseen_rows() -> None:
    data = tocsin.read(series(), time="time")
    model = compose(data, "knn", clean=False)
    found = model.fit_detect(data)
    made = trace_of(data, found, model, own=True)
    assert made is not None and json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["kind"] == "series" and made["time"][1] == "2026-01-01T00:05:00" and [one["name"] for one in made["columns"]] == ["flow"]
    flow = made["columns"][0]
    assert all(len(made[part]) == T for part in ("ids", "time", "score", "p_value", "is_anomaly"))
    assert all(len(flow[part]) == T for part in ("values", "expected", "low", "high"))
    assert flow["values"][10] is None and flow["values"][300] == 4.0 and flow["high"][300] < 4.0
    inside = [low <= value <= high for low, value, high in zip(flow["low"], flow["values"], flow["high"]) if value is not None]
    assert np.mean(inside) > 0.9
    assert made["events"] and made["events"][0]["start"] <= 300 <= made["events"][0]["end"]
    assert made["threshold"] == {"rule": "false_alarm_rate", "value": 0.01, "cut": 0.01, "score": pytest.approx(found.threshold)}


def test_a_table_judged_by_a_fitted_model() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    model = tocsin.fit(X, threshold="cost=1:5")
    data = model.as_dataset(X[:50])
    made = trace_of(data, model.detect(data), model)
    assert made is not None and made["time"] is None and made["events"] == [] and len(made["columns"]) == 3
    assert made["threshold"]["rule"] == "cost" and made["threshold"]["value"] == "1:5:0.01"
    np.testing.assert_allclose(made["columns"][1]["values"], X[:50, 1], rtol=1e-6)


def test_a_detector_that_expects_nothing_has_no_band() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = tocsin.fit(X, detector=tocsin.make("iforest", trees=10))
    data = model.as_dataset(X)
    made = trace_of(data, model.detect(data), model)
    assert made is not None and made["columns"][0]["expected"] is None and made["columns"][0]["values"][0] is not None


def test_it_stays_of_a_size_that_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(200, 4))
    X[7, 3] = 30
    model = tocsin.fit(X, detector="gaussian")
    data = model.as_dataset(X)
    found = model.detect(data)
    monkeypatch.setattr(home, "_MOST_CELLS", 400)
    made = trace_of(data, found, model, reasons=model.explain(data, [7], found=found))
    assert made is not None and len(made["columns"]) == 2 and "x3" in {one["name"] for one in made["columns"]}
    monkeypatch.setattr(home, "MOST_ROWS", 100)
    assert trace_of(data, found, model) is None
