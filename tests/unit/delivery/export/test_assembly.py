"""The parts put together: names, shapes and how exact the whole has to be."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.core.types import Dataset
from tocsin.delivery.export.assembly import assemble, state_digest, tolerance


@pytest.fixture(scope="module")
def model():
    return tocsin.fit(np.random.default_rng(0).normal(size=(100, 2)), "gaussian")


def _shape(value):
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]


def test_inputs_and_outputs_of_a_table(model):
    graph = assemble(model).graph
    assert {value.name: _shape(value) for value in graph.input} == {"x0": ["n", 1], "x1": ["n", 1], "threshold": []}
    assert {value.name: _shape(value) for value in graph.output} == {"score": ["n"], "p_value": ["n"], "is_anomaly": ["n"]}
    assert "threshold" in [held.name for held in graph.initializer]


def test_inputs_and_outputs_of_a_series(series):
    graph = assemble(tocsin.fit(Dataset.of(series, kind="series"), "gaussian")).graph
    assert {value.name: _shape(value) for value in graph.input} == {"window": ["b", "t", 2], "threshold": []}
    assert {value.name: _shape(value) for value in graph.output} == {"score": ["b", "t"], "p_value": ["b", "t"], "is_anomaly": ["b", "t"]}


def test_networks_may_differ_by_single_precision():
    told = {name: tolerance(tocsin.make(name)) for name in ("gaussian", "knn", "autoencoder")}
    assert told == {"gaussian": 1e-9, "knn": 1e-9, "autoencoder": 1e-4}
    assert [tolerance(tocsin.make("windows", detector=name)) for name in ("knn", "vae")] == [1e-9, 1e-4]


def test_the_digest_is_of_what_was_learned(model):
    again = tocsin.fit(np.random.default_rng(0).normal(size=(100, 2)), "gaussian")
    other = tocsin.fit(np.random.default_rng(1).normal(size=(100, 2)), "gaussian")
    again.facts_ = model.facts_
    assert state_digest(again) == state_digest(model) != state_digest(other)


def test_a_detector_that_does_not_say_so_is_refused(model, monkeypatch):
    tags = model.detector_.tags
    monkeypatch.setattr(type(model.detector_), "tags", type(tags)(**{**vars(tags), "exportable": False}))
    with pytest.raises(ArtifactError, match=r"TOC-421.*gaussian"):
        assemble(model)
