"""Row scores of the graph are the detector's, to the last digits."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import tocsin
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.core.tags import Tags
from tocsin.delivery.export import scorer
from tocsin.delivery.export.scorer import row_scores

_R = np.random.default_rng(0)
_TRAIN = {
    "plain": _R.normal(size=(300, 4)) @ _R.normal(size=(4, 4)) * [1, 1e-3, 1e6, 1] + [0, 5, 0, 1e9],
    "wide": _R.normal(size=(30, 60)),
    "doubles": _R.integers(0, 2, size=(400, 3)).astype(float),
    "constant": np.column_stack([np.full(40, 3.0), _R.normal(size=40)]),
}


@pytest.mark.parametrize("detector", ["copula", "gaussian", "knn"])
def test_columns_taken_by_size_are_the_same_in_every_runtime(detector, tmp_path):
    """A copula counts training rows below a cell: one last bit of a logarithm would move a cell past its own copy."""
    rng = np.random.default_rng(3)
    sizes = np.exp(5 + rng.normal(0, 1.5, 1000))
    model = tocsin.fit({"a": sizes, "b": np.floor(sizes[::-1]), "c": rng.normal(size=1000)}, detector=detector, scale="log")
    made = tocsin.export(model, tmp_path / "m.onnx")
    assert made.error < 1e-9
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    new = {"a": np.array([1.7e308, -1.7e308, 0.0, sizes[0]]), "b": np.array([0.0, -5.0, 1e300, 3.0]), "c": np.zeros(4)}
    (score,) = session.run(["score"], {name: values[:, None] for name, values in new.items()})
    assert score.ravel() == pytest.approx(model.anomaly_score(new), rel=1e-9)


@pytest.mark.parametrize("train", _TRAIN)
@pytest.mark.parametrize(("name", "params"), [
    ("baseline", {}), ("gaussian", {}), ("iforest", {"trees": 20}), ("knn", {}), ("knn", {"k": 1}), ("knn", {"k": 1000, "scale": False}),
    ("knn", {"metric": "l1"}), ("knn", {"rows": 20}), ("lof", {}), ("lof", {"k": 3, "rows": 25}), ("pca", {}), ("pca", {"components": 1}),
    ("mcd", {"starts": 2}), ("gaussian_mixture", {"components": 3}), ("gaussian_mixture", {"width": 2}),
    ("hbos", {}), ("hbos", {"axes": False}),
    ("neighbour_fusion", {}), ("neighbour_fusion", {"k": 2, "rows": 25, "scale": False}),
])
def test_scores_are_the_detectors(value, name, params, train):
    X = _TRAIN[train]
    detector = tocsin.make(name, **params).fit(X)
    new = np.concatenate([X[:20], X[:20] + np.random.default_rng(1).normal(size=X[:20].shape) * X.std(axis=0), X[:5] * 1e3, X[:3] - 1e200])
    wanted = detector.anomaly_score(new)
    made = value(lambda graph, x: row_scores(graph, x, detector), x=new)
    np.testing.assert_allclose(made, wanted, rtol=1e-11, atol=1e-12 * float(np.median(wanted)))


@pytest.mark.parametrize("name", ["autoencoder", "vae", "classifier"])
def test_networks_are_handed_on(value, name):
    pytest.importorskip("torch")
    detector = tocsin.make(name, hidden=8, training={"epochs": 2}).fit(_TRAIN["plain"], np.arange(300) % 9 == 0)
    made = value(lambda graph, x: row_scores(graph, x, detector), x=_TRAIN["plain"])
    np.testing.assert_allclose(made, detector.anomaly_score(_TRAIN["plain"]), rtol=1e-4)


def test_every_vector_detector_that_says_so_is_there():
    said = {name for name in tocsin.core.catalog.names() if tocsin.core.catalog.card(name).tags.exportable
            and tocsin.core.catalog.card(name).tags.modality == "vector"}
    assert said == set(scorer.SCORERS)


def test_others_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(scorer, "SCORERS", {})
    with pytest.raises(ArtifactError, match=r"TOC-421.*gaussian"):
        row_scores(None, "x", tocsin.make("gaussian"))


def test_a_class_outside_the_catalog_is_refused():
    class Mine(Detector):
        tags = Tags(modality="vector", exportable=True)

        @classmethod
        def small(cls):
            return cls()

        def _fit(self, X, y, groups):
            self.a_ = 1

        def _score(self, X, groups):
            return X[:, 0]

    with pytest.raises(tocsin.TocsinError, match="TOC-203"):
        row_scores(None, "x", Mine())
