"""Rows to calibrate on and rows to judge by, never the same ones: two halves of a data set as a model prepares it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.evaluation import metrics
from tocsin.pipeline import facts
from tocsin.pipeline.calibration import cut_groups
from tocsin.pipeline.pipeline import Pipeline

_FEWEST = 40  # normal rows in each half
_MOST, _ENOUGH, _WINDOWS = 4_000, 500, 40  # rows to calibrate on; of a series as many windows at least
_JUDGED = 10_000  # rows judged at most
_PART = 256  # rows in a batch


class Halves:
    """The prepared rows (g, d), which of them calibrate and which judge; labels (g,), all 0 where there are none."""

    def __init__(self, model: Pipeline, data: Dataset) -> None:
        self.series = model.kind_ == "series"
        prepared = model.preparation_.transform(data)
        self.matrix, self.groups = prepared.matrix, prepared.groups
        self.labelled = data.y is not None
        self.y = np.zeros(len(self.matrix), dtype=np.int64)
        if data.y is not None:
            np.maximum.at(self.y, prepared.row, np.asarray(data.y, dtype=np.int64))
        self.reach = int(model.detector_.params().get("window") or 1) if self.series else 1
        self.most = min(_MOST, max(_ENOUGH, len(model.calibrator_.state()["learned"]["scores_"])))  # every score is kept in the file
        self.first = self._first_half(model.seed)
        self.calibrating, self.judging = self._chosen()
        for name, rows in (("calibrate on", self.calibrating), ("judge", self.judging & (self.y == 0))):
            if rows.sum() < max(_FEWEST, 2 * self.reach):
                raise DataError("TOC-113", f"too few normal rows to {name}", came=f"{int(rows.sum())} in one half",
                                todo=f"pass at least {2 * max(_FEWEST, 2 * self.reach)} normal rows that the model was not fitted on")

    def _first_half(self, seed: int) -> np.ndarray:
        first = np.zeros(len(self.matrix), dtype=bool)
        if self.series:
            for start, end in segments(self.groups):
                first[start:start + (end - start) // 2] = True
            return first
        first[generator(seed, "shrink").permutation(len(first))[: len(first) // 2]] = True
        return first

    def _chosen(self) -> tuple[np.ndarray, np.ndarray]:
        """Normal rows of the first half; all of the second half and what is labelled in the first. Not more than are needed: of a series
        the latest, of a table every so many."""
        pick = _latest if self.series else _spaced
        calibrating = pick(self.first & (self.y == 0), max(self.most, _WINDOWS * self.reach * self.series))
        odd = self.first & (self.y == 1)
        if self.series and calibrating.any():
            odd[: int(calibrating.argmax())] = False
        return calibrating, pick(~self.first, _JUDGED) | odd

    def parts(self) -> Iterator[np.ndarray]:
        """Row numbers to be scored together: a table's in batches, a series' by halves, so that no window reaches over the cut."""
        used = self.calibrating | self.judging
        if self.series:
            yield from (np.flatnonzero(used & half) for half in (self.first, ~self.first))
        else:
            rows = np.flatnonzero(used)
            yield from np.array_split(rows, -(-len(rows) // _PART))

    def scores(self, judge: Any) -> np.ndarray:
        """(g,) what ``judge(matrix, groups=...)`` gives; NaN for rows that are not used."""
        made = np.full(len(self.matrix), np.nan)
        for rows in self.parts():
            made[rows] = judge(self.matrix[rows], groups=cut_groups(rows, self.groups))
        return made

    def feeds(self) -> Iterator[dict[str, np.ndarray]]:
        """What calibrates, as inputs of the scorer."""
        rows = np.flatnonzero(self.calibrating)
        if not self.series:
            for start in range(0, len(rows), _PART):
                yield {"matrix": self.matrix[rows[start:start + _PART]]}
            return
        for start, end in segments(cut_groups(rows, self.groups)):
            yield {"matrix": self.matrix[rows[start:end]][None]}

    def calibrated(self, model: Pipeline, scores: np.ndarray) -> Pipeline:
        """``model`` with p-values and a threshold learned from ``scores`` of the rows that calibrate."""
        made = copy.copy(model)
        calibrator = model.calibrator_.fresh().fit(scores[self.calibrating], block=self.reach)
        p, y = calibrator.transform(scores[self.calibrating]), None
        odd = self.first & self.judging
        if odd.any():
            y = np.r_[np.zeros(len(p), dtype=np.int64), np.ones(int(odd.sum()), dtype=np.int64)]
            p = np.r_[p, calibrator.transform(scores[odd])]
        made.calibrator_, made.held_ = calibrator, {"p": p, "y": y}
        made.threshold_ = model.threshold_.fresh().fit(p, y)
        effective = float(getattr(calibrator, "effective_", len(p)))
        told = {"plan": "shrink", "n": int(self.calibrating.sum()), "folds": 1, "block": self.reach, "effective": round(effective, 1),
                "smallest_p": 1 / (effective + 1)}
        made.facts_ = {**model.facts_, "calibration": told, "threshold": facts.rule_facts(made.threshold_, calibrator)}
        return made

    def auroc(self, scores: np.ndarray) -> float | None:
        """Of the rows that judge; None without labels of both kinds."""
        return metrics.auroc(self.y[self.judging], scores[self.judging]) if self.labelled else None

    def alarms(self, model: Pipeline, scores: np.ndarray) -> float:
        """The share of normal rows kept from calibration that ``model``'s calibration and threshold flag."""
        rows = self.judging & (self.y == 0)
        return float(model.threshold_.decide(model.calibrator_.transform(scores[rows])).mean())


def _latest(rows: np.ndarray, most: int) -> np.ndarray:
    """The mask ``rows``, without all but its last ``most``."""
    return _only(rows, np.flatnonzero(rows)[-most:])


def _spaced(rows: np.ndarray, most: int) -> np.ndarray:
    """The mask ``rows``, thinned out evenly to ``most``."""
    at = np.flatnonzero(rows)
    return _only(rows, at[np.linspace(0, len(at) - 1, min(most, len(at))).astype(int)])


def _only(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(rows)
    kept[at] = True
    return kept


def segments(groups: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of equal ``groups``."""
    cuts = np.r_[0, np.flatnonzero(groups[1:] != groups[:-1]) + 1, len(groups)]
    return [(int(a), int(b)) for a, b in pairwise(cuts)]
