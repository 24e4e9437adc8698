"""Series detectors as ONNX: every segment of a batch is judged as the original judges it alone, short, whole or long."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.scorer import row_scores
from tocsin.delivery.export.series import series_scorer

LENGTH = 12
STEPS = (1, 2, 7, 11, 12, 13, 17, 24, 25, 29, 40)  # below, at, between and beyond one and two windows
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "conv": ("conv", {"hidden": 6}),
    "conv, not smoothed": ("conv", {"hidden": 6, "smooth": 0}),
    "conv, smoothed over more than a window": ("conv", {"hidden": 6, "smooth": 17}),
    "conv, one layer": ("conv", {"hidden": 6, "kernel": 2, "layers": 1}),
    "lstm": ("recurrent", {"hidden": 6}),
    "gru, two layers": ("recurrent", {"hidden": 6, "cell": "gru", "layers": 2}),
    "lstm, reconstruct": ("recurrent", {"hidden": 6, "task": "reconstruct"}),
    "gru, reconstruct": ("recurrent", {"hidden": 6, "task": "reconstruct", "cell": "gru", "layers": 2}),
    "lstm autoencoder": ("recurrent_autoencoder", {"hidden": 6, "smooth": 5}),
    "conv autoencoder": ("conv_autoencoder", {"hidden": 6}),
    "conv autoencoder, one layer": ("conv_autoencoder", {"hidden": 6, "layers": 1, "latent": 3, "smooth": 4}),
    "transformer forecaster": ("transformer", {"width": 8, "heads": 2, "task": "forecast"}),
    "transformer forecaster, three patches": ("transformer", {"width": 8, "heads": 1, "patch": 4, "layers": 1, "task": "forecast"}),
    "transformer": ("transformer", {"width": 8, "heads": 2}),
    "transformer, three patches": ("transformer", {"width": 8, "heads": 2, "patch": 4, "layers": 1}),
    "transformer, five patches": ("transformer", {"width": 8, "heads": 1, "patch": 3, "layers": 3}),
}


def wave(t: int, channels: int, *path: str) -> np.ndarray:
    angle = np.arange(t)[:, None] * 2 * np.pi / LENGTH + np.arange(channels)
    return np.sin(angle) + 0.1 * generator(0, *path).normal(size=(t, channels))


@cache
def fitted(form: str, channels: int) -> Any:
    name, params = FORMS[form]
    return tocsin.make(name, window=LENGTH, training={"epochs": 2}, **params).fit(wave(150, channels, "train"))


def scorer(detector: Any, channels: int) -> Any:
    graph = Graph()
    score = series_scorer(graph, graph.input("x", DOUBLE, ["b", "t", channels]), detector, row_scores)
    graph.output("score", score, DOUBLE, ["b", "t"])
    return onnxruntime.InferenceSession(graph.model().SerializeToString(), providers=["CPUExecutionProvider"])


def compare(detector: Any, channels: int, *, steps: tuple[int, ...] = STEPS, batches: tuple[int, ...] = (1, 5)) -> None:
    run = scorer(detector, channels)
    for t in steps:
        for b in batches:
            X = np.stack([wave(t, channels, str(t), str(i)) + 0.3 * i for i in range(b)])
            X[b // 2, t // 2] += 4
            truth = np.stack([detector.anomaly_score(segment) for segment in X])
            found = run.run(None, {"x": X})[0]
            assert found.shape == (b, t)
            np.testing.assert_allclose(found, truth, rtol=5e-5, atol=1e-5, err_msg=f"b={b}, t={t}")


@pytest.mark.parametrize("form", FORMS)
def test_every_segment_is_judged_as_alone(form):
    compare(fitted(form, 1), 1)
    compare(fitted(form, 1), 1, steps=(24, 29), batches=(2,))


@pytest.mark.parametrize("form", ["conv", "gru, two layers", "lstm, reconstruct", "conv autoencoder", "transformer forecaster",
                                  "transformer"])
def test_with_three_channels(form):
    compare(fitted(form, 3), 3, steps=(5, 12, 31), batches=(1, 2))


def test_without_stretches_to_borrow_from_the_first_row_is_repeated():
    groups = np.arange(150) // 20  # no segment holds a whole stretch of two windows
    detector = tocsin.make("conv", window=LENGTH, hidden=6, training={"epochs": 2}).fit(wave(150, 1, "train"), groups=groups)
    assert len(detector.bank_) == 0
    compare(detector, 1, steps=(1, 7, 12, 29))


def test_wild_values_choose_the_same_history():
    detector = fitted("conv", 1)
    X = wave(20, 1, "wild")[None]
    X[0, 3] = 1e9
    np.testing.assert_allclose(scorer(detector, 1).run(None, {"x": X})[0][0], detector.anomaly_score(X[0]), rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 5, 12, 17])
def test_windows_with_any_stride(stride):
    detector = tocsin.make("windows", detector="gaussian", window=LENGTH, stride=stride).fit(wave(150, 2, "train"))
    compare(detector, 2, batches=(2,))


def test_windows_over_a_network():
    detector = tocsin.make("windows", detector="vae", params={"hidden": 8, "training": {"epochs": 2}}, window=LENGTH)
    compare(detector.fit(wave(150, 1, "train")), 1, steps=(1, 7, 12, 29))


def test_a_detector_of_rows_is_refused():
    graph = Graph()
    with pytest.raises(ArtifactError, match="TOC-432"):
        series_scorer(graph, graph.input("x", DOUBLE, ["b", "t", 1]), tocsin.make("gaussian").fit(np.eye(4)), row_scores)
