"""Compose, fit, detect: preparation, detector, calibrator and threshold as the one thing that is fitted, saved, served and exported."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import build
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Detections, Explanation, Finding, Schema
from tocsin.data.period import window_length
from tocsin.data.scale import Scale
from tocsin.data.transformer import Transformer
from tocsin.decision.calibrate import CALIBRATORS, Calibrator, Conformal
from tocsin.decision.events import merge
from tocsin.decision.feedback import Feedback, Reach
from tocsin.decision.threshold import THRESHOLDS, FalseAlarmRate, Threshold, parse
from tocsin.pipeline import answers, calibration, facts, items, reasons
from tocsin.pipeline.ask import ask
from tocsin.pipeline.heldout import HeldOut
from tocsin.pipeline.intake import as_dataset
from tocsin.pipeline.preparation import Preparation, Prepared, as_table, standard_steps

_FEWEST = 4  # rows: two to learn from, two to calibrate on
_WIDE = 500  # matrix columns from which preparing them anew for each fold is what costs
_REFERENCE = 1_000  # training rows kept to name the nearest normal ones


class Pipeline:
    """Preparation + detector + calibrator + threshold. ``fit(data)``, ``detect(data)``, ``explain(data, rows)``.

    When it works: the training rows are mostly normal and are of the same kind as the rows judged later; p-values are then honest
    (a normal row gets p <= a in a share a of cases, on average over training sets). When not: data that drift, and labels that the
    training rows do not carry. Rows labelled 1 teach a detector that uses labels; of others they are kept away, and only help thresholds
    that use labels.

    detector      a Detector or its catalog name; on a series, a vector detector is run on windows (``windows``)
    steps         transformers from Arrow table to matrix; None = clean, encode, impute, scale
    calibrator    None = conformal with an extreme-value tail
    threshold     a Threshold, or text such as "false_alarm_rate=0.01"
    seed          splits only; detectors have their own

    Raises DataError and ConfigError with codes; nothing is learned when fitting fails.

    >>> rows = np.random.default_rng(0).normal(size=(300, 3))
    >>> model = Pipeline("gaussian").fit(rows)
    >>> model.detect([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]).is_anomaly.tolist()
    [False, True]

    Source: split and cross-conformal p-values, Papadopoulos 2002, Vovk 2015.
    """

    feedback_: Feedback | None = None  # what people said of rows since the model was fitted

    def __init__(self, detector: Detector | str = "knn", steps: Sequence[Transformer] | None = None,
                 calibrator: Calibrator | None = None, threshold: Threshold | str | None = None, *, seed: int = 0) -> None:
        self.detector = catalog.make(detector) if isinstance(detector, str) else detector
        if not isinstance(self.detector, Detector):
            raise ConfigError("TOC-203", "a detector is named by text or given as an object", came=repr(detector)[:80],
                              todo=f"use one of {', '.join(catalog.names())}")
        self.steps = None if steps is None else tuple(steps)
        self.calibrator = Conformal() if calibrator is None else calibrator
        self.threshold = FalseAlarmRate() if threshold is None else _rule(threshold)
        self.seed = seed
        self._own: tuple[Detections, np.ndarray] | None = None  # of fit_detect, while the object lives; never saved
        self._at: tuple[float, float] | None = None  # the last cut on p and its score: finding it takes longer than judging a row

    # ---- learning -------------------------------------------------------------------------------------------------

    def fit(self, data: Any) -> Self:
        """Learn what is normal from ``data`` (a Dataset, or anything ``tocsin.read`` takes)."""
        self._fit(as_dataset(data), everyone=False)
        return self

    def fit_detect(self, data: Any) -> Detections:
        """Fit on ``data`` and judge the same rows, each by a detector that was not fitted on it.

        Labels are not looked at, not even to leave anomalies out: a judgement of the same rows would be flattered by them.
        """
        data = replace(as_dataset(data), y=None)
        judged, prepared = self._fit(data, everyone=True)
        found = self._decide(data, prepared, judged.scores)
        self._own = (found, judged.expected)
        return found

    def _fit(self, data: Dataset, *, everyone: bool) -> tuple[HeldOut, Prepared]:
        started = time.perf_counter()
        if len(data) < _FEWEST:
            raise DataError("TOC-113", "too few rows to learn from and to calibrate on", came=f"{len(data)} rows",
                            todo=f"pass at least {_FEWEST}; some dozens before p-values mean much")
        normal = np.ones(len(data), dtype=bool) if data.y is None else data.y == 0
        if not normal.any():
            raise DataError("TOC-119", "every training row is labelled as an anomaly", came=f"{len(data)} rows labelled 1",
                            todo="pass normal rows, too (label 0)")
        fitting = self._preparation(data)
        if data.kind == "series":
            prepared = fitting.fit(data)
        else:
            fitting.fit(data if normal.all() else data[normal])
            prepared = fitting.transform(data)
        usable = np.ones(len(prepared.matrix), dtype=bool)
        odd = np.zeros(len(usable), dtype=bool)
        odd[prepared.row[~normal]] = True
        marked = odd if self.detector.tags.supervised and odd.any() else None  # (m,) what a detector that uses labels is told
        usable &= ~odd
        detector = self._detector_for(data, fitting, prepared.matrix)
        if detector.params().get("clean"):  # counted in rows of the data; the detector sees the grid
            detector = detector.fresh(clean=int(prepared.row[min(detector.params()["clean"], len(data)) - 1]) + 1)
        plan = self._plan(data, prepared, usable, detector, fitting, marked, everyone=everyone)
        fitted, judged = self._held_out(data, prepared, usable, detector, fitting, plan, marked, everyone=everyone)
        if plan.name == "own":
            plan = replace(plan, block=_span(fitted))
        scores, held = judged.scores, usable & ~np.isnan(judged.scores)
        calibrator = self.calibrator.fresh().fit(scores[held], block=plan.block)
        self.preparation_, self.detector_, self.calibrator_ = fitting, fitted, calibrator
        self.kind_, self.schema_, self._own, self._at = data.kind, fitting.door(data.schema), None, None
        self.held_ = self._held_p(prepared, scores, held, ~usable)
        self.threshold_ = self.threshold.fresh().fit(self.held_["p"], self.held_["y"])
        self.residual_ = reasons.residual_scale(judged.gaps, prepared.matrix, fitting.features)
        known = held if data.kind == "table" else usable
        self.reference_ = items.reference(data, usable) if data.kind in ITEMS else \
            reasons.reference(data, prepared, known, self._reach(), _REFERENCE, self.seed)
        self.feedback_ = None
        if data.kind == "table":
            self.reference_["p"] = calibrator.transform(scores[self.reference_["at"]])  # unseen: what answers are weighed against
        self.facts_ = facts.training_facts(
            data, fitted, plan, features=1 if data.kind in ITEMS else prepared.matrix.shape[1], held=int(held.sum()),
            effective=float(getattr(calibrator, "effective_", held.sum())), seconds=time.perf_counter() - started,
            findings=(*fitting.changes(), *prepared.findings), rule=facts.rule_facts(self.threshold_, calibrator))
        return judged, prepared

    def _preparation(self, data: Dataset) -> Preparation:
        preparation = Preparation(standard_steps(data.kind, data.schema) if self.steps is None else self.steps)
        return Preparation([step.fresh() for step in preparation.steps],
                           donors=preparation.may_be_absent or not self.detector.tags.exportable)  # a file bridges holes by lines

    def _detector_for(self, data: Dataset, preparation: Preparation, matrix: np.ndarray) -> Detector:
        detector, kind = self.detector, data.kind
        items.check_kind(detector, kind)
        scaled = any(isinstance(step, Scale) and step.method != "none" for step in preparation.steps)
        if scaled and "scale" in detector.parameters():  # scaled once: a second time would undo how evidence was weighed
            detector = detector.fresh(scale=False)
        if kind == "series" and detector.tags.modality == "vector":
            detector = catalog.make("windows", detector=catalog.name_of(detector), params=detector.params())
        if kind == "series" and "switches" in detector.parameters() and not detector.params()["switches"]:
            detector = detector.fresh(switches=_switches(data, preparation.features))
        if "window" in detector.parameters() and detector.params()["window"] is None:
            return detector.fresh(window=window_length(matrix))  # once, so that every fold has the same window
        return detector.fresh()

    def _plan(self, data: Dataset, prepared: Prepared, usable: np.ndarray, detector: Detector, fitting: Preparation,
              marked: np.ndarray | None, *, everyone: bool) -> calibration.Plan:
        if data.kind in ITEMS and detector.tags.own_held_out and not fitting.augments:
            return calibration.Plan("own", (), refit=False)
        slow = detector.tags.slow_fit or _inner_is_slow(detector) or fitting.augments
        if data.kind == "series" and detector.tags.own_held_out:
            return calibration.own_plan(prepared.groups, _reach(detector))
        if data.kind == "series":
            return calibration.series_plan(prepared.groups, _reach(detector), slow=slow, everyone=everyone,
                                           fewest=detector.tags.min_rows)
        if data.group is not None and len(np.unique(data.group)) > 1:
            return calibration.group_plan(data.group, slow=slow, everyone=everyone, seed=self.seed)
        n = int(usable.sum())
        if n < max(detector.tags.min_rows + 1, 4):
            raise DataError("TOC-113", f"{type(detector).__name__} needs more rows to learn from and to calibrate on", came=f"{n} rows",
                            todo=f"pass at least {max(detector.tags.min_rows + 1, 4)} rows")
        # A category that one row alone holds is unseen where that row is held out, and known where the detector judges its own rows.
        named = any(feature["role"] in ("unseen", "frequency") for feature in fitting.features)
        if detector.tags.own_held_out and not (named or fitting.augments):
            return calibration.Plan("own", (), refit=False)
        few = marked is not None  # marked rows are dear: none of them is kept from the model in the end
        plan = calibration.table_plan(n, slow=slow or few, everyone=everyone or few, seed=self.seed,
                                      wide=prepared.matrix.size > _WIDE * len(prepared.matrix))
        rows = np.flatnonzero(usable)
        folds = tuple(rows[fold] for fold in plan.folds)
        return replace(plan, folds=folds if marked is None else calibration.with_marked(folds, marked, self.seed))

    def _held_out(self, data: Dataset, prepared: Prepared, usable: np.ndarray, detector: Detector, fitting: Preparation,
                  plan: calibration.Plan, marked: np.ndarray | None, *, everyone: bool) -> tuple[Detector, HeldOut]:
        judged = HeldOut(np.full(len(prepared.matrix), np.nan), np.full(prepared.matrix.shape, np.nan), [])
        known = usable if marked is None else usable | marked
        if plan.name == "own":
            rows = np.flatnonzero(known)
            segments = calibration.cut_groups(rows, prepared.groups)
            y = None if marked is None else marked[rows]
            return judged.own_word(prepared, rows, segments, detector.fresh(), y, everyone=everyone), judged
        for held in plan.folds:
            if data.kind == "series":
                fitted = judged.series_fold(held, data, prepared, usable, detector.fresh(), fitting, plan)
            else:
                fitted = judged.table_fold(held, data, prepared, known, detector.fresh(), fitting, plan, marked)
        if plan.refit:
            rows = np.flatnonzero(known)
            matrix, groups = fitting.learned(prepared.matrix[rows]), calibration.cut_groups(rows, prepared.groups)
            fitted = detector.fresh().fit(matrix, None if marked is None else marked[rows], groups=None if fitting.augments else groups)
        return fitted, judged

    def _held_p(self, prepared: Prepared, scores: np.ndarray, held: np.ndarray, marked: np.ndarray) -> dict[str, Any]:
        """p-values of held-out normal rows and of labelled anomalies: what thresholds are fitted on, now and when they are moved."""
        p = self.calibrator_.transform(scores[held])
        if not marked.any():
            return {"p": p, "y": None}
        odd = scores[marked]  # held out, where the detector has learned from their labels
        if np.isnan(odd).any():
            odd = self.detector_.anomaly_score(prepared.matrix, groups=prepared.groups)[marked]
        y = np.r_[np.zeros(len(p), dtype=np.int64), np.ones(len(odd), dtype=np.int64)]
        return {"p": np.r_[p, self.calibrator_.transform(odd)], "y": y}

    # ---- judging --------------------------------------------------------------------------------------------------

    def anomaly_score(self, data: Any) -> np.ndarray:
        """(n,) scores, higher = more anomalous."""
        self._check_fitted()
        prepared = self.preparation_.transform(self.as_dataset(data))
        return cast(np.ndarray, answers.scored(self, prepared)[prepared.row])

    def detect(self, data: Any) -> Detections:
        """Judge every row of ``data``: score, p-value, decision, and for a series the events."""
        self._check_fitted()
        data = self.as_dataset(data)
        prepared = self.preparation_.transform(data)
        return self._decide(data, prepared, answers.scored(self, prepared))

    def explain(self, data: Any, rows: Any, *, neighbours: int = 3, found: Detections | None = None) -> Explanation:
        """Why ``rows`` (positions in ``data``) score as they do: shares per column, observed against expected, nearest normal rows.

        ``found``: what :meth:`fit_detect` returned for the same data. Its p-values are then told, and expectations come from detectors
        that have not seen the rows, where they were kept; the detector that stays has seen them and would explain them too kindly.
        """
        self._check_fitted()
        data = self.as_dataset(data)
        rows = _positions(rows, len(data))
        held_out = self._own[1] if self._own is not None and self._own[0] is found else None
        p = None if found is None else found.p_value
        if self.kind_ in ITEMS:
            return items.explain(self, data, rows, neighbours, p, own=held_out is not None)
        return reasons.explain(self, data, rows, neighbours, p=p, held_out=held_out)

    def expected(self, data: Any) -> tuple[dict[str, list[Any]], dict[str, float]] | None:
        """(expected cells per source column, usual distance from them) in own units; None when the detector expects nothing."""
        self._check_fitted()
        if not self.detector_.tags.gives_expected or self.residual_ is None:
            return None
        data = self.as_dataset(data)
        prepared = self.preparation_.transform(data)
        usual = self.detector_.expected(prepared.matrix, groups=prepared.groups)[prepared.row]
        return self.preparation_.own_units(usual, prepared.effect_at(prepared.row)), reasons.own_spread(self)

    def with_threshold(self, threshold: Threshold | str) -> Pipeline:
        """The same fitted model with another decision rule; nothing is fitted again."""
        self._check_fitted()
        rule = _rule(threshold)
        made = Pipeline(self.detector, self.steps, self.calibrator, rule, seed=self.seed)
        for name in ("preparation_", "detector_", "calibrator_", "kind_", "schema_", "residual_", "reference_", "held_"):
            setattr(made, name, getattr(self, name))
        made.threshold_ = rule.fresh().fit(self.held_["p"], self.held_["y"])
        made.feedback_ = None if self.feedback_ is None else self.feedback_.with_cut(made.threshold_.value)
        made.facts_ = {**self.facts_, "threshold": facts.rule_facts(made.threshold_, self.calibrator_)}
        return made

    def answered(self, rows: Any, is_anomaly: Any = None, *, reach: Reach = "all") -> Pipeline:
        """A new model that heeds what a person says of ``rows`` of a table, at once and without training; this one stays as it is.

        ``is_anomaly`` (n,) of 0 and 1, None for the labels of ``rows``. Calls add up; a later word about an equal row holds. ``reach``:
        "near" changes rows like the answered ones alone, "all" weighs the columns, too, as soon as both words were said: see ``Feedback``.
        Raises DataError TOC-143, TOC-144, ConfigError TOC-215, TOC-216 (series) and those of reading.
        """
        self._check_fitted()
        return answers.answered(self, rows, is_anomaly, reach)

    def ask(self, data: Any, n: int = 10) -> np.ndarray:
        """(n,) positions of the rows of ``data`` that a person should judge first: some likely anomalies, more that are near the cut, no
        two alike, none that was answered already. Fewer when there are no more. Raises ConfigError TOC-202, TOC-216 (series)."""
        self._check_fitted()
        return ask(self, data, n)

    def as_dataset(self, data: Any) -> Dataset:
        """``data`` in the form this model was fitted on: same columns, same kind. Raises StateError TOC-301 when unfitted."""
        self._check_fitted()
        return as_dataset(data, schema=self.schema_, kind=self.kind_)

    def findings(self, data: Any) -> tuple[Finding, ...]:
        """What the preparation changes in ``data`` on its way to the detector."""
        return self.preparation_.transform(self.as_dataset(data)).findings

    def _decide(self, data: Dataset, prepared: Prepared, grid_scores: np.ndarray) -> Detections:
        score = grid_scores[prepared.row]
        p = self.calibrator_.transform(score)
        flagged = self.threshold_.decide(p)
        cut = self._score_at(self.threshold_.cut(p))
        gap = int(getattr(self.detector_, "span", 0)) // 2  # its windows overlap so far: alarms nearer than this tell of one thing
        groups = prepared.groups[prepared.row]
        events = merge(flagged, score, p, time=data.time, groups=groups, gap=gap) if data.kind == "series" else ()
        return Detections(data.ids, score, p, flagged, cut, data.time, events, None, self.facts_["version"])

    def _score_at(self, p: float) -> float:
        at = self._at
        if at is None or at[0] != p:
            at = self._at = (p, float(self.calibrator_.inverse(p)))
        return at[1]

    def __repr__(self) -> str:
        fitted = f", fitted on {self.facts_['n_train']} rows, kind {self.kind_!r}" if "facts_" in vars(self) else ", not fitted"
        return f"Pipeline({self.detector!r}, threshold={self.threshold!r}{fitted})"

    def _check_fitted(self) -> None:
        if "facts_" not in vars(self):
            raise StateError("TOC-301", "this Pipeline has not been fitted", todo="call fit first")

    def _reach(self) -> int:
        return _reach(self.detector_) if self.kind_ == "series" else 0

    # ---- facts and state ------------------------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """What is written beside a saved model: facts and schema, plain values."""
        self._check_fitted()
        return {**self.facts_, "schema": self.schema_.to_dict()}

    def state(self) -> dict[str, Any]:
        """The fitted pipeline as a tree of plain values and numeric arrays."""
        self._check_fitted()
        told = {} if self.feedback_ is None else {"answers": self.feedback_.state()}
        return {
            **told, "kind": self.kind_, "schema": self.schema_.to_dict(), "preparation": self.preparation_.state(),
            "detector": {"name": catalog.name_of(self.detector_), "state": self.detector_.state()},
            "calibrator": {"name": facts.part_name(CALIBRATORS, self.calibrator_), "state": self.calibrator_.state()},
            "threshold": {"name": facts.part_name(THRESHOLDS, self.threshold_), "state": self.threshold_.state()},
            "residual": self.residual_, "reference": self.reference_, "held": self.held_, "facts": self.facts_, "seed": self.seed,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The inverse of :meth:`state`. Classes come from the catalogs by name, never from the file."""
        detector = build(catalog.load(state["detector"]["name"]), state["detector"]["state"])
        calibrator = build(CALIBRATORS[state["calibrator"]["name"]], state["calibrator"]["state"])
        threshold = build(THRESHOLDS[state["threshold"]["name"]], state["threshold"]["state"])
        preparation = Preparation.from_state(state["preparation"])
        made = cls(detector.fresh(), preparation.fresh().steps, calibrator.fresh(), threshold.fresh(), seed=state["seed"])
        made.preparation_, made.detector_, made.calibrator_, made.threshold_ = preparation, detector, calibrator, threshold
        made.kind_, made.schema_ = state["kind"], Schema.from_dict(state["schema"])
        made.residual_, made.reference_, made.held_, made.facts_ = state["residual"], state["reference"], state["held"], state["facts"]
        made.feedback_ = answers.restored(state)
        return made


