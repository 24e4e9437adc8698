"""Every detector that says it is exportable leaves as an equal graph; every other is refused by its name."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Schema
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


_FEEDS = {
    "series": lambda X: {"window": X[None]},
    "images": lambda X: {"pixels": np.stack([picture.pixels().transpose(2, 0, 1) for picture in X])},
}


def _data(tags, data, most=None):
    y = data.y[:most] if tags.supervised else None
    rows = data.train[:most]
    if tags.modality in ITEMS:
        return Dataset(list(rows), tags.modality, Schema(()), np.arange(len(rows)), y)
    return Dataset.of(rows, y=y, kind="series" if tags.modality == "series" else "table")


@pytest.mark.parametrize("name", _ABLE)
def test_the_exported_graph_gives_equal_scores(name, tmp_path):
    detector = _quick(name)
    data = toy(detector.tags.modality, detector.tags.supervised)
    model = Pipeline(detector).fit(_data(detector.tags, data, 250))
    made = export(model, tmp_path / "m.onnx")
    X = data.test
    feeds = _FEEDS.get(detector.tags.modality, lambda rows: {f"x{j}": rows[:, j:j + 1] for j in range(rows.shape[1])})(X)
    X = list(X) if detector.tags.modality in ITEMS else X
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
    model = Pipeline(_quick(name)).fit(_data(cls.tags, data))
    with pytest.raises(ArtifactError, match=rf"TOC-421.*{name}"):
        export(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_windows_are_exportable_when_what_they_hold_is():
    windows = catalog.load("windows")
    assert [windows(name).tags.exportable for name in ("knn", "autoencoder")] == [True, True]
