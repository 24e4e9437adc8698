"""Which rows to ask a person about: those whose answer teaches most for the time it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.decision.ask import chosen
from tocsin.pipeline import answers

if TYPE_CHECKING:
    from tocsin.pipeline.pipeline import Pipeline


def ask(model: Pipeline, data: Any, n: int) -> np.ndarray:
    """What :meth:`Pipeline.ask` returns."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ConfigError("TOC-202", "ask: n must be at least 1", came=repr(n)[:80], todo="give a whole number from 1")
    answers.only_tables(model)
    rows = model.as_dataset(data)
    prepared = model.preparation_.transform(rows)
    matrix = prepared.matrix[prepared.row]
    scores = answers.scored(model, prepared)[prepared.row]
    z = -np.log(model.calibrator_.transform(scores))
    free = np.ones(len(rows), dtype=bool) if model.feedback_ is None else ~model.feedback_.answered(matrix)
    open_ = np.flatnonzero(free)
    return chosen(matrix, scores, z, open_, np.flatnonzero(~free), min(n, len(open_)))
