"""Adapt: a model fitted on one table, for a related table of which there are few rows (another plant, another month)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.data.align import Move, kinship, move, only
from tocsin.decision.borrow import ENOUGH, borrowed
from tocsin.pipeline import answers, facts, items, reasons
from tocsin.pipeline.calibration import Plan
from tocsin.pipeline.moved import Ground
from tocsin.pipeline.pipeline import Pipeline

_FEWEST = 4  # rows
_RELATED = 0.5  # beyond that share of strange rows the target is its own best guide
_MOST = 2_000  # source rows that are learned beside the target's
_FOLDS, _SLOW_FOLDS = 10, 5
_TOLD = 0.05  # of a spread: smaller moves are not told


@dataclass(frozen=True)
class Moved:
    """A column that moved: a target value is ``level`` + ``gain`` × (source value), in the column's own unit."""

    column: str
    level: float
    gain: float


@dataclass(frozen=True)
class Report:
    """What was found and done. ``related``: whether source rows are learned beside the target's; ``strange``: the share of target rows that
    the source foretells worse than other target rows do; ``way``: how columns were moved; ``moved``: which; ``rows``: how many were given,
    learned of each table, and how many calibration scores are the target's own or borrowed; ``raised_before``: the share of target rows
    that the source model, as it is, raises (its promise is in its facts); ``why``: sentences."""

    related: bool
    strange: float
    way: str
    moved: tuple[Moved, ...]
    rows: dict[str, int]
    raised_before: float
    why: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Adapted:
    """``model``: a new pipeline for the target; ``report``: how it came about."""

    model: Pipeline
    report: Report


