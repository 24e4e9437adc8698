"""What people said in the service since a model was trained, heeded at once; the next training learns it for good."""

from __future__ import annotations

from typing import Any

from tocsin.core.errors import DataError
from tocsin.decision.feedback import MOST
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.pipeline import Pipeline


def heeded(journal: Journal, name: str, model: Pipeline) -> Pipeline:
    """``model`` with the answers to rows of the detector ``name`` that hold and that it has not learned; itself where there are none.

    Tables only: a step of a series says nothing without its surroundings. Of very many answers the newest count. A row that this version
    cannot read (it has other columns) is left out.
    """
    if model.kind_ != "table":
        return model
    needed = {column.name for column in model.schema_.columns if not column.absent_allowed and column.kind != "id"}
    said = [label for label in journal.labels(name) if label["holds"] and _is_new(label, model.facts_) and needed <= set(label["cells"])]
    unlike: dict[tuple[Any, ...], dict[str, Any]] = {}
    for label in said:  # the newest first: of equal rows its word holds
        unlike.setdefault(tuple(sorted((column, str(value)) for column, value in label["cells"].items())), label)
    reach = "all" if model.feedback_ is None else model.feedback_.reach
    return _answered(model, list(unlike.values())[:MOST], reach)


def _answered(model: Pipeline, said: list[dict[str, Any]], reach: Any) -> Pipeline:
    """All at once; where one of them cannot be read, half by half, until it is alone and left out."""
    if not said:
        return model
    cells = [{name: label["cells"].get(name) for name in model.schema_.names} for label in said]
    try:
        return model.answered(model.as_dataset(cells), [int(label["is_anomaly"]) for label in said], reach=reach)
    except DataError:
        if len(said) == 1:
            return model
        half = len(said) // 2
        return _answered(_answered(model, said[half:], reach), said[:half], reach)


def _is_new(label: dict[str, Any], facts: dict[str, Any]) -> bool:
    learned = facts.get("learned")
    if learned is None:
        return True
    if "newest" in learned:
        return bool(label["id"] > learned["newest"])
    return bool(label["at"] > facts["created"])
