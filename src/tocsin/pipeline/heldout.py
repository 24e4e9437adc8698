"""Judging held-out rows, fold by fold: their scores and how far they lie from what was expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.types import Dataset
from tocsin.pipeline import calibration
from tocsin.pipeline.preparation import Preparation, Prepared

_GAPS = 2_000  # residual rows kept per fold; a spread needs no more


@dataclass(frozen=True)
class HeldOut:
    """scores (g,) and expected (g, d) of the matrix rows, each by a detector that has not seen the row; NaN where there is none.
    gaps: |observed − expected| (r, d) of each fold, where anything is expected."""

    scores: np.ndarray
    expected: np.ndarray
    gaps: list[np.ndarray]

    def table_fold(self, held: np.ndarray, data: Dataset, prepared: Prepared, usable: np.ndarray, detector: Detector,
                   fitting: Preparation, plan: calibration.Plan, marked: np.ndarray | None = None) -> Detector:
        """Fit without ``held`` and judge it. For refitted plans the preparation, too, is learned without the held rows: unseen
        categories and ranges then count as they will later. A detector that stays is fitted in the preparation that stays."""
        rest = np.setdiff1d(np.flatnonzero(usable), held, assume_unique=True)
        if plan.refit:
            steps = fitting.fresh()
            known = steps.learned(steps.fit(data[rest if marked is None else rest[~marked[rest]]]).matrix)
            if marked is not None:
                known = steps.transform(data[rest], part=True).matrix
            new = steps.transform(data[held], part=True).matrix
            features = [feature["name"] for feature in steps.features]
        else:
            known, new = fitting.learned(prepared.matrix[rest]), prepared.matrix[held]
            features = [feature["name"] for feature in fitting.features]
        detector.fit(known, None if marked is None else marked[rest])
        self.scores[held] = detector.anomaly_score(new)
        if detector.tags.gives_expected and features == [feature["name"] for feature in fitting.features]:
            usual = detector.expected(new)
            self.gaps.append(np.abs(new[:_GAPS] - usual[:_GAPS]))
            self.expected[held] = fitting.rescale(steps.unscale(usual)) if plan.refit else usual
        return detector

    def own_word(self, prepared: Prepared, rows: np.ndarray, segments: np.ndarray, detector: Detector, y: np.ndarray | None, *,
                 everyone: bool) -> Detector:
        """Fit on ``rows``, cut into ``segments``, and take the detector's own word on them: each judged as if it had not been seen, or,
        where ``everyone`` is judged by this alone, ranked among all."""
        known = prepared.matrix[rows]
        judge = detector.fit_score if everyone else detector.fit_held_out
        self.scores[rows] = judge(known, y, groups=segments)
        if detector.tags.gives_expected:
            usual = detector.own_expected(known, groups=segments)
            self.gaps.append(np.abs(known - usual)[:: max(1, len(known) // _GAPS)])
            self.expected[rows] = usual
        return detector

    def series_fold(self, held: np.ndarray, data: Dataset, prepared: Prepared, usable: np.ndarray, detector: Detector,
                    fitting: Preparation, plan: calibration.Plan) -> Detector:
        """Fit without ``held`` and its margin, in segments cut at the hole, and judge it with the margin as context."""
        matrix, groups = prepared.matrix, prepared.groups
        rows, _ = calibration.training_rows(held, groups, plan.block)
        rows = rows[usable[rows]]
        detector.fit(matrix[rows], groups=calibration.cut_groups(rows, groups))
        parts = []
        for part, segments, inside, start in calibration.around(matrix, groups, held, plan.block):
            parts.append(detector.anomaly_score(part, groups=segments)[inside])
            if detector.tags.gives_expected:
                usual = detector.expected(part, groups=segments)[inside]
                self.gaps.append(np.abs(part[inside] - usual)[:_GAPS])
                self.expected[start + inside.start:start + inside.stop] = usual
        self.scores[held] = np.concatenate(parts)
        return detector