def adapt(model: Pipeline, few_rows: Any, source: Any = None, *, most: int = _MOST, seed: int = 0) -> Adapted:
    """A pipeline for the table that ``few_rows`` (mostly normal) come from; ``model``, fitted on a related table, is not changed.

    1. Align. Each column's level and spread is moved as far as the few rows show it beyond chance (:func:`tocsin.data.align.move`).
    2. Ask whether the source helps: are target rows foretold better by the moved source rows, or by each other (``kinship``)? No label is
       needed. Related: the detector, with its settings, learns both together. Strange: it learns the target rows alone, and only the
       spread of columns is still shrunk towards the source's.
    3. Calibrate on target rows that the fold's detector and move have not seen; up to 300 scores, the shape of the source's scores fills
       them up. The decision rule is kept.

    ``source``: rows that the model was fitted on. Without them the up to 1,000 that every model keeps are taken; ``most`` bounds both.
    Rows labelled 1, of either table, are left out.

    When it works: the same columns, measured by other devices, in other units, at another level, and a dozen target rows or more. With
    hundreds of rows it equals a model from scratch. When not: columns that mean something else under the same name; a target whose columns
    hang together otherwise gets what its own few rows can say, and the report says so. Category values that the source never had count as
    one value, "unseen". Tables only; a series learns further with :func:`tocsin.flows.continual.learn_on`.

    Raises ConfigError TOC-237 (a series), TOC-238 (``most``), DataError TOC-147 (fewer than four normal rows), TOC-148 (no normal source
    row), StateError TOC-352, and those of reading: TOC-133 for a missing column, TOC-111 for an array of another width. Deterministic.

    >>> rng = np.random.default_rng(0)
    >>> model = Pipeline("knn").fit(rng.normal(size=(500, 3)))
    >>> other = rng.normal(size=(1_000, 3)) * [1, 10, 1] + [0, 50, 0]     # another unit in the second column
    >>> adapted = adapt(model, other[:30])
    >>> float(model.detect(other[30:]).is_anomaly.mean()), bool(adapted.model.detect(other[30:]).is_anomaly.mean() < 0.03)
    (1.0, True)
    >>> [moved.column for moved in adapted.report.moved if moved.gain > 5]
    ['x1']
    """
    started = time.perf_counter()
    if not isinstance(model, Pipeline):
        raise ConfigError("TOC-237", "a fitted model is adapted", came=type(model).__name__, todo="tocsin.load the file first")
    answers.refuse(model, "adapted")
    items.refuse(model.kind_, "adapted")
    target = _normal(model.as_dataset(few_rows))
    if model.kind_ != "table":
        raise ConfigError("TOC-237", "a model of a series is not adapted", came=f"kind={model.kind_!r}",
                          todo="let it learn further: tocsin models learn, or flows.continual.learn_on")
    if isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 2:
        raise ConfigError("TOC-238", "most is how many source rows are learned beside the target's, 2 at least", came=repr(most)[:80],
                          todo=f"leave it out for {_MOST:,}")
    if len(target) < _FEWEST:
        raise DataError("TOC-147", "too few normal rows to adapt to", came=f"{len(target)} rows",
                        todo=f"pass {_FEWEST} at least, better 20")
    ground = Ground(model.preparation_)
    raw, known, ids = ground.raw(target), *_source(model, source, ground, most, seed)
    there, here = ground.units(_raw_of(ground, known)), ground.units(raw)
    found = kinship(there, here, ground.movable, seed=seed)
    detector = model.detector_.fresh()
    alone = len(target) - -(-len(target) // _folds(detector, len(target)))  # rows of the smallest fold
    related = found.strange <= _RELATED or alone < detector.tags.min_rows
    way = found.way if found.strange <= _RELATED else "level and spread"

    def learned(rows: np.ndarray) -> Move:
        return only(move(there, here[rows], way), ground.movable)

    at = learned(np.arange(len(here)))
    prepared = ground.scaled(raw, at)
    beside = known if related else known[:0]
    folds = _judge(detector, ground, raw, beside, learned, seed)
    fitted = detector.fresh().fit(np.concatenate([prepared, beside]))
    shape = folds.theirs if related else np.asarray(getattr(model.calibrator_, "scores_", np.zeros(0)))
    scores = borrowed(folds.own, shape)
    report = Report(related, round(found.strange, 4), way, _told(ground, model, at), {
        "given": len(target), "source": len(beside), "own_scores": len(folds.own), "borrowed_scores": len(scores) - len(folds.own),
    }, float(model.detect(target).is_anomaly.mean()), ())
    report = Report(**{**vars(report), "why": _why(report, model)})
    made = _assemble(model, ground, at, fitted, scores, folds)
    made.reference_ = {"rows": np.concatenate([prepared, beside[:1_000]]), "last": np.concatenate([prepared, beside[:1_000]]),
                       "at": np.arange(len(prepared) + len(beside[:1_000])), "ids": [*_names(target), *ids[:len(beside[:1_000])]]}
    made.residual_ = reasons.residual_scale(folds.gaps, made.reference_["last"], made.preparation_.features)
    made.facts_ = {**facts.training_facts(
        target, fitted, Plan("cross", folds.parts, refit=True), features=prepared.shape[1], held=len(scores),
        effective=float(getattr(made.calibrator_, "effective_", len(scores))), seconds=time.perf_counter() - started,
        findings=ground.preparation.transform(target).findings, rule=facts.rule_facts(made.threshold_, made.calibrator_)),
        "adapted": {**report.facts(), "moved": [asdict(one) for one in report.moved], "why": list(report.why),
                    "from": model.facts_["version"]}}
    return Adapted(made, report)


@dataclass(frozen=True)
class _Judged:
    """Held-out scores of the target's rows and of the source's, |observed − expected| of both, and which target rows went together."""

    own: np.ndarray
    theirs: np.ndarray
    gaps: list[np.ndarray]
    parts: tuple[np.ndarray, ...]


def _judge(detector: Detector, ground: Ground, raw: np.ndarray, beside: np.ndarray, learned: Callable[[np.ndarray], Move],
           seed: int) -> _Judged:
    """Each target row (n, d) and each source row beside it judged by a detector, and after a move, that have not seen it."""
    n, m = len(raw), len(beside)
    rng, k = generator(seed, "adapt"), _folds(detector, n)
    mine, others = (tuple(np.array_split(rng.permutation(size), k)) for size in (n, m))
    own, theirs, gaps = np.empty(n), np.empty(m), []
    for out, left in zip(mine, others):
        rest, kept = np.setdiff1d(np.arange(n), out), np.setdiff1d(np.arange(m), left)
        at = learned(rest)
        fitted = detector.fresh().fit(np.concatenate([ground.scaled(raw[rest], at), beside[kept]]))
        rows = np.concatenate([ground.scaled(raw[out], at), beside[left]])
        score = fitted.anomaly_score(rows)
        own[out], theirs[left] = score[:len(out)], score[len(out):]
        if detector.tags.gives_expected:
            gaps.append(np.abs(rows - fitted.expected(rows)))
    return _Judged(own, theirs, gaps, mine)


def _folds(detector: Detector, n: int) -> int:
    return min(n, _SLOW_FOLDS if detector.tags.slow_fit else _FOLDS)


def _assemble(model: Pipeline, ground: Ground, at: Move, fitted: Detector, scores: np.ndarray, folds: _Judged) -> Pipeline:
    made = Pipeline(fitted.fresh(), None, model.calibrator_.fresh(), model.threshold_.fresh(), seed=model.seed)
    made.preparation_, made.detector_ = ground.moved(at), fitted
    made.steps = made.preparation_.fresh().steps
    made.calibrator_ = made.calibrator.fresh().fit(scores)
    made.held_ = {"p": made.calibrator_.transform(folds.own), "y": None}
    made.threshold_ = made.threshold.fresh().fit(made.held_["p"], None)
    made.kind_, made.schema_ = model.kind_, model.schema_
    return made


def _normal(data: Dataset) -> Dataset:
    return data if data.y is None else data[data.y == 0]


def _source(model: Pipeline, source: Any, ground: Ground, most: int, seed: int) -> tuple[np.ndarray, list[Any]]:
    """(m, d) source rows as their detector sees them, and what they are called."""
    if source is None:
        rows, ids = np.asarray(model.reference_["last"]), list(model.reference_["ids"])
    else:
        data = _normal(model.as_dataset(source))
        if not len(data):
            raise DataError("TOC-148", "the source holds no normal row", came="0 rows",
                            todo="pass rows that the model was fitted on, or none")
        rows, ids = model.preparation_.transform(data).matrix, _names(data)
    at = generator(seed, "adapt source").permutation(len(rows))[:most]
    return rows[at], [f"source {ids[i]}" for i in at]


def _raw_of(ground: Ground, scaled: np.ndarray) -> np.ndarray:
    return ground.scale.inverse(scaled)


def _names(data: Dataset) -> list[Any]:
    return [int(value) if isinstance(value, (int, np.integer)) else str(value) for value in data.ids]


def _told(ground: Ground, model: Pipeline, at: Move) -> tuple[Moved, ...]:
    """The columns that moved visibly, those that moved most first."""
    center, spread = np.asarray(ground.scale.center_), np.asarray(ground.scale.spread_)
    size = np.abs(at.level) + np.abs(np.log(at.gain))
    level, gain = center + at.level * spread - at.gain * center, at.gain
    by_size = ground.scale.by_size  # in orders of magnitude a shift is a factor
    level, gain = np.where(by_size, 0.0, level), np.where(by_size, np.exp(np.clip(at.level * spread, -700, 700)), gain)
    features = model.preparation_.features
    order = [j for j in np.argsort(-size, kind="stable") if size[j] > _TOLD]
    return tuple(Moved(features[j]["source"], float(level[j]), float(gain[j])) for j in order)


def _why(report: Report, model: Pipeline) -> tuple[str, ...]:
    rows = report.rows
    said = [f"As it was, the model raises {report.raised_before:.0%} of the {rows['given']:,} rows given."]
    if report.way != "none":
        said.append(f"{len(report.moved)} of {len(model.preparation_.features)} columns were moved ({report.way})."
                    if report.moved else "No column moved visibly.")
    unrelated = f"The new rows look unrelated to the source ({report.strange:.0%} are foretold better by each other)"
    if report.strange <= _RELATED:
        said.append(f"The source foretells the new rows: {rows['source']:,} of its rows are learned beside them.")
    elif report.related:
        said.append(f"{unrelated}, but they are too few for {catalog.name_of(model.detector_)} alone: "
                    f"{rows['source']:,} source rows are learned beside them. Pass more rows.")
    else:
        said.append(f"{unrelated}: only they are learned, as from scratch.")
    if rows["borrowed_scores"]:
        said.append(f"p-values rest on {rows['own_scores']:,} scores of the new rows and on the shape of the source's scores; "
                    f"{ENOUGH} rows would stand alone.")
    return tuple(said)
