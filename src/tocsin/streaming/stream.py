"""Rows in, one by one; judgements out."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError, TocsinError
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.decision.spot import LEVEL_CHANGED
from tocsin.pipeline.pipeline import Pipeline
from tocsin.streaming import keep, moment
from tocsin.streaming.arrival import Arrival, Row
from tocsin.streaming.judgement import Judgement
from tocsin.streaming.live import Live, Plain
from tocsin.streaming.reach import Reach
from tocsin.streaming.rule import rule_for, rule_from_state
from tocsin.streaming.stepping import Covered, Scorer, Stepped
from tocsin.streaming.tick import Member, Step, Ticker

FORMAT = 1
_FINEST = 1e-15  # of a clock's step; below, no distance between two stamps is a number of steps


class Stream:
    """A detector at work on rows as they come.

    ``push(values, time=None)`` gives the judgements that this row made possible: mostly its own, at once, and for detectors that look at
    windows (``windows``, most networks) an early word on this row (``final`` False, from the windows that end at it) and the final
    word on the row a window back, which equals the score of the same rows judged at once. ``flush()`` ends what is open.

    model       a fitted series Pipeline (rows as mappings or sequences; its preparation is applied) · a fitted series detector · an online
                detector, fitted or not, or its catalog name: learning from nothing, as it goes
    threshold   None: the pipeline's own; without one, adaptive=0.001 (``tocsin.decision.spot.Spot``). Else text
                ("false_alarm_rate=0.01", "adaptive=0.001"), a Threshold or a Spot
    lateness    how long a row may come after later ones, in seconds ("30s", "5min") or the clock's own unit; rows wait that long. A row
                later still comes back as state "late", not judged
    warmup      scores that the adaptive threshold learns from before it judges
    step        length of a regular clock's step; None: the one that the pipeline learned. Short gaps are then filled and long ones start
                a new segment, as in batch; 0 takes rows as they come
    columns     names, where rows are mappings and there is no pipeline; None: those of the first row
    early       give early words
    duplicates  "last": of rows with the same time, the last that came before its time was passed; "mean": their mean, as batch does

    Missing cells: a pipeline fills them by its learned rule (where that looks ahead, the row waits, ten steps at most); without one the
    last known value stands. Times are instants in UTC: give stamps their zone or offset where clocks change. Without a lateness, a second
    row in one step of the clock is late, too. Memory is bounded: rows within the lateness, a window or three, the threshold's scores.
    Raises ConfigError TOC-202, TOC-276 to TOC-279, DataError TOC-111, TOC-133, TOC-197 to TOC-199, StateError TOC-301.
    A row that raises is not taken; the stream goes on as if it had not come.

    >>> wave = np.sin(np.arange(400) / 5)
    >>> from tocsin.pipeline.pipeline import Pipeline
    >>> from tocsin.core.types import Dataset
    >>> model = Pipeline("windows").fit(Dataset.of(wave, kind="series"))
    >>> stream = Stream(model)
    >>> found = [one for value in wave[:200] for one in stream.push(value)] + stream.flush()
    >>> final = [one.score for one in found if one.final]
    >>> bool(np.allclose(final, model.anomaly_score(Dataset.of(wave[:200], kind="series")), atol=1e-9))
    True
    """

    def __init__(self, model: Pipeline | Detector | str, *, threshold: Any = None, lateness: Any = None, warmup: int | None = None,
                 step: Any = None, columns: Sequence[str] | None = None, early: bool = True,
                 duplicates: Literal["last", "mean"] = "last") -> None:
        self._begin(model, threshold, lateness, warmup, step, columns, early, duplicates)

    def _begin(self, model: Any, threshold: Any, lateness: Any, warmup: int | None, step: Any, columns: Sequence[str] | None, early: bool,
               duplicates: str, reach: Reach | None = None) -> None:
        if duplicates not in ("last", "mean"):
            raise ConfigError("TOC-202", "duplicates is 'last' or 'mean'", came=repr(duplicates)[:80], todo="use 'last'")
        self.model = catalog.make(model) if isinstance(model, str) else model
        self.duplicates, self.early = duplicates, early
        self.lateness = 0.0 if lateness is None else moment.length(lateness, "lateness")
        self._live, self._scorer = _parts(self.model, columns, early, reach)
        self.rule = rule_for(self.model, threshold, warmup)
        learned = self.model.preparation_.step_ if isinstance(self.model, Pipeline) else None
        self.step = moment.length(step, "step") if step is not None else float(learned or 0.0)
        if 0 < self.step < _FINEST:
            raise ConfigError("TOC-202", f"step is 0 or at least {_FINEST}", came=moment.shown(step),
                              todo="give the length of a clock's step")
        self._clock: moment.Clock | None = None
        self._arrival, self._ticker = self._clocked("numbers")
        self._waiting: deque[Step] = deque()  # in the preparation
        self._open: deque[Step] = deque()  # in the detector
        self._named: dict[str, Any] | None = None  # the model's fingerprint, when it was needed
        self._pushed = self._alarms = self._changes = 0
        self._lean = isinstance(self._live, Plain) and isinstance(self._scorer, Stepped)

    def push(self, values: Any, time: Any = None) -> list[Judgement]:
        """Take one row; returns the judgements that it made possible, in order of time, late rows first."""
        if time is None and self._lean and self._clock is None:
            made = self._quick(values)
            if made is not None:
                return made
        row = self._live.encode(values)
        if time is None:
            if self._clock is not None:
                raise _mixed("a row without a time, after rows with one")
            return self._taken([Step(row, [Member(self._next(), None, "")], False)])
        at, clock = moment.moment(time)
        if self._clock is None:
            if self._pushed:
                raise _mixed("a row with a time, after rows without")
            self._arrival, self._ticker = self._clocked(clock)
            self._clock = clock
        elif clock != self._clock:
            raise _mixed(moment.shown(time)[:60] + f" among {self._clock}")
        freed, late = self._arrival.push(at, self._next(), row)
        return self._passed(freed, late)

    def flush(self) -> list[Judgement]:
        """Judge everything that is held, as if nothing followed. Pushing may go on: with a new segment."""
        made = self._passed(self._arrival.drain(), []) + self._taken(self._ticker.end())
        return made + self._closed()

    def status(self) -> dict[str, Any]:
        """Where the stream stands: plain values.

        ``state`` "warming" or "live"; ``needed`` rows until it is live, None when that cannot be said; ``held`` rows in memory; counts of
        rows ``pushed``, ``late``, ``duplicates``, ``merged`` into one step, ``hurried`` out for lack of room, steps ``filled``, cells
        ``missing``, ``cuts`` of the clock, ``clock_resets``, ``alarms`` (final), ``level_changes``; the adaptive ``threshold`` on scores.
        """
        need = self._scorer.needed
        needed = None if need is None else need + self.rule.needed
        limit = getattr(self.rule, "threshold", None)
        return {"state": "live" if needed == 0 else "warming", "needed": needed, "held": self._held(), "pushed": self._pushed,
                "late": self._arrival.late, "duplicates": self._arrival.duplicates, "merged": self._ticker.merged,
                "hurried": self._arrival.hurried, "filled": self._ticker.filled, "missing": self._live.holes, "cuts": self._ticker.cuts,
                "clock_resets": self._arrival.resets, "alarms": self._alarms, "level_changes": self._changes,
                "threshold": limit if isinstance(limit, float) and math.isfinite(limit) else None}

    # ---- saving -----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything but the model, as plain values and arrays: a stream made from it gives exactly what this one would have given."""
        return {"format": FORMAT, "model": self._model_name(), "settings": {
                    "lateness": self.lateness, "step": self.step, "early": self.early, "duplicates": self.duplicates},
                "rule": self.rule.state(), "scorer": self._scorer.state(), "live": self._live.state(), "clock": self._clock,
                "arrival": self._arrival.state(), "ticker": self._ticker.state(), "waiting": [_plain(step) for step in self._waiting],
                "open": [_plain(step) for step in self._open], "counts": [self._pushed, self._alarms, self._changes]}

    @classmethod
    def from_state(cls, state: dict[str, Any], model: Pipeline | Detector | str | None = None) -> Self:
        """Go on where :meth:`state` was taken. ``model`` is the same as then; None for an online detector that was not fitted.

        Raises StateError TOC-342 when the model is another one or is not given, ArtifactError TOC-412 for a state that is none.
        """
        try:
            if state["format"] != FORMAT:
                raise ArtifactError("TOC-412", "the stream was saved in another format", came=repr(state["format"])[:80],
                                    todo="start the stream anew")
            made, settings, reach = cls.__new__(cls), state["settings"], state["scorer"].get("reach")
            made._begin(_model_of(state["model"], model), rule_from_state(state["rule"]), settings["lateness"], None, settings["step"],
                        None, settings["early"], settings["duplicates"], None if reach is None else Reach(*reach))
            made._load(state)
        except TocsinError:
            raise
        except Exception as error:  # a tampered state may raise anything, from any part that it goes through
            raise ArtifactError("TOC-412", "the state of a stream is not of the expected form",
                                came=f"{type(error).__name__}: {error}"[:120], todo="start the stream anew") from error
        return made

    def save(self, path: str | Path) -> None:
        """Write the state to one file, whole or not at all. The model is not in it. Raises StateError TOC-345."""
        keep.write(path, self.state())

    @classmethod
    def load(cls, path: str | Path, model: Pipeline | Detector | str | None = None) -> Self:
        """The stream that :meth:`save` wrote; see :meth:`from_state`. Raises ArtifactError TOC-401, TOC-402, TOC-404, TOC-412."""
        return cls.from_state(keep.read(path), model)

    def _model_name(self) -> dict[str, Any]:
        if self._named is None:
            self._named = _fingerprint(self.model)
        return self._named

    def _load(self, state: dict[str, Any]) -> None:
        if state["clock"] not in (None, "dates", "numbers"):
            raise ValueError(f"no clock: {state['clock']!r:.60}")
        self._clock = state["clock"]
        self._arrival, self._ticker = self._clocked(self._clock or "numbers")
        rows = [kept[2] for kept in (*state["arrival"]["held"], *state["ticker"]["open"])]
        rows += [kept[0] for kept in (*state["waiting"], *state["open"])]
        if len({len(keep.row(values)) for values in rows}) > 1:
            raise ValueError("held rows of different widths")
        for part, name in ((self._scorer, "scorer"), (self._live, "live"), (self._arrival, "arrival"), (self._ticker, "ticker")):
            part.load_state(state[name])
        if isinstance(self._scorer, Stepped) and self._scorer.stepper is not None and isinstance(self._live, Plain):
            _tried(self._scorer.detector.stepper(self._scorer.state()), self._live.width)
        self._waiting = deque(_step(kept) for kept in state["waiting"])
        self._open = deque(_step(kept) for kept in state["open"])
        self._pushed, self._alarms, self._changes = (keep.count(value) for value in state["counts"])

    # ---- the way of a row -------------------------------------------------------------------------------------------

    def _quick(self, values: Any) -> list[Judgement] | None:
        """The whole way for complete rows of numbers without times; None sends the row the long way."""
        live: Any = self._live
        if type(values) is float:
            values = (values,)
        if type(values) is not list and type(values) is not tuple:
            return None
        scorer: Any = self._scorer
        if len(values) != live.width or scorer.stepper is None:
            return None
        for value in values:
            if type(value) is not float or not math.isfinite(value):
                return None
        score = scorer.stepper.step(values)
        live.last = values
        position = self._pushed
        self._pushed = position + 1
        if not scorer.stepper.warm:
            return [Judgement(None, position, score, 1.0, False, True, "warming")]
        p, alarm, note = self.rule.step(score)
        if alarm:
            self._alarms += 1
        if note:
            self._changes += 1
        return [Judgement(None, position, score, p, alarm, True, "warming" if self.rule.needed else "live", note)]

    def _next(self) -> int:
        self._pushed += 1
        return self._pushed - 1

    def _passed(self, freed: list[Row], late: list[Row]) -> list[Judgement]:
        made = [self._late(row) for row in late]
        for row in freed:
            steps, behind = self._ticker.push(row)
            self._arrival.late += len(behind)
            made += [self._late(one) for one in behind]
            made += self._taken(steps)
        return made

    def _taken(self, steps: list[Step]) -> list[Judgement]:
        made: list[Judgement] = []
        for step in steps:
            if step.cut:
                made += self._closed()
            self._waiting.append(step)
            for row in self._live.push(step.values):
                made += self._scored(row)
        return made

    def _closed(self) -> list[Judgement]:
        """The end of a segment."""
        made = [one for row in self._live.end() for one in self._scored(row)]
        return made + [one for score in self._scorer.end() for one in self._final(score)]

    def _scored(self, row: np.ndarray) -> list[Judgement]:
        step = self._waiting.popleft()
        self._open.append(step)
        early, finals = self._scorer.push(row, self._seconds(step))
        made = [one for score in finals for one in self._final(score)]
        if early is not None and step.members:
            p, alarm, _ = self.rule.peek(early)
            state = "warming" if self._scorer.needed or self.rule.needed else "live"
            made += self._told(step, early, p, alarm and state == "live", False, state)
        return made

    def _final(self, score: float) -> list[Judgement]:
        step = self._open.popleft()
        if not step.members:
            return []  # an inserted step is no evidence and is not judged
        if not self._scorer.judged:
            return self._told(step, score, 1.0, False, True, "warming")
        p, alarm, note = self.rule.step(score)
        self._alarms += alarm
        self._changes += note == LEVEL_CHANGED
        return self._told(step, score, p, alarm, True, "warming" if self.rule.needed else "live", note)

    def _told(self, step: Step, score: float, p: float, alarm: bool, final: bool, state: Any, note: str = "") -> list[Judgement]:
        return [Judgement(self._stamp(at), position, score, p, alarm, final, state, "; ".join(filter(None, (note, own))))
                for position, at, own in step.members]

    def _late(self, row: Row) -> Judgement:
        return Judgement(self._stamp(row.at), row.position, 0.0, 1.0, False, True, "late", "")

    def _stamp(self, at: Any) -> Any:
        return None if at is None else moment.stamp(at, self._clock or "numbers")

    def _seconds(self, step: Step) -> float | None:
        return step.members[0].at / 1e9 if self._clock == "dates" and step.members and step.members[0].at is not None else None

    def _clocked(self, clock: moment.Clock) -> tuple[Arrival, Ticker]:
        unit = moment.unit(clock)
        joins = self.lateness > 0
        return Arrival(self.lateness * unit, last_wins=self.duplicates == "last"), Ticker(self.step * unit, joins=joins)

    def _held(self) -> int:
        return len(self._arrival) + self._ticker.held + len(self._waiting) + self._scorer.held


