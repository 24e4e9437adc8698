"""p-values and cuts of the graph are the calibrator's and the threshold's."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.decision.calibrate import Calibrator, Conformal
from tocsin.decision.threshold import Contamination, FalseAlarmRate, FalseDiscovery
from tocsin.delivery.export.calibration import cut_of, decisions, p_values


def _scores(law: str) -> np.ndarray:
    r = np.random.default_rng(3)
    laws = {"normal": r.normal(size=3000), "heavy": r.standard_cauchy(1500), "few": r.random(4), "constant": np.full(20, 2.0),
            "tied": r.integers(0, 4, 300).astype(float), "zero": np.zeros(9), "huge": r.random(50) * 1e290}
    return laws[law]


@pytest.mark.parametrize("tail", ["pareto", "exponential", "none"])
@pytest.mark.parametrize("law", ["normal", "heavy", "few", "tied", "constant", "zero", "huge"])
def test_p_is_the_calibrators(value, law, tail):
    known = _scores(law)
    model = Conformal(tail=tail).fit(known)
    top = np.abs(known).max() or 1.0
    x = np.concatenate([known, np.linspace(known.min() - top, known.max() + 3 * top, 400), top * np.geomspace(1, 1e10, 60), [np.inf]])
    made = value(lambda graph, x: p_values(graph, x, model, near=0.0), x=x)
    np.testing.assert_allclose(made, model.transform(x), rtol=1e-11)
    assert (made[: len(known)] == model.transform(known)).all()  # cuts learned from such p-values decide to the last bit


def test_a_series_calibration_is_the_same(value):
    scores = np.convolve(np.random.default_rng(0).normal(size=800), np.ones(10), "valid")
    model = Conformal(trim=True).fit(scores, block=10)
    made = value(lambda graph, x: p_values(graph, x, model, near=0.0), x=scores * 2)
    np.testing.assert_allclose(made, model.transform(scores * 2), rtol=1e-11)


def test_a_last_bit_does_not_move_p_at_a_tied_score(value):
    model = Conformal().fit(np.repeat([1.0, 3.0], 50))
    x = np.array([3.0 * (1 - 1e-12), 3.0, 3.0 * (1 + 1e-12), 1.0 * (1 + 1e-12)])
    made = value(lambda graph, x: p_values(graph, x, model, near=1e-9), x=x)
    assert made.tolist() == model.transform([3.0, 3.0, 3.0, 1.0]).tolist()
    assert model.transform(x)[3] < 0.6 < made[3]


def test_an_unknown_calibrator_is_refused():
    class Other(Calibrator):
        def fit(self, scores, *, block=1):
            return self

        def transform(self, scores):
            return np.ones(len(scores))

    with pytest.raises(ArtifactError, match=r"TOC-423.*Other"):
        p_values(None, "x", Other(), near=0.0)


def test_the_cut_is_inclusive(value):
    p = np.array([0.0099, 0.01, 0.0101])
    assert value(lambda graph, x: decisions(graph, x, graph.const(0.01)), x=p).tolist() == [True, True, False]


def test_cuts_are_the_thresholds():
    p = np.linspace(0.01, 1, 100)
    assert cut_of(FalseAlarmRate(0.02).fit(p)) == 0.02
    assert cut_of(Contamination(0.1).fit(p)) == pytest.approx(0.1)


def test_a_rule_over_the_batch_is_refused():
    with pytest.raises(ConfigError, match="TOC-270"):
        cut_of(FalseDiscovery().fit([0.5]))
