"""Learn further: new rows beside a replay of the old ones, behind a guard, and through a gate.

The model that was given is never changed, and what comes back is a candidate: whoever asked decides.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset
from tocsin.flows.gate import Line, measure, refusals
from tocsin.flows.guard import Guarded, Usual, allowed, guard, reach_of
from tocsin.flows.replay import Parted, part, together
from tocsin.pipeline import answers, facts, items
from tocsin.pipeline.calibration import runs
from tocsin.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Learned:
    """``model``: the candidate, None when nothing was fitted; ``accepted``: whether it passed the gate; ``why``: sentences;
    ``table``: the measured lines; ``left_out``: half-open runs of new rows that were kept out; ``rows``: how many rows of each were
    new, left out, learned, held out, replayed; ``suggestion``: whether the caller may want to allow a change that seems to last."""

    model: Pipeline | None
    accepted: bool
    why: tuple[str, ...]
    table: tuple[Line, ...]
    left_out: tuple[tuple[int, int], ...]
    rows: dict[str, int]
    suggestion: bool = False

    def facts(self) -> dict[str, Any]:
        """All but the model, as plain data."""
        return {"accepted": self.accepted, "why": list(self.why), "table": [asdict(line) for line in self.table],
                "left_out": [list(run) for run in self.left_out], "rows": dict(self.rows)}


def learn_on(model: Pipeline, new: Any, *, replay: Any = None, accept_shift: bool = False, most_left_out: float = 0.3,
             most_replayed: int = 20_000, worse: float = 0.05, seed: int = 0) -> Learned:
    """A candidate that has learned ``new`` rows beside old ones, accepted only if it is not worse than ``model``.

    1. Guard. ``model`` judges the new rows; what it finds odd is left out (see :func:`tocsin.flows.guard.guard`). When that is more than
       ``most_left_out`` of them, nothing is learned: it is an incident or a lasting change, and only people can tell which.
       ``accept_shift`` lets in spans of eight windows and more, each judged by itself.
    2. Replay. Up to ``most_replayed`` of the old rows ``replay``, stretches from all over them.
    3. Fit, with the same settings. A quarter of both, old and new, is not learned from.
    4. Gate, on those held-out rows, old and new apart. The false-alarm rate must be within the promise: its interval must reach down to
       one and a half times the promised rate. Made anomalies of eight kinds must be found as well as before: average precision may fall
       by ``worse`` on average over the kinds, and by three times that for a single kind. On the old rows, which ``model`` has learned,
       a model of the same settings stands in for it that has learned their other three quarters alone.

    Without ``replay``, a detector that offers ``update`` is updated; nothing can then be said of old rows, and a sentence says so. Others
    would forget: ConfigError TOC-234.

    When it works: new rows that are mostly normal, or a level that has stayed for many windows. When not: an anomaly that the present
    model does not see is learned; and a change slower than the guard can see is taken in step by step, as anywhere.

    Raises ConfigError TOC-234, TOC-235, DataError TOC-177 (too few rows), TOC-178 and those of reading and fitting. Deterministic.

    >>> rng = np.random.default_rng(0)
    >>> old, new = (rng.normal(size=(400, 2)) for _ in range(2))
    >>> new[:5] += 9
    >>> learned = learn_on(Pipeline("gaussian").fit(old), new, replay=old)
    >>> learned.accepted, learned.left_out[0]
    (True, (0, 5))
    """
    _check(most_left_out, most_replayed, worse)
    answers.refuse(model, "taught further")
    items.refuse(model.kind_, "taught further")
    new = model.as_dataset(new)
    old = None if replay is None else model.as_dataset(replay)
    if old is None and not model.detector_.tags.online:
        raise ConfigError("TOC-234", f"{catalog.name_of(model.detector_)} forgets what it is not shown again",
                          came="no old rows", todo="pass the rows that it was trained on: replay=, or --replay FILE")
    guarded = guard(model, new, None if old is None else Usual.of(old))
    counts = {"new": len(new), "left_out": int(guarded.left_out.sum()), "learned": 0, "held_out": 0, "replayed": 0}
    said: list[str] = []
    if accept_shift and guarded.lasting:
        guarded = allowed(model, new, guarded)
        counts["left_out"] = int(guarded.left_out.sum())
        said.append("A lasting change was allowed: " + " ".join(guarded.words))
    if guarded.share > most_left_out:
        return _closed(guarded, counts, most_left_out, accept_shift)
    if guarded.left_out.any():
        said.append(f"{counts['left_out']:,} of {len(new):,} new rows are odd and were left out.")
    reach = reach_of(model)
    parted = part(new, ~guarded.left_out, reach, seed=seed)
    counts |= {"learned": parted.rows, "held_out": sum(map(len, parted.held))}
    if old is None:
        candidate, table, more = _updated(model, new, parted, worse, seed)
    else:
        usable = np.ones(len(old), dtype=bool) if old.y is None else old.y == 0
        replayed = part(old, usable, reach, most=most_replayed, seed=seed)
        counts["replayed"] = replayed.rows
        candidate, table, more = _refitted(model, old, replayed, new, parted, worse, seed)
    against = refusals(table)
    why = (*said, *more, *(against or ["It is not worse than the present model: learned."]))
    learned = Learned(candidate, not against, why, tuple(table), tuple(runs(np.flatnonzero(guarded.left_out))), counts)
    candidate.facts_ = {**candidate.facts_, "continual": {**learned.facts(), "from": model.facts_["version"]}}
    return learned


def _refitted(model: Pipeline, old: Dataset, replayed: Parted, new: Dataset, parted: Parted, worse: float,
              seed: int) -> tuple[Pipeline, list[Line], list[str]]:
    candidate = _same(model).fit(together(old, replayed.learned, new, parted.learned))
    twin = _same(model).fit(together(None, [], old, replayed.learned))
    table = measure(twin, candidate, _normal(model, twin, old, replayed.held), "old", worse=worse, seed=seed)
    return candidate, [*table, *measure(model, candidate, [new[rows] for rows in parted.held], "new", worse=worse, seed=seed)], []


def _updated(model: Pipeline, new: Dataset, parted: Parted, worse: float, seed: int) -> tuple[Pipeline, list[Line], list[str]]:
    """A copy that has gone on learning, calibrated on what it was calibrated on before and on new rows that it has not learned."""
    candidate = Pipeline.from_state(copy.deepcopy(model.state()))
    held = parted.held[::2] if len(parted.held) > 1 else [parted.held[0][1::2]]  # for the gate; the others calibrate
    rest = parted.held[1::2] if len(parted.held) > 1 else [parted.held[0][::2]]
    for rows in parted.learned:
        prepared = candidate.preparation_.transform(new[rows])
        candidate.detector_.update(prepared.matrix, groups=prepared.groups)
    fresh = np.concatenate([candidate.anomaly_score(new[rows]) for rows in rest])
    block = reach_of(model)
    candidate.calibrator_ = model.calibrator.fresh().fit(np.r_[getattr(model.calibrator_, "scores_", np.zeros(0)), fresh], block=block)
    p = candidate.calibrator_.transform(fresh)
    candidate.held_ = {"p": p, "y": None}
    candidate.threshold_ = model.threshold.fresh().fit(p, None)
    candidate.facts_ = {**candidate.facts_, "threshold": facts.rule_facts(candidate.threshold_, candidate.calibrator_)}
    table = measure(model, candidate, [new[rows] for rows in held], "new", worse=worse, seed=seed)
    return candidate, table, ["No old rows were given: whether what was known before is still known was not measured."]


def _same(model: Pipeline) -> Pipeline:
    """Unfitted, with the same settings; the window that was found is kept."""
    return Pipeline(model.detector_.fresh(), [step.fresh() for step in model.preparation_.steps], model.calibrator.fresh(),
                    model.threshold.fresh(), seed=model.seed)


def _normal(model: Pipeline, twin: Pipeline, old: Dataset, held: list[np.ndarray]) -> list[Dataset]:
    """The held-out old stretches. Where the old rows were never said to be clean, those that the twin finds odd are no normal ones."""
    if not getattr(model.calibrator, "trim", False):
        return [old[rows] for rows in held]
    kept = [rows[~guard(twin, old[rows]).left_out] for rows in held]
    if old.kind != "series":
        return [old[rows] for rows in kept]
    least = 4 * reach_of(model)
    cut = [rows[start:end] for rows in kept for start, end in _unbroken(rows) if end - start >= least]
    return [old[rows] for rows in (cut or held)]


def _unbroken(rows: np.ndarray) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(rows) > 1) + 1).tolist(), len(rows)]
    return list(pairwise(edges))


def _closed(guarded: Guarded, counts: dict[str, int], most: float, accepted: bool) -> Learned:
    why = [f"Nothing was learned: {guarded.share:.0%} of the new rows are odd to the present model, more than {most:.0%}.",
           "This is either an incident, which must not be learned, or a lasting change, which should be: the data cannot tell."]
    if accepted:
        why.append("The change was allowed, but what is new is too short, or too odd in itself, to be learned.")
    else:
        why += guarded.words
    suggestion = not accepted and any("allow" in words for words in guarded.words)
    return Learned(None, False, tuple(why), (), tuple(runs(np.flatnonzero(guarded.left_out))), counts, suggestion)


def _check(most_left_out: float, most_replayed: int, worse: float) -> None:
    if not (0 <= most_left_out <= 1 and 0 <= worse <= 1 and most_replayed >= 1):
        raise ConfigError("TOC-235", "the bounds of learning further are shares from 0 to 1, and at least one row to replay",
                          came=f"most_left_out={most_left_out!r}, worse={worse!r}, most_replayed={most_replayed!r}",
                          todo="leave them out for 0.3, 0.05 and 20,000")
