from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import tocsin
from tocsin.core import catalog
from tocsin.core.errors import ArtifactError
from tocsin.core.picture import Pixels
from tocsin.deep.vision import preprocess
from tocsin.delivery.export import scorer_patches
from tocsin.testing.toy import toy

ABLE = [name for name in catalog.names() if name.startswith("images.") and catalog.card(name).tags.exportable]


def test_the_image_detectors_that_should_leave_can() -> None:
    assert set(ABLE) == {"images.fusion", "images.patch_gaussian", "images.mirror", "images.patch_memory"}


def _model(name: str, **params: Any) -> tocsin.Pipeline:
    detector = catalog.load(name).small().fresh(**params)
    return tocsin.fit(list(toy("images").train[:40]), detector, kind="images")


@pytest.mark.parametrize("name", ABLE)
def test_the_file_judges_pictures_as_the_model_does(name: str, tmp_path: Path) -> None:
    model, data = _model(name), toy("images")
    made = tocsin.export(model, tmp_path / "model.onnx")
    assert made.error < 1e-4 and made.rows == 24
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    pixels = np.stack([picture.pixels().transpose(2, 0, 1) for picture in data.test])
    score, p, odd, cells = session.run(["score", "p_value", "is_anomaly", "map"], {"pixels": pixels})
    found = model.detect(list(data.test))
    gap = np.abs(score - found.score) / (np.abs(found.score) + float(np.median(np.abs(found.score))))
    assert np.quantile(gap, 0.95) < 1e-5 and gap.max() < 1e-3  # a cell in half precision's digits may be rounded the other way
    assert np.quantile(np.abs(p / found.p_value - 1), 0.95) < 1e-3
    assert (odd == found.is_anomaly).mean() > 0.95
    own = model.detector_.anomaly_map(list(data.test))[-1]
    assert np.corrcoef(np.kron(cells[-1], np.ones([side // cells.shape[1] for side in own.shape])).ravel(), own.ravel())[0, 1] > 0.8
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert told["kind"] == "images" and json.loads(told["size"]) == pixels.shape[2] and told["resize"] == "squash"


@pytest.mark.parametrize("name", ["images.fusion", "images.patch_gaussian"])
def test_patterns_over_regions_leave_without_eigenvalues(name: str, tmp_path: Path) -> None:
    """Pictures with cells enough for regions; see ``deep.vision.pattern``."""
    data = toy("images")
    model = tocsin.fit(list(data.train[:40]), catalog.load(name)(backbone="random", size=96, taps=(6, 10)), kind="images")
    view = model.detector_._views[0]["places"]
    assert len(view.patterns) == 2
    tocsin.export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    wide = [Pixels(np.concatenate([pixels[:20] * 0.7, pixels[20:]])) for pixels in (picture.pixels() for picture in data.test[:6])]
    for picture in [*data.test[:6], *wide]:
        square = preprocess.square(picture.pixels(), 96, "squash")
        (cells,) = session.run(["map"], {"pixels": np.asarray(square, dtype=np.float32)[None]})
        own = model.detector_._cells(model.detector_._seen(picture.pixels()), 0)
        assert np.quantile(np.abs(np.log(cells[0] / own)), 0.95) < 1e-3


def test_what_cannot_be_exported_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="TOC-421"):
        tocsin.export(_model("images.conv_autoencoder"), tmp_path / "a.onnx")
    for params in ({"tile": 48}, {"place": 0.5}):
        with pytest.raises(ArtifactError, match="TOC-427"):
            tocsin.export(_model("images.patch_memory", **params), tmp_path / "b.onnx")
    named = [Pixels(picture.pixels(), product="tile") for picture in toy("images").train[:30]]
    with pytest.raises(ArtifactError, match="TOC-427"):
        tocsin.export(tocsin.fit(named, catalog.load("images.patch_memory").small(), kind="images"), tmp_path / "c.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("have", "want"), [(2, 4), (3, 7), (5, 5), (1, 4)])
def test_lines_are_linear_and_sum_to_one(have: int, want: int) -> None:
    made = scorer_patches.lines(have, want)
    assert np.allclose(made.sum(axis=1), 1) and made.shape == (want, have)
    assert np.all(np.diff(made @ np.arange(have)) >= -1e-6)
