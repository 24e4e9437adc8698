"""A fitted preparation for rows that were measured otherwise: its scale, and what it fills holes with, moved column by column."""

from __future__ import annotations

import copy

import numpy as np

from tocsin.core.errors import StateError
from tocsin.core.types import Dataset
from tocsin.data.align import Move
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale
from tocsin.pipeline.preparation import Preparation

_FAR = 1e15  # spreads; another unit can be as far as that, and its square is still a number


class Ground:
    """The unit in which two tables are compared: the source's scale, before any moving.

    ``raw(data)`` (n, d) are the columns before scaling; ``units(raw)`` counts the measurements in source spreads from the source's centre
    and leaves evidence columns as the detector sees them; ``scaled(raw, move)`` is what a detector sees of moved rows. ``movable`` (d,).
    Raises StateError TOC-352 when the preparation has no Scale step.
    """

    def __init__(self, preparation: Preparation) -> None:
        scale = next((step for step in preparation.steps if isinstance(step, Scale)), None)
        if scale is None:
            raise StateError("TOC-352", "the model's preparation has no Scale step: there is no unit to move",
                             came=", ".join(type(step).__name__ for step in preparation.steps),
                             todo="fit the model with the standard steps")
        self.preparation, self.scale = preparation, scale
        self.movable = np.asarray(scale.value_, dtype=bool)
        self._before = Preparation([step for step in preparation.steps if not isinstance(step, (Impute, Scale))])

    def raw(self, data: Dataset) -> np.ndarray:
        """(n, d) before scaling; holes hold the median of their column in ``data``, or what the source fills in where it knows none."""
        rows = self._before.transform(data).matrix
        if not np.isnan(rows).any():
            return rows
        fill = np.zeros(rows.shape[1])
        for step in self.preparation.steps:
            fill = np.asarray(step.fill_) if isinstance(step, Impute) else fill
        empty = np.isnan(rows).all(axis=0)
        fill = np.where(empty, fill, np.nanmedian(np.where(empty, 0.0, rows), axis=0))
        return np.where(np.isnan(rows), fill, rows)

    def units(self, raw: np.ndarray) -> np.ndarray:
        """(n, d)"""
        units = (self.scale.measured(raw) - self.scale.center_) / self.scale.spread_
        return np.where(self.movable, np.clip(units, -_FAR, _FAR), self.scale.transform(raw))

    def scaled(self, raw: np.ndarray, move: Move) -> np.ndarray:
        """(n, d)"""
        return _scale(self.scale, move).transform(raw)

    def moved(self, move: Move) -> Preparation:
        """The preparation for rows that lie where ``move`` says."""
        made = copy.deepcopy(self.preparation)
        steps = []
        for step in made.steps:
            if isinstance(step, Scale):
                step = _scale(step, move)
            elif isinstance(step, Impute):
                fill = _place(self.scale, self.scale.measured(np.asarray(step.fill_)[None])[0], move)
                step.fill_ = np.where(self.movable, self.scale.unmeasured(fill[None])[0], step.fill_)
            steps.append(step)
        made.steps = tuple(steps)
        return made


def _place(scale: Scale, values: np.ndarray, move: Move) -> np.ndarray:
    """Where source values (..., d) lie in the target."""
    center, spread = np.asarray(scale.center_), np.asarray(scale.spread_)
    return np.asarray(center + move.level * spread + move.gain * (values - center))


def _scale(scale: Scale, move: Move) -> Scale:
    made = copy.deepcopy(scale)
    made.center_, made.spread_ = _place(scale, np.asarray(scale.center_), move), np.asarray(scale.spread_) * move.gain
    if scale.method == "quantile":
        made.knots_ = _place(scale, np.asarray(scale.knots_), move)
    return made
