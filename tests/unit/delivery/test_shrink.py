"""A smaller file: equal in rank, calibrated anew, or refused with nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

import tocsin  # noqa: E402
from tocsin.core.errors import ArtifactError, ConfigError, StateError  # noqa: E402
from tocsin.core.types import Dataset  # noqa: E402
from tocsin.delivery import shrink as module  # noqa: E402
from tocsin.delivery.shrink import rank_correlation, shrink  # noqa: E402
from tocsin.pipeline.pipeline import Pipeline  # noqa: E402


def rows(n: int, seed: int) -> np.ndarray:
    r = np.random.default_rng(seed)
    mix = np.random.default_rng(0).normal(size=(2, 6))
    return np.tanh(r.normal(size=(n, 2)) @ mix) + 0.1 * r.normal(size=(n, 6))


def labelled(n: int = 800) -> Dataset:
    X, y = rows(n, 2), np.zeros(n, dtype=np.int64)
    y[::40] = 1
    X[::40] += np.random.default_rng(3).normal(size=(len(X[::40]), 6))
    return Dataset.of(X, kind="table", y=y)


def wave(t: int, seed: int) -> np.ndarray:
    return np.sin(np.arange(t) * 2 * np.pi / 12)[:, None] + 0.1 * np.random.default_rng(seed).normal(size=(t, 1))


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(rows(600, 1), detector="autoencoder", training={"epochs": 20})


def fed(path: Path, X: np.ndarray, model: Pipeline) -> dict[str, np.ndarray]:
    run = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    inputs = [value.name for value in run.get_inputs() if value.name != "threshold"]
    feeds = {"window": X} if inputs == ["window"] else {name: X[:, [j]] for j, name in enumerate(inputs)}
    return dict(zip(("score", "p_value", "is_anomaly"), run.run(["score", "p_value", "is_anomaly"], feeds)))


def test_a_table_shrinks_and_stays_ranked(model, tmp_path):
    made = shrink(model, tmp_path / "small.onnx", labelled())
    assert made.after.bytes == (tmp_path / "small.onnx").stat().st_size < 0.6 * made.before.bytes
    assert made.rank_correlation > 0.98
    assert made.layers == 4
    assert made.before.auroc is not None
    assert made.after.auroc is not None
    assert abs(made.after.auroc - made.before.auroc) < 0.01
    assert made.calibrated + made.judged == 800
    assert 0 < made.after.p50_ms <= made.after.p99_ms


def test_the_file_promises_its_own_false_alarm_rate(model, tmp_path):
    shrink(model, tmp_path / "small.onnx", Dataset.of(rows(1000, 2), kind="table"), threshold="false_alarm_rate=0.05")
    found = fed(tmp_path / "small.onnx", rows(4000, 9), model)
    assert 0.03 < found["is_anomaly"].mean() < 0.075
    assert np.array_equal(found["is_anomaly"], found["p_value"] <= 0.05)
    truth = model.anomaly_score(rows(4000, 9))
    assert rank_correlation(truth, found["score"]) > 0.98


def test_the_calibration_in_the_file_is_new(model, tmp_path):
    made = shrink(model, tmp_path / "small.onnx", rows(1000, 2))
    found = fed(tmp_path / "small.onnx", rows(50, 9), model)
    assert not np.allclose(found["p_value"], model.calibrator_.transform(found["score"]), rtol=1e-3)
    assert made.rule["rule"] == "false_alarm_rate"


@pytest.mark.parametrize(("name", "params"), [("conv", {"hidden": 8}), ("recurrent", {"hidden": 8, "cell": "gru"}),
                                              ("transformer", {"width": 16, "heads": 2})])
def test_a_series_shrinks(name, params, tmp_path):
    detector = tocsin.make(name, window=12, training={"epochs": 6}, **params)
    model = Pipeline(detector).fit(Dataset.of(wave(400, 1), kind="series"))
    made = shrink(model, tmp_path / "small.onnx", Dataset.of(wave(400, 2), kind="series"))
    assert made.after.bytes < made.before.bytes
    assert (made.calibrated, made.judged) == (200, 200)
    found = fed(tmp_path / "small.onnx", wave(40, 3)[None], model)
    truth = model.anomaly_score(Dataset.of(wave(40, 3), kind="series"))
    assert rank_correlation(truth, found["score"][0]) > 0.95


def test_activations_may_be_whole_numbers_too(model, tmp_path):
    made = shrink(model, tmp_path / "small.onnx", labelled(), activations=True, reduce_range=False)
    assert (made.activations, made.reduce_range) == (True, False)
    import onnx

    held = onnx.load(str(tmp_path / "small.onnx"))
    assert "QuantizeLinear" in {node.op_type for node in held.graph.node}
    told = json.loads(next(entry.value for entry in held.metadata_props if entry.key == "int8"))
    assert told == {"weights": "int8", "reduce_range": False, "activations": "uint8"}


def test_a_network_that_int8_destroys_is_refused_and_nothing_is_left(tmp_path):
    model = tocsin.fit(rows(400, 1), detector="autoencoder", training={"epochs": 20})
    *_, before, last = [part for part in model.detector_.net_.body.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():  # a hidden value that is always the same, and counts so much that in 7 bits no other weight is left
        before.weight[0], before.bias[0] = 0.0, 1.0
        last.weight[:, 0] = 100.0
        last.bias -= 100.0 * torch.nn.functional.gelu(torch.tensor(1.0))
    (tmp_path / "small.onnx").write_bytes(b"what was there")
    with pytest.raises(ArtifactError, match=r"TOC-430.*rank correlation"):
        shrink(model, tmp_path / "small.onnx", rows(400, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]
    assert (tmp_path / "small.onnx").read_bytes() == b"what was there"


def test_a_fall_of_auroc_is_refused(model, tmp_path, monkeypatch):
    falls = iter([0.99, 0.97])
    monkeypatch.setattr(module.Halves, "auroc", lambda *_: next(falls))
    with pytest.raises(ArtifactError, match=r"TOC-430.*AUROC falls from 0.9900 to 0.9700"):
        shrink(model, tmp_path / "small.onnx", labelled())
    assert list(tmp_path.iterdir()) == []


def test_p_values_that_do_not_fit_are_refused(model, tmp_path, monkeypatch):
    calibrated = module.Halves.calibrated

    def spoilt(halves: Any, model: Pipeline, scores: np.ndarray) -> Pipeline:
        made = calibrated(halves, model, scores)
        told = made.calibrator_.transform
        made.calibrator_.transform = lambda scores: np.minimum(told(scores) * 1.01, 1)
        return made

    monkeypatch.setattr(module.Halves, "calibrated", spoilt)
    with pytest.raises(ArtifactError, match="TOC-433"):
        shrink(model, tmp_path / "small.onnx", labelled())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["knn", "gaussian"])
def test_without_a_network_there_is_nothing_to_shrink(name, tmp_path):
    with pytest.raises(ArtifactError, match=f"TOC-431.*{name!r} holds no network"):
        shrink(tocsin.fit(rows(200, 1), detector=name), tmp_path / "small.onnx", rows(400, 2))
    assert list(tmp_path.iterdir()) == []


def test_the_rows_it_was_fitted_on_are_refused(model, tmp_path):
    np.savetxt(tmp_path / "rows.csv", rows(200, 1), delimiter=",", header="a,b,c,d,e,f", comments="")
    model = tocsin.fit(str(tmp_path / "rows.csv"), detector="autoencoder", training={"epochs": 1})
    with pytest.raises(ConfigError, match="TOC-275"):
        shrink(model, tmp_path / "small.onnx", str(tmp_path / "rows.csv"))
    assert not (tmp_path / "small.onnx").exists()


def test_only_fitted_pipelines(tmp_path):
    with pytest.raises(ArtifactError, match="TOC-426"):
        shrink("model", tmp_path / "small.onnx", rows(400, 2))  # type: ignore[arg-type]
    with pytest.raises(StateError, match="TOC-301"):
        shrink(Pipeline("autoencoder"), tmp_path / "small.onnx", rows(400, 2))


def test_rank_correlation_of_a_constant_is_nought():
    assert rank_correlation(np.zeros(5), np.arange(5.0)) == 0
    assert rank_correlation(np.arange(5.0), -np.arange(5.0)) == -1
    assert rank_correlation(np.array([1.0, 1.0, 2.0]), np.array([3.0, 3.0, 4.0])) == pytest.approx(1)
