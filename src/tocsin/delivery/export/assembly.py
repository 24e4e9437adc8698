"""The whole pipeline as one ONNX model: preparation, detector, calibration, threshold."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import numpy as np
import onnx

import tocsin
from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.delivery.export import scorer
from tocsin.delivery.export.calibration import cut_of, decisions, p_values
from tocsin.delivery.export.columns import Column
from tocsin.delivery.export.graph import BOOL, DOUBLE, FLOAT, MOST_BYTES, Graph
from tocsin.delivery.export.preparation import series_matrix, table_matrix
from tocsin.delivery.export.series import series_scorer
from tocsin.delivery.flatten import flatten
from tocsin.pipeline import answers
from tocsin.pipeline.pipeline import Pipeline

DOUBLE_TOLERANCE, SINGLE_TOLERANCE = 1e-9, 1e-4
"""Relative error of scores that is allowed: in double, and where a network computes in single precision."""


def assemble(model: Pipeline) -> onnx.ModelProto:
    """The ONNX model of a fitted pipeline; see :func:`tocsin.delivery.export.export.export` for inputs, outputs and errors."""
    cut = cut_of(model.threshold_)
    answers.refuse(model, "exported")
    if not model.detector_.tags.exportable:
        raise scorer.not_exportable(catalog.name_of(model.detector_))
    graph = Graph()
    columns: list[Column]
    shape: list[str | int]
    cells = ""
    if model.kind_ == "images":
        from tocsin.delivery.export import pictures  # loads PyTorch: only models that hold a network need it

        score, cells = pictures.picture_scores(graph, model.detector_)
        columns, shape = [], ["n"]
    elif model.kind_ == "series":
        score, columns = _series(graph, model)
        shape = ["b", "t"]
    else:
        matrix, columns = table_matrix(graph, model.preparation_)
        score, shape = scorer.row_scores(graph, matrix, model.detector_), ["n"]
    threshold = graph.optional("threshold", np.float64(cut))
    flat = graph.reshape(score, [-1])
    p = p_values(graph, flat, model.calibrator_, near=tolerance(model.detector_) / 10)
    p = p if model.kind_ != "series" else graph.reshape(p, graph.node("Shape", score))
    for called, value, kind in (("score", score, DOUBLE), ("p_value", p, DOUBLE), ("is_anomaly", decisions(graph, p, threshold), BOOL)):
        graph.output(called, value, kind, shape)
    if cells:
        graph.output("map", cells, FLOAT, ["n", "g", "g"])
    made = graph.model(version=tocsin.__version__, facts=_facts(model, columns, cut))
    if made.ByteSize() > MOST_BYTES:
        raise ArtifactError("TOC-424", "the model is too large for one ONNX file", came=f"{made.ByteSize()} bytes",
                            todo="keep fewer training rows (knn: rows=5000) or use a smaller network")
    return made


def tolerance(detector: Detector) -> float:
    """How far, relative to their size, scores of the graph may lie from those of the original."""
    return SINGLE_TOLERANCE if detector.tags.extra in ("deep", "vision") else DOUBLE_TOLERANCE


def _series(graph: Graph, model: Pipeline) -> tuple[str, list[Column]]:
    matrix, columns = series_matrix(graph, model.preparation_)
    return series_scorer(graph, matrix, model.detector_, scorer.row_scores), columns


def _facts(model: Pipeline, columns: list[Column], cut: float) -> dict[str, str]:
    facts = model.facts_
    told: dict[str, Any] = {
        "tocsin": tocsin.__version__, "detector": facts["detector"], "kind": model.kind_, "model": facts["version"],
        "digest": state_digest(model), "columns": [_column(model, column) for column in columns],
        "rule": facts["threshold"], "cut": cut, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "trained": facts["created"], "calibration": facts["calibration"],
    }
    if model.kind_ == "series":
        told |= {"reach": int(model.detector_.params().get("window") or 1), "step": model.preparation_.step_}
    if model.kind_ == "images":
        from tocsin.delivery.export import pictures

        told |= pictures.facts(model.detector_)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}


def _column(model: Pipeline, column: Column) -> dict[str, Any]:
    form = "string" if column.form == "string" else "double"
    made = {"name": column.name, "kind": column.form, "type": form, "unit": model.schema_[column.name].unit}
    return made if model.kind_ == "series" else {**made, "input": column.input}


def state_digest(model: Pipeline) -> str:
    """SHA-256 over the model's state: which original this file was made from."""
    tree, arrays = flatten(model.state())
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
