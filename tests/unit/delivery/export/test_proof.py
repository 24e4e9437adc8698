"""A graph that differs is found out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.delivery.export.assembly import assemble
from tocsin.delivery.export.proof import prove


@pytest.fixture(scope="module")
def model():
    r = np.random.default_rng(0)
    X = r.normal(size=(200, 3))
    X[::17, 1] = np.nan
    return tocsin.fit(X, "gaussian")


@pytest.fixture(scope="module")
def waves(series):
    return tocsin.fit(tocsin.Dataset.of(series, kind="series"), "gaussian")


def _changed(model, wanted: np.ndarray, by: np.ndarray) -> bytes:
    """The model's graph with one constant changed."""
    made: onnx.ModelProto = assemble(model)
    found = [held for held in made.graph.initializer if np.array_equal(numpy_helper.to_array(held), wanted)]
    assert found
    for held in found:
        held.CopyFrom(numpy_helper.from_array(np.asarray(by), held.name))
    return made.SerializeToString()


def test_an_equal_graph_is_proved(model):
    proof = prove(assemble(model).SerializeToString(), model, 1e-9)
    assert (proof.rows, proof.batches) == (240, ("3", "17"))
    assert proof.error < 1e-12


def test_a_series_is_tried_at_two_batch_sizes_and_three_lengths(waves):
    reach = waves.detector_.window
    proof = prove(assemble(waves).SerializeToString(), waves, 1e-9)
    assert proof.batches == (f"3 × {2 * reach + 3}", f"17 × {reach}", f"3 × {reach // 2}")
    assert proof.error < 1e-12


def test_decisions_too_near_the_cut_are_counted(model):
    assert prove(assemble(model).SerializeToString(), model, 0.5).close > 0


@pytest.mark.parametrize("part", ["mean_", "variances_", "axes_"])
def test_another_detector_is_found_out(model, part):
    held = np.asarray(getattr(model.detector_, part))
    held = np.ascontiguousarray(held.T) if part == "axes_" else held
    with pytest.raises(ArtifactError, match=r"TOC-420.*score"):
        prove(_changed(model, held, held * (1 + 1e-6) + 1e-6), model, 1e-9)


def test_another_preparation_is_found_out(model):
    fill = model.preparation_.steps[2].fill_
    with pytest.raises(ArtifactError, match=r"TOC-420.*score"):
        prove(_changed(model, fill, fill + 0.01), model, 1e-9)


@pytest.mark.parametrize("part", ["log_above_", "knots_"])
def test_another_calibration_is_found_out(model, part):
    held = getattr(model.calibrator_, part)
    with pytest.raises(ArtifactError, match=r"TOC-420.*p ="):
        prove(_changed(model, held, held * 1.001), model, 1e-9)


def test_another_tail_is_found_out(model):
    with pytest.raises(ArtifactError, match=r"TOC-420.*p ="):
        prove(_changed(model, model.calibrator_.tail_, model.calibrator_.tail_ * 1.001), model, 1e-9)


def test_another_cut_is_found_out(model):
    with pytest.raises(ArtifactError, match=r"TOC-420.*decisions"):
        prove(_changed(model, np.float64(0.01), np.float64(0.2)), model, 1e-9)


def test_a_threshold_that_is_not_obeyed_is_found_out(model):
    made = assemble(model)
    fixed = [node for node in made.graph.node if "threshold" in node.input]
    made.graph.initializer.append(numpy_helper.from_array(np.float64(0.01), "fixed"))
    for node in fixed:
        node.input[:] = ["fixed" if name == "threshold" else name for name in node.input]
    with pytest.raises(ArtifactError, match=r"TOC-420.*0\.3"):
        prove(made.SerializeToString(), model, 1e-9)


def test_a_score_that_is_not_finite_is_found_out(model):
    held = model.detector_.variances_
    with pytest.raises(ArtifactError, match=r"TOC-420.*not finite"):
        prove(_changed(model, held, held * 0), model, 1e-9)


def test_a_graph_that_does_not_load_is_a_stated_error(model):
    with pytest.raises(ArtifactError, match=r"TOC-425.*load"):
        prove(b"no graph", model, 1e-9)


def test_a_graph_that_does_not_run_is_a_stated_error(model):
    held = model.detector_.mean_
    with pytest.raises(ArtifactError, match="TOC-425"):
        prove(_changed(model, held, np.zeros((7, 5, 3, 2))), model, 1e-9)