def _parts(model: Any, columns: Sequence[str] | None, early: bool, reach: Reach | None) -> tuple[Any, Scorer]:
    """(preparation, scorer) for a model. Raises ConfigError TOC-279, TOC-276, TOC-277, StateError TOC-301."""
    if isinstance(model, Pipeline):
        if "facts_" not in vars(model):
            raise StateError("TOC-301", "this Pipeline has not been fitted", todo="call fit first")
        if model.kind_ != "series":
            raise ConfigError("TOC-279", "a stream needs a model of a series", came=f"a model of a {model.kind_}",
                              todo="fit with a time column, or kind='series'")
        return Live(model.preparation_, model.schema_), _scorer(model.detector_, early, reach)
    if not isinstance(model, Detector):
        raise ConfigError("TOC-279", "a stream needs a pipeline, a detector or its name", came=type(model).__name__,
                          todo="pass a fitted series pipeline, or 'half_space_trees'")
    if model.tags.modality != "series":
        raise ConfigError("TOC-279", "a stream needs a detector for series", came=f"{type(model).__name__}: {model.tags.modality}",
                          todo="use it inside 'windows', fitted")
    return Plain(columns), _scorer(model, early, reach)


def _scorer(detector: Detector, early: bool, reach: Reach | None) -> Scorer:
    if detector.tags.online and isinstance(detector, OnlineDetector):
        return Stepped(detector)
    if not detector.is_fitted():
        raise ConfigError("TOC-279", f"{type(detector).__name__} must be fitted before it can judge a stream",
                          came="it has learned nothing",
                          todo="fit it, or use an online detector ('half_space_trees'), which starts from nothing")
    return Covered(detector, early=early, reach=reach)


