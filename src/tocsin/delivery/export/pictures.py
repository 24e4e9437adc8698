"""Pictures as a graph takes them: brought to the detector's size by the caller, through the backbone, to maps and scores.

Letters: n pictures, c channels, g cells along a map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.picture import Pixels
from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.deep.vision.features import Features, to_onnx
from tocsin.delivery.export import scorer_patches, scorer_views
from tocsin.delivery.export.graph import FLOAT, Graph
from tocsin.delivery.export.scorer import not_exportable
from tocsin.delivery.export.trial import Trial
from tocsin.pipeline.pipeline import Pipeline

INPUT = "pixels"
_COARSE = (2, 5, 17, 64)  # sides of the noise that trial pictures are made of
_SCORERS: dict[str, Callable[[Graph, list[str], Any], tuple[str, str]]] = {
    "images.patch_memory": scorer_patches.patch_memory,
    **dict.fromkeys(("images.fusion", "images.patch_gaussian", "images.mirror"), scorer_views.viewed)}


def picture_scores(graph: Graph, detector: Detector) -> tuple[str, str]:
    """(scores (n,) double, maps (n, g, g) float32) of the graph's input ``pixels`` (n, 3, size, size), float32 in [0, 1]."""
    scorer = _SCORERS.get(catalog.name_of(detector))
    if scorer is None:
        raise not_exportable(catalog.name_of(detector))
    return scorer(graph, backbone(graph, features_of(detector)), detector)


def backbone(graph: Graph, features: Features) -> list[str]:
    """The tapped maps (n, c, g, g) float32, one for each tap; adds the input."""
    pixels = graph.input(INPUT, FLOAT, ["n", 3, features.size, features.size])
    made = graph.graft(onnx.load_from_string(to_onnx(features)), {"pixels": pixels}, "backbone")
    return [made[f"tap{i}"] for i in range(len(features.taps))]


def features_of(detector: Any) -> Features:
    """The backbone of a fitted detector of images."""
    made: Features = detector.features_
    return made


def facts(detector: Detector) -> dict[str, Any]:
    """What a caller has to know to make the input of a picture."""
    features = features_of(detector)
    return {"input": INPUT, "size": features.size, "colours": "red, green, blue, from 0 to 1", "resize": features.resize,
            "filter": "bilinear, antialiased",
            "backbone": features.backbone}


def pictures_of(model: Pipeline, n: int) -> Trial:
    """``n`` pictures of noise, coarse and fine, dark and bright, at the size of the input."""
    size = features_of(model.detector_).size
    random = generator(model.seed, "export", str(n))
    made = np.stack([_noise(random, size) for _ in range(n)])  # (n, size, size, 3)
    data = Dataset([Pixels(one) for one in made], "images", model.schema_, np.arange(n))
    return Trial(data, {INPUT: np.ascontiguousarray(made.transpose(0, 3, 1, 2))}, (n,))


def _noise(random: np.random.Generator, size: int) -> np.ndarray:
    side = int(random.choice(_COARSE))
    coarse = random.random((side, side, 3))
    at = (np.arange(size) * side) // size
    spread, level = random.random(), random.random()
    return np.clip(level + spread * (coarse[at][:, at] - 0.5) + 0.02 * random.normal(size=(size, size, 3)), 0, 1).astype(np.float32)
