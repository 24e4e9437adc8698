"""Networks of rows as ONNX: equal to the original, for every number of rows and for numbers from far away."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.delivery.export import layers
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.network import network_scorer, standardised

ROWS = np.random.default_rng(0).normal(size=(240, 5)) @ np.random.default_rng(1).normal(size=(5, 5))


def session(graph: Graph) -> Any:
    return onnxruntime.InferenceSession(graph.model().SerializeToString(), providers=["CPUExecutionProvider"])


def scorer(detector: Any) -> Any:
    graph = Graph()
    graph.output("score", network_scorer(graph, graph.input("x", DOUBLE, ["n", 5]), detector), DOUBLE, ["n"])
    return session(graph)


@pytest.mark.parametrize("name, params", [("autoencoder", {}), ("autoencoder", {"latent": 2, "dropout": 0.2}), ("vae", {}),
                                          ("vae", {"latent": 3, "dropout": 0.1, "beta": 0.5})])
def test_scores_are_those_of_the_detector(name, params):
    detector = tocsin.make(name, hidden=16, training={"epochs": 3}, **params).fit(ROWS)
    run = scorer(detector)
    for n in (1, 2, 300):
        rows = np.random.default_rng(n).normal(size=(n, 5)) * 3
        np.testing.assert_allclose(run.run(None, {"x": rows})[0], detector.anomaly_score(rows), rtol=2e-5, atol=1e-6)


def test_far_numbers_stay_finite_and_apart():
    detector = tocsin.make("autoencoder", hidden=8, training={"epochs": 1}).fit(ROWS)
    rows = np.zeros((4, 5))
    rows[:, 2] = [1e308, -1e308, 1e20, 3e4]
    found = scorer(detector).run(None, {"x": rows})[0]
    np.testing.assert_allclose(found, detector.anomaly_score(rows), rtol=1e-4)
    assert np.isfinite(found).all()
    assert found[0] > found[2] > found[3]


def test_standardised_is_the_block_bit_for_bit_near_and_close_far():
    detector = tocsin.make("autoencoder", hidden=4, training={"epochs": 1}).fit(ROWS)
    inputs, graph = detector.net_.inputs, Graph()
    z = standardised(graph, graph.input("x", DOUBLE, ["n", 5]), inputs)
    graph.output("z", graph.cast(z, DOUBLE), DOUBLE, ["n", 5])
    near = np.random.default_rng(2).normal(size=(50, 5)) * 1e3
    assert np.array_equal(session(graph).run(None, {"x": near})[0], inputs(torch.tensor(near)).double().numpy())
    far = np.array([[1e5, -1e9, 1e100, -1.7e308, 1.7e308]])
    np.testing.assert_allclose(session(graph).run(None, {"x": far})[0], inputs(torch.tensor(far)).double().numpy(), rtol=1e-6)


def test_another_network_is_refused():
    detector = tocsin.make("conv", window=4, hidden=4, training={"epochs": 1}).fit(np.sin(np.arange(80.0)))
    graph = Graph()
    with pytest.raises(ArtifactError, match="TOC-432"):
        network_scorer(graph, graph.input("x", DOUBLE, ["n", 1]), detector)


def test_another_layer_is_refused_by_name():
    graph = Graph()
    with pytest.raises(ArtifactError, match=r"TOC-432.*Sigmoid"):
        layers.sequential(graph, graph.input("x", DOUBLE, ["n", 2]), [nn.Sigmoid()])
