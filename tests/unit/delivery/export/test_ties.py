"""Where rounding chooses among equals, a graph is held to what the choices give: no less, and no more."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.delivery.export import ties, trial
from tocsin.delivery.export.assembly import assemble
from tocsin.delivery.export.export import export
from tocsin.delivery.export.proof import prove

_GRID = np.random.default_rng(0).integers(0, 6, size=(400, 3)).astype(float)


@pytest.mark.parametrize("name", ["neighbour_fusion", "lof"])
def test_tables_of_whole_numbers_leave_and_their_ties_are_counted(name, tmp_path):
    made = export(tocsin.fit(_GRID, name), tmp_path / "m.onnx")
    assert 0 < made.tied < 40
    assert made.error < 1e-9


@pytest.mark.parametrize("name", ["neighbour_fusion", "lof", "hbos"])
@pytest.mark.parametrize("rows", [_GRID, np.random.default_rng(1).normal(size=(300, 3))], ids=["grid", "normal"])
def test_the_span_holds_the_models_own_scores(name, rows):
    model = tocsin.fit(rows, name)
    made = trial.rows_of(model, 100)
    low, high = ties.span(model, made.data)
    score = model.detect(made.data).score
    assert (low <= score + 1e-12).all() and (score <= high + 1e-12).all()
    if rows is not _GRID:
        assert float(np.median((high - low) / np.abs(score))) < 1e-8  # where nothing is tied, nothing is left open


def test_the_span_of_windows_is_that_of_the_rows_in_them():
    wave = np.random.default_rng(1).integers(0, 3, size=(200, 1)).astype(float)
    model = tocsin.fit(tocsin.Dataset.of(wave, kind="series"), tocsin.make("windows", detector="lof", window=4))
    made = trial.windows_of(model, 3, 9)
    low, high = ties.span(model, made.data)
    score = model.detect(made.data).score
    assert (low <= score + 1e-12).all() and (score <= high + 1e-12).all() and (high > low + 1e-6).any()


def test_other_detectors_leave_nothing_open():
    model = tocsin.fit(_GRID, "gaussian")
    assert ties.span(model, trial.rows_of(model, 5).data) is None


@pytest.mark.parametrize("part", ["own_", "rows_"])
def test_a_wrong_graph_is_found_out_in_spite_of_ties(part):
    model = tocsin.fit(_GRID, "neighbour_fusion")
    content = assemble(model).SerializeToString()
    prove(content, model, 1e-9)
    held = getattr(model.detector_, part)
    held.update({space: np.asarray(numbers) * 1.001 for space, numbers in held.items()})
    model.detector_.__dict__.pop("_banks", None)
    with pytest.raises(ArtifactError, match="TOC-420"):
        prove(content, model, 1e-9)


def test_the_fewest_and_the_most_of_a_choice():
    values, sure, tied = np.array([[1.0, 5.0, 2.0, 9.0]]), np.array([[True, False, False, False]]), np.array([[False, True, True, True]])
    assert [end.tolist() for end in ties._means(values, sure, tied, 2)] == [[1.5], [5.0]]
    assert [end.tolist() for end in ties._least_means(values, sure, tied, 3, 2)] == [[1.5], [3.0]]