def _reach(detector: Detector) -> int:
    return int(detector.params().get("window") or 1)


def _span(detector: Detector) -> int:
    """Steps over which a score runs on: neighbours within it say the same."""
    return int(getattr(detector, "span", 0) or getattr(detector, "window_", 0) or _reach(detector))


def _switches(data: Dataset, features: list[dict[str, Any]]) -> tuple[int, ...]:
    """Positions of the matrix columns whose source holds 0 and 1 (or truth values) alone, in the data as they came."""
    table = as_table(data)
    found = []
    for j, feature in enumerate(features):
        seen = set(table.column(feature["source"]).unique().drop_null().to_pylist()) if feature["source"] in table.column_names else {None}
        if seen <= {0, 1}:
            found.append(j)
    return tuple(found)


def _inner_is_slow(detector: Detector) -> bool:
    inner = detector.params().get("detector")
    return isinstance(inner, str) and catalog.card(inner).tags.slow_fit


def _rule(threshold: Any) -> Threshold:
    """A Threshold, from one or from its text; raises ConfigError TOC-242 for anything else."""
    rule = parse(threshold) if isinstance(threshold, str) else threshold
    if not isinstance(rule, Threshold):
        raise ConfigError("TOC-242", "this is not a threshold", came=repr(threshold)[:80],
                          todo="use 'false_alarm_rate=0.01' or a Threshold")
    return rule


def _positions(rows: Any, n: int) -> np.ndarray:
    """(m,) row positions from a number, a list of numbers (negative ones count from the end), a slice or a mask (n,)."""
    if isinstance(rows, slice):
        return np.arange(n)[rows]
    given = np.atleast_1d(np.asarray(rows))
    if given.dtype == bool and given.shape == (n,):
        return np.flatnonzero(given)
    whole = given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0)
    if not whole or (given.size and not (-n <= given.min() and given.max() < n)):
        raise DataError("TOC-107", "there is no such row to explain", came=f"{rows!r}"[:80] + f" of {n} rows",
                        todo="pass positions in the data, counted from 0, a slice, or a mask with one entry per row")
    return given.astype(np.int64) % max(n, 1)