def _fingerprint(model: Any) -> dict[str, Any]:
    """What tells whether a model is the one of before; a detector that was not fitted is all in it."""
    if isinstance(model, Pipeline):
        parts = (model.preparation_.state(), model.detector_.state(), model.calibrator_.state())
        return {"pipeline": model.facts_["version"], "fitted": _digest(parts)}
    name = catalog.name_of(model)
    if not model.is_fitted():
        return {"detector": name, "params": model.state()["params"]}
    return {"detector": name, "fitted": _digest(model.state())}


def _digest(tree: Any) -> str:
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value):
                digest.update(key.encode())
                add(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                add(part)
        else:
            digest.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())

    add(tree)
    return digest.hexdigest()[:16]


def _model_of(kept: dict[str, Any], model: Any) -> Any:
    if isinstance(model, str):
        model = catalog.make(model)
    if model is None and "params" in kept:
        return catalog.make(kept["detector"], **kept["params"])
    if model is None or _fingerprint(model) != kept:
        raise StateError("TOC-342", "the stream was saved with another model",
                         came="no model" if model is None else str(_fingerprint(model)), todo=f"pass the model of then: {kept}")
    return model


def _tried(stepper: Stepper, width: int) -> None:
    """One step of a copy: a state that cannot be gone on from is told when it is loaded. Raises whatever the stepper does."""
    with np.errstate(all="ignore"):
        score = stepper.step([0.0] * width)
        stepper.state()
    if not math.isfinite(score):
        raise ValueError("the detector's state gives no finite score")


def _plain(step: Step) -> list[Any]:
    return [step.values, [list(member) for member in step.members], step.cut]


def _step(kept: Any) -> Step:
    values, members, cut = kept
    made = [Member(keep.count(position), None if at is None else keep.number(at), str(note)) for position, at, note in members]
    return Step(keep.row(values), made, bool(cut))


def _mixed(came: str) -> DataError:
    return DataError("TOC-198", "rows with and without times, or with different kinds of times, do not make one stream", came=came,
                     todo="give every row a date, every row a number, or none a time")
