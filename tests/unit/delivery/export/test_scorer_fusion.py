"""The fusion in the graph: all members, few rows, copies of training rows, tied evidence."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.decision.evidence import evidence
from tocsin.delivery.export import scorer_fusion
from tocsin.delivery.export.export import export
from tocsin.delivery.export.scorer import row_scores
from tocsin.detectors.neighbour_fusion import MODELS, NEIGHBOURS

_R = np.random.default_rng(0)
_ROWS = np.exp(_R.normal(size=(200, 5)) @ _R.normal(size=(5, 5)) / 2)


def _compared(value, detector, new, rtol=1e-10):
    wanted = detector.anomaly_score(new)
    made = value(lambda graph, x: row_scores(graph, x, detector), x=new)
    np.testing.assert_allclose(made, wanted, rtol=rtol, atol=1e-11 * float(np.median(wanted)))


@pytest.mark.parametrize("member", [*NEIGHBOURS, *MODELS])
def test_each_member_alone(value, member):
    detector = tocsin.make("neighbour_fusion", members=[member]).fit(_ROWS)
    _compared(value, detector, np.concatenate([_ROWS[:10], _ROWS[:10] * 1.1, -_ROWS[:5] * 50, _ROWS[:2] * 1e200]))


def test_members_in_the_order_they_were_given(value):
    _compared(value, tocsin.make("neighbour_fusion", members=["gaussian_mixture", "nearest", "copula"]).fit(_ROWS), _ROWS[:40] * 1.05)


@pytest.mark.parametrize("n", [4, 7, 40])
def test_few_rows(value, n):
    _compared(value, tocsin.make("neighbour_fusion").fit(_ROWS[:n]), _ROWS[:60])


def test_an_uneven_table(value):
    """Rare counts, flags and columns that never varied; see ``memory.uneven``."""
    rng = np.random.default_rng(5)
    counts = np.where(rng.random((400, 4)) < 0.05, np.ceil(np.exp(3 * rng.normal(size=(400, 4)))), 0.0)
    rows = np.c_[rng.normal(size=(400, 2)), counts, rng.random((400, 4)) < 0.05, np.full((400, 1), 3.0), np.zeros((400, 1))]
    detector = tocsin.make("neighbour_fusion").fit(rows)
    assert detector.mixed_ is not None and detector.mixed_["still"].any() and detector.mixed_["two"].any()
    _compared(value, detector, np.concatenate([rows[:60], rows[:20] * 1.1, rows[:20] + 1, -rows[:5] * 50]))


def test_copies_of_training_rows_are_at_distance_zero(value):
    """By value and by rank; a third of all evidence is then tied at one score."""
    X = np.concatenate([_ROWS, _ROWS[:60], _ROWS[:60]])
    detector = tocsin.make("neighbour_fusion", members=["nearest", "nearest, by rank", "near", "near, by rank"]).fit(X)
    _compared(value, detector, X)


def test_evidence_goes_up_in_steps_where_scores_are_tied(value):
    learned = {"knots": np.repeat([-1.0, 0.5, 2.0], [20, 5, 40]), "scale": 0.3}
    scores = np.array([-3.0, -1.0, -0.2, 0.5, 1.7, 2.0, 4.0])
    made = value(lambda graph, x: scorer_fusion.evidence(graph, x, [learned]), x=scores[:, None])
    np.testing.assert_allclose(made[:, 0], evidence(scores, learned), rtol=1e-13)
    below = value(lambda graph, x: scorer_fusion.evidence(graph, x, [learned]), x=scores[[1]][:, None] - 1e-15)
    np.testing.assert_allclose(below[0], made[1], rtol=1e-13)  # a last bit does not undo a step


def test_a_table_with_names_and_holes_leaves_with_the_default_for_clean_tables(table, tmp_path):
    model = tocsin.fit(table, "neighbour_fusion")
    assert export(model, tmp_path / "m.onnx").error < 1e-9


def test_a_member_without_a_graph_is_refused_by_name(value, monkeypatch):
    detector = tocsin.make("neighbour_fusion").fit(_ROWS)
    monkeypatch.setattr(scorer_fusion, "_MEASURES", ("first", "mean", "absolute"))
    with pytest.raises(ArtifactError, match=r"TOC-427.*near for its place"):
        value(lambda graph, x: row_scores(graph, x, detector), x=_ROWS)


def test_windows_of_it_leave(tmp_path):
    wave = np.sin(np.arange(300) / 5)[:, None] + 0.1 * np.random.default_rng(2).normal(size=(300, 1))
    model = tocsin.fit(tocsin.Dataset.of(wave, kind="series"), tocsin.make("windows", detector="neighbour_fusion", window=8))
    assert export(model, tmp_path / "m.onnx").error < 1e-9
