"""Every detector that says it is exportable leaves as an equal graph; every other is refused by its name."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.core.types import Dataset
from tocsin.delivery.export.export import export
from tocsin.delivery.export.proof import start
from tocsin.pipeline.pipeline import Pipeline
from tocsin.testing.toy import toy

_ABLE = [name for name in catalog.names() if catalog.card(name).tags.exportable]


def _quick(name: str) -> Detector:
    """The detector's tiny instance, trained for a moment only: the graph has to be equal, not good."""
    cls = catalog.load(name)
    small = cls.small()
    return small.fresh(training={"epochs": 1}) if "training" in cls.parameters() else small


@pytest.mark.parametrize("name", _ABLE)
def test_the_exported_graph_gives_equal_scores(name, tmp_path):
    detector = _quick(name)
    data = toy(detector.tags.modality, detector.tags.supervised)
    kind = "series" if detector.tags.modality == "series" else "table"
    y = data.y[:250] if detector.tags.supervised else None
    model = Pipeline(detector).fit(Dataset.of(data.train[:250], y=y, kind=kind))
    made = export(model, tmp_path / "m.onnx")
    X = data.test
    feeds = {"window": X[None]} if kind == "series" else {f"x{j}": X[:, j:j + 1] for j in range(X.shape[1])}
    score, p, odd = start(made.path.read_bytes()).run(["score", "p_value", "is_anomaly"], feeds)
    found = model.detect(X)
    usual = float(np.median(np.abs(found.score)))
    np.testing.assert_allclose(score.ravel(), found.score, rtol=1e-4, atol=1e-4 * usual)
    np.testing.assert_allclose(p.ravel(), found.p_value, rtol=1e-2)
    assert (odd.ravel() != found.is_anomaly).sum() == 0


@pytest.mark.parametrize("name", [name for name in catalog.names() if name not in _ABLE] or ["gaussian"])
def test_other_detectors_are_refused_by_name(name, tmp_path, monkeypatch):
    cls = catalog.load(name)
    monkeypatch.setattr(cls, "tags", type(cls.tags)(**{**vars(cls.tags), "exportable": False}))
    data = toy(cls.tags.modality, cls.tags.supervised)
    y = data.y if cls.tags.supervised else None
    model = Pipeline(_quick(name)).fit(Dataset.of(data.train, y=y, kind="series" if cls.tags.modality == "series" else "table"))
    with pytest.raises(ArtifactError, match=rf"TOC-421.*{name}"):
        export(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_windows_are_exportable_when_what_they_hold_is():
    windows = catalog.load("windows")
    assert [windows(name).tags.exportable for name in ("knn", "autoencoder")] == [True, True]
