"""A person's words on rows, put into a fitted pipeline: a new model that holds them, and what its reasons say of them."""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.state import build
from tocsin.decision.feedback import Feedback, Reach
from tocsin.pipeline import facts, items
from tocsin.pipeline.preparation import Prepared

if TYPE_CHECKING:
    from tocsin.pipeline.pipeline import Pipeline

_HEARD = 0.1  # how much of an answer reaches a row whose reason tells of it
_TWICE = float(np.log(2.0))  # change of −log p that is told


def answered(model: Pipeline, data: Any, is_anomaly: Any, reach: Reach) -> Pipeline:
    """What :meth:`Pipeline.answered` returns."""
    only_tables(model)
    rows = model.as_dataset(data)
    said = rows.y if is_anomaly is None else np.asarray(is_anomaly)
    if said is None or said.shape != (len(rows),) or not len(rows) or not np.isin(said, (0, 1)).all():
        raise DataError("TOC-143", "an answer is 0 (normal) or 1 (anomaly), one for each row",
                        came=f"{None if said is None else said.shape} for {len(rows)} rows", todo="pass one for each row")
    prepared = model.preparation_.transform(rows)
    known, before = model.reference_, model.feedback_
    p = known.get("p")
    told = Feedback(reach).fit(
        prepared.matrix, said.astype(np.int64), scores=model.detector_.anomaly_score(prepared.matrix, groups=prepared.groups),
        calibrator=model.calibrator_, cut=model.threshold_.value, reference=np.asarray(known["last"]),
        reference_p=None if p is None else np.asarray(p), earlier=before)
    made = copy.copy(model)
    made.feedback_, made._own, made._at = told, None, None
    name = model.facts_["version"] if before is None else model.facts_["answers"]["to"]
    made.facts_ = {**model.facts_, "version": _version(name, told),
                   "answers": {**told.counts(), "reach": "near" if told.weights_ is None else "all", "to": name}}
    made.facts_["threshold"] = facts.rule_facts(made.threshold_, made.calibrator_)
    return made


def only_tables(model: Pipeline) -> None:
    """Raises ConfigError TOC-216 for a model of anything but a table."""
    items.refuse(model.kind_, "answered or asked about")
    if model.kind_ != "table":
        raise ConfigError("TOC-216", "answers change scores of tables at once; a step of a series says nothing without its surroundings",
                          came=f"a model of a {model.kind_}", todo="label rows in the service and train again: stretches are learned")


def restored(state: dict[str, Any]) -> Feedback | None:
    """The answers in a pipeline's state; None where there are none, as in every file from before there could be any."""
    if "answers" not in state:
        return None
    told: Feedback = build(Feedback, state["answers"])
    d = len(np.asarray(state["reference"]["last"])[0])
    if told.rows_.shape[1] != d:
        raise ArtifactError("TOC-435", "the answers kept with this model are not of the expected form",
                            came=f"{told.rows_.shape[1]} columns, the model has {d}", todo="load a file that this version of tocsin wrote")
    return told


def scored(model: Pipeline, prepared: Prepared) -> np.ndarray:
    """(g,) scores of matrix rows, the answers heard."""
    scores = model.detector_.anomaly_score(prepared.matrix, groups=prepared.groups)
    if model.feedback_ is None:
        return scores
    return model.feedback_.scores(prepared.matrix, scores, model.calibrator_.transform(scores))


def words(model: Pipeline, matrix: np.ndarray, groups: np.ndarray) -> list[str]:
    """The end of a sentence for each row (m, d) whose standing an answer changed, "" for the others."""
    if model.feedback_ is None:
        return [""] * len(matrix)
    scores = model.detector_.anomaly_score(matrix, groups=groups)
    p = model.calibrator_.transform(scores)
    moved = np.log(p) - np.log(model.calibrator_.transform(model.feedback_.scores(matrix, scores, p)))
    side, heard = model.feedback_.nearest(matrix)
    return [_words(*one) for one in zip(moved.tolist(), side.tolist(), heard.tolist())]


def refuse(model: Pipeline, doing: str) -> None:
    """Raises ArtifactError TOC-434 for a model that holds answers, where they would be lost."""
    if model.feedback_ is not None:
        raise ArtifactError("TOC-434", f"a model that holds answers cannot be {doing}", came=str(model.feedback_.counts()),
                            todo="train again with the answers (tocsin fit FILE --answers ANSWERS), they are then part of what was learned")


def _words(moved: float, side: int, heard: float) -> str:
    if heard > _HEARD:
        return "; a row like it was confirmed as an anomaly" if side else "; a row like it was judged normal"
    if abs(moved) < _TWICE:
        return ""
    return f"; what was said of other rows makes it {'more' if moved > 0 else 'less'} suspicious"


def _version(name: str, told: Feedback) -> str:
    """Twelve hex digits: the model's own name and what was said."""
    text = name.encode() + np.ascontiguousarray(told.rows_).tobytes() + told.said_.tobytes()
    return hashlib.sha256(text).hexdigest()[:12]
