"""The pipeline: mixed tables, series with gaps, labels, thresholds that move, states that come back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.pipeline.pipeline import Pipeline


def mixed(n: int = 400, seed: int = 0) -> pa.Table:
    rng = generator(seed, "mixed")
    flow = rng.normal(8.0, 0.4, n)
    return pa.table({"flow (l/s)": flow, "pressure": 2.0 * flow + rng.normal(0, 0.1, n),
                     "valve": rng.choice(["open", "shut"], n, p=[0.8, 0.2]),
                     "on": rng.random(n) < 0.5})


def wave(t: int = 1200, seed: int = 0) -> np.ndarray:
    rng = generator(seed, "wave")
    return np.sin(np.arange(t) * 2 * np.pi / 24)[:, None] + rng.normal(0, 0.05, (t, 1))


def odd_row() -> pa.Table:
    return pa.table({"flow (l/s)": [8.0, 3.1], "pressure": [16.0, 16.0], "valve": ["open", "open"], "on": [True, False]})


@pytest.mark.parametrize("detector", ["knn", "gaussian", "iforest", "baseline", "autoencoder"])
def test_a_broken_relation_in_a_mixed_table_is_found_and_explained(detector: str) -> None:
    model = tocsin.fit(mixed(), detector)
    found = model.detect(odd_row())
    assert found.score[1] > found.score[0]
    assert found.p_value[1] < (0.2 if detector == "iforest" else 0.02) < found.p_value[0]  # a forest hardly sees one odd cell
    why = model.explain(odd_row(), rows=[1])
    assert why.labels == ("flow (l/s)", "pressure", "valve", "on")
    assert np.isclose(why.values.sum(), 1.0) and why.labels[int(why.values[0].argmax())] == "flow (l/s)"
    assert why.observed[0][0] == pytest.approx(3.1) and 5 < why.expected[0][0] < 9.5
    assert "flow" in why.sentences[0] and "l/s" in why.sentences[0]
    assert why.neighbours is not None and len(why.neighbours[0]) == 3


def test_the_promised_false_alarm_rate_is_delivered_on_new_normal_rows() -> None:
    rng = generator(1, "rate")
    rates = [tocsin.fit(rng.normal(size=(150, 4)), "gaussian", threshold="false_alarm_rate=0.05").detect(rng.normal(size=(1000, 4)))
             .is_anomaly.mean() for _ in range(12)]
    assert 0.03 < np.mean(rates) < 0.07


def test_scores_of_a_row_do_not_depend_on_the_batch() -> None:
    model, table = tocsin.fit(mixed()), mixed(64, seed=5)
    whole = model.detect(table)
    single = [model.detect(table.slice(i, 1)) for i in range(8)]
    np.testing.assert_allclose([s.score[0] for s in single], whole.score[:8], rtol=1e-9)
    np.testing.assert_allclose([s.p_value[0] for s in single], whole.p_value[:8], rtol=1e-9)


def test_refit_equals_a_fresh_fit_and_the_input_is_left_alone() -> None:
    X = generator(0, "x").normal(size=(300, 3))
    kept = X.copy()
    twice = Pipeline("knn").fit(X[::-1]).fit(X)
    np.testing.assert_array_equal(twice.anomaly_score(X), Pipeline("knn").fit(X).anomaly_score(X))
    np.testing.assert_array_equal(X, kept)


def test_a_failed_refit_keeps_the_former_model_whole() -> None:
    X = generator(0, "x").normal(size=(300, 3))
    model = Pipeline("knn").fit(X)
    before = model.anomaly_score(X[:5])
    with pytest.raises(DataError):
        model.fit(np.zeros((0, 3)))
    np.testing.assert_array_equal(model.anomaly_score(X[:5]), before)


@pytest.mark.parametrize("detector", ["knn", "autoencoder", "iforest"])
def test_state_goes_through_plain_values_and_comes_back_equal(detector: str) -> None:
    model = tocsin.fit(mixed(), detector)
    state = model.state()
    json.dumps(_arrays_as_lists(state))
    same = Pipeline.from_state(state)
    a, b = model.detect(odd_row()), same.detect(odd_row())
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.p_value, b.p_value)
    assert model.explain(odd_row(), [1]).sentences == same.explain(odd_row(), [1]).sentences


def _arrays_as_lists(tree: object) -> object:
    if isinstance(tree, dict):
        assert all(isinstance(k, str) for k in tree)
        return {k: _arrays_as_lists(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_arrays_as_lists(v) for v in tree]
    return tree.tolist() if isinstance(tree, np.ndarray) else tree


def test_a_threshold_moves_without_refitting() -> None:
    model = tocsin.fit(generator(0, "x").normal(size=(1000, 2)), "gaussian")
    new = generator(1, "x").normal(size=(4000, 2))
    strict, loose = model.with_threshold("false_alarm_rate=0.001"), model.with_threshold("false_alarm_rate=0.2")
    np.testing.assert_array_equal(strict.detect(new).score, loose.detect(new).score)
    assert strict.detect(new).is_anomaly.mean() < 0.01 < model.detect(new).is_anomaly.mean() * 3 < 0.1 < loose.detect(new).is_anomaly.mean()
    found = loose.detect(new)
    np.testing.assert_array_equal(found.score >= found.threshold, found.is_anomaly)
    assert loose.facts_["threshold"]["p"] == pytest.approx(0.2)


def test_labelled_anomalies_are_left_out_of_learning() -> None:
    rng = generator(0, "y")
    X = np.vstack([rng.normal(size=(300, 2)), rng.normal(size=(100, 2)) + 8])
    y = np.r_[np.zeros(300), np.ones(100)]
    informed = Pipeline("knn").fit(Dataset.of(X, y))
    assert informed.detect(X[300:]).is_anomaly.mean() > 0.95
    assert informed.facts_["labelled_anomalies_left_out"] == 100
    with pytest.raises(DataError, match="TOC-119"):
        Pipeline("knn").fit(Dataset.of(X, np.ones(400)))


def test_fit_detect_judges_rows_by_detectors_that_have_not_seen_them() -> None:
    rng = generator(0, "self")
    X = np.vstack([rng.normal(size=(400, 3)), [[7.0, 7.0, 7.0]]])
    found = tocsin.detect(X, "knn")
    assert found.top(1)[0] == 400 and found.is_anomaly[400]
    assert (found.score > 0).all()  # a row that had seen itself would have a neighbour at distance zero
    assert found.is_anomaly.mean() < 0.04


@pytest.mark.parametrize("detector", ["knn", "gaussian", "conv"])
def test_a_shape_anomaly_in_a_series_becomes_one_event(detector: str) -> None:
    model = tocsin.fit(wave(), detector, kind="series")
    test = wave(600, seed=1)
    test[300:324] = 0.0
    found = model.detect(test)
    assert len(found) == 600
    worst = max(found.events, key=lambda event: event.score)  # a forecaster is as surprised by the way back as by the way out
    assert worst.start <= 324 + 24 and worst.end >= 300 and worst.end - worst.start < 120
    assert found.is_anomaly[:250].mean() < 0.06
    why = model.explain(test, [312])
    assert len(why.sentences) == 1 and why.labels == ("x0",)


def test_gaps_and_duplicates_in_the_clock_keep_one_score_per_row() -> None:
    t = 1000
    time = np.datetime64("2026-01-01T00:00") + np.arange(t) * np.timedelta64(5, "m")
    keep = np.r_[0:300, 303:600, 700:1000]
    values = wave(t)[keep]
    data = Dataset.of(values, kind="series", time=time[keep])
    model = Pipeline("knn").fit(data)
    found = model.detect(data)
    assert len(found) == len(keep) and np.isfinite(found.score).all()
    doubled = np.sort(np.r_[np.arange(len(keep)), [5, 5]])
    again = model.detect(data[doubled])
    assert len(again) == len(keep) + 2
    assert again.score[5] == again.score[6] == again.score[7]


def test_groups_of_a_series_are_scored_by_themselves() -> None:
    a, b = wave(600), wave(600, seed=2)
    model = Pipeline("knn").fit(Dataset.of(np.vstack([a, b]), kind="series", group=np.repeat(["a", "b"], 600)))
    b2 = b.copy()
    b2[:40] += 5.0
    base = model.detect(Dataset.of(np.vstack([a, b]), kind="series", group=np.repeat(["a", "b"], 600))).score[:600]
    other = model.detect(Dataset.of(np.vstack([a, b2]), kind="series", group=np.repeat(["a", "b"], 600))).score[:600]
    np.testing.assert_allclose(base, other, rtol=1e-9)


def test_score_time_columns_are_matched_by_name() -> None:
    model, table = tocsin.fit(mixed()), mixed(20, seed=3)
    shuffled = table.select(["on", "valve", "pressure", "flow (l/s)"]).append_column("new", pa.array(range(20)))
    np.testing.assert_array_equal(model.detect(table).score, model.detect(shuffled).score)
    with pytest.raises(DataError, match="pressure"):
        model.detect(table.drop_columns(["pressure"]))
    with pytest.raises(DataError):
        model.detect(np.zeros((3, 9)))


def test_missing_and_unseen_values_are_evidence_not_garbage() -> None:
    model = tocsin.fit(mixed())
    odd = pa.table({"flow (l/s)": [8.0, None, 8.0, float("inf")], "pressure": [16.0] * 4, "valve": ["open", "open", "stuck", "open"],
                    "on": [True] * 4})
    found = model.detect(odd)
    assert np.isfinite(found.score).all()
    assert found.score[2] > found.score[0]
    assert found.score[1] > found.score[0]
    assert "stuck" in model.explain(odd, [2]).sentences[0]


def test_wrong_moments_and_settings_have_codes() -> None:
    with pytest.raises(StateError, match="TOC-301"):
        Pipeline("knn").detect([[1.0]])
    with pytest.raises(ConfigError, match="TOC-203"):
        Pipeline("nearest")
    with pytest.raises(ConfigError, match="TOC-291"):
        tocsin.fit(np.zeros((50, 2)) + generator(0, "z").normal(size=(50, 2)), "conv")
    with pytest.raises(DataError, match="TOC-118"):
        tocsin.fit(wave(60), tocsin.make("windows", window=40), kind="series")
    with pytest.raises(DataError, match="TOC-113"):
        tocsin.fit([[1.0, 2.0]])
    with pytest.raises(ConfigError, match="TOC-293"):
        tocsin.fit(wave(300), "knn", training={"epochs": 3})


@pytest.mark.parametrize("kind", ["table", "series"])
def test_rows_judged_by_themselves_are_explained_by_detectors_that_have_not_seen_them(kind: str) -> None:
    X = wave(600) if kind == "series" else generator(0, "own").normal(size=(300, 2))
    X[250] += 6.0
    data = Dataset.of(X, kind=kind)  # type: ignore[arg-type]
    model = Pipeline("knn")
    found = model.fit_detect(data)
    honest, kind_ = model.explain(data, [250], found=found), model.explain(data, [250])
    gap = [abs(why.observed[0][0] - why.expected[0][0]) for why in (honest, kind_)]
    assert gap[0] > gap[1]
    assert "1 in" in honest.sentences[0] or "fewer" in honest.sentences[0]
    with pytest.raises(DataError, match="TOC-107"):
        model.explain(data, [len(data)])


def test_a_value_never_seen_is_called_that() -> None:
    table = odd_row().set_column(2, "valve", pa.array(["open", "stuck"])).set_column(0, "flow (l/s)", pa.array([8.0, 8.0]))
    assert "never seen in training" in tocsin.fit(mixed(), "gaussian").explain(table, [1]).sentences[0]


def test_judging_data_by_itself_looks_at_no_labels() -> None:
    X = generator(0, "labels").normal(size=(300, 2))
    X[:9] += 5.0
    y = np.r_[np.ones(9), np.zeros(291)]
    with_labels, without = Pipeline("knn"), Pipeline("knn")
    np.testing.assert_array_equal(with_labels.fit_detect(Dataset.of(X, y)).p_value, without.fit_detect(Dataset.of(X)).p_value)
    assert with_labels.facts_["labelled_anomalies_left_out"] == 0


def test_rows_to_explain_are_positions_slices_or_masks() -> None:
    model, X = Pipeline("gaussian").fit(generator(0, "rows").normal(size=(100, 2))), np.zeros((4, 2))
    assert model.explain(X, slice(1, 3)).rows.tolist() == [1, 2]
    assert model.explain(X, [True, False, False, True]).rows.tolist() == [0, 3]
    assert model.explain(X, -1).rows.tolist() == [3]
    for bad in ("a", None, 1.5, [[0, 1]], 2**70, [4], [True, False]):
        with pytest.raises(DataError, match="TOC-107"):
            model.explain(X, bad)


def test_what_is_no_detector_or_threshold_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="TOC-203"):
        Pipeline(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="TOC-242"):
        Pipeline(threshold=3)  # type: ignore[arg-type]
    with pytest.raises(StateError, match="TOC-301"):
        Pipeline().anomaly_score([[1.0]])
    with pytest.raises(DataError, match="TOC-113"):
        tocsin.fit(np.arange(20.0), kind="series")
    with pytest.raises(DataError, match="TOC-118"):
        tocsin.fit(np.sin(np.arange(40.0)), "windows", kind="series", params={"window": 16})


def test_a_text_that_one_row_alone_holds_is_no_alarm_when_a_fifth_of_the_rows_have_one() -> None:
    def notes(n: int, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        said = [f"ref {rng.integers(10**9)}" if rng.random() < 0.2 else str(rng.choice(["ok", "gift"])) for _ in range(n)]
        return {"a": rng.normal(size=n).round(3), "note": said}

    for detector in ("neighbour_fusion", "robust_knn"):  # which judge their own rows
        raised = [tocsin.fit(notes(600, i), detector).detect(notes(400, 9 + i)).is_anomaly.mean() for i in range(3)]
        assert np.mean(raised) < 0.03


@pytest.mark.parametrize("marked", [1, 2, 9])
def test_few_labels_reach_a_detector_that_uses_them(marked: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    rows[:marked] += [5, 0, 0]
    model = Pipeline("boosting").fit(Dataset.of(rows, y=(np.arange(200) < marked).astype(int)))
    odd, normal = model.anomaly_score([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert odd > normal and model.facts_["labelled_anomalies"] == marked and model.facts_["labelled_anomalies_left_out"] == 0
