"""The monitor: looks at what was judged since it last looked, writes down what it measured, and raises incidents by rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select

from tocsin.monitoring import drift, performance, quality
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.look import examine, pushed, rows_needed
from tocsin.monitoring.once import insert_once, turn
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store import moment, tables
from tocsin.store.engine import Store

_MANY = 5  # drifting columns from which they are one incident
_KEPT = 50  # signals of columns that are written down per look, the most telling first
_BATCHES = 100  # named in an incident
_SURE = 1e-4  # p-value, and chance of so many alarms, from which an anomaly is of high severity
_RARE = 0.002  # chance of so odd a row, or of so many alarms, from which they are an incident; a day of many looks comes to about 1 in 100
_BATCH = tables.batch.c


@dataclass
class _State:
    """How far the monitor has come with a detector. ``upto``: batches up to this moment were used for drift, ``alarmed``: for alarms;
    ``tests`` of each version number; ``stack``: see ``look.pushed``; ``days``: what was flagged on the last days, day by day."""

    number: int = 0
    upto: str = ""
    alarmed: str = ""
    tests: dict[str, int] = field(default_factory=dict)
    stack: list[dict[str, Any]] = field(default_factory=list)
    days: dict[str, dict[str, Any]] = field(default_factory=dict)


class Monitor:
    """Watches the detectors of a store. ``look`` after every recorded batch; it is cheap until enough rows have gathered.

    Rules. *anomaly*: rows were flagged, one so odd or so many that a day of ordinary rows brings them in 1 of 100 cases; one incident a
    day and detector. A threshold lets some ordinary rows through, as it promised; those are listed and are no incident. *input_drift*
    (a key for each column), *score_drift*, *alarm_rate*, *quality* (a key for each column): tested on fresh rows only, see ``look`` and
    ``drift``.

    The aim: for each of the last four rules, a version whose rows keep coming as in training raises a false incident with a chance of
    at most 1 % in its whole life (``look.PROMISE``), whatever the number of columns and looks. For tables it rests on rows that are
    independent or as alike as the training rows were in their order; for series on training rows that show how stretches of a look's
    length differ. When it does not hold: seasons longer than the training data, which are drift to anyone who has not seen them.

    A promotion or rollback, and the resolution of an incident of these rules, start the count of rows anew.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.incidents = store, Incidents(store)

    def look(self, model: str, pipeline: Pipeline, number: int) -> list[dict[str, Any]]:
        """Look at the new batches of version ``number``; returns the signals written ([] when it was not yet time).

        Signals: {what, column, value, p_value, fired, detail}. State, signals and incidents change in one transaction.
        """
        needed = rows_needed(pipeline)
        with self.store.read() as base:
            if not self._due(base, model, number, needed):
                return []
        with self.store.begin() as base:
            turn(base, "look", model)
            state = self._current(base, model, number)
            fresh = self._fresh(base, model, number, state)
            until = max([state.upto, *(row["at"] for row in fresh)])  # later batches may come to light while this runs
            self._alarms(base, model, pipeline, number, state, until)
            signals: list[dict[str, Any]] = []
            if sum(int(row["rows"]) for row in fresh) >= needed:
                signals = self._drifts(base, model, pipeline, number, state, fresh)
                state.alarmed = max(state.alarmed, state.upto)
            _keep(base, model, state)
        return signals

    def signals(self, model: str, *, limit: int = 100, fired: bool | None = None) -> list[dict[str, Any]]:
        """What was measured, newest first."""
        table = tables.signal
        wanted = select(table).where(table.c.model == model).order_by(table.c.id.desc()).limit(limit)
        with self.store.read() as base:
            return [dict(row) for row in base.execute(wanted if fired is None else wanted.where(table.c.fired == fired)).mappings()]

    # ---- what is new ----------------------------------------------------------------------------------------------

    def _due(self, base: Connection, model: str, number: int, needed: int) -> bool:
        state = self._current(base, model, number)
        since = min(state.upto, state.alarmed)
        rows = base.execute(select(_BATCH.at, _BATCH.rows, _BATCH.alarms).where(*_watched(model, number), _BATCH.at > since)).all()
        return any(row.alarms and row.at > state.alarmed for row in rows) or \
            sum(row.rows for row in rows if row.at > state.upto) >= needed

    def _current(self, base: Connection, model: str, number: int) -> _State:
        """The state, with its rows forgotten where another version judges now or an incident was resolved since."""
        kept = base.execute(select(tables.setting.c.value).where(tables.setting.c.name == _place(model))).scalar()
        state = _State(**kept) if kept else _State()
        table = tables.incident
        resolved = base.execute(select(func.max(table.c.changed)).where(
            table.c.model == model, table.c.state == "resolved", table.c.rule != "anomaly")).scalar() or ""
        if state.number != number or resolved > state.upto:
            other = base.execute(select(func.max(_BATCH.at)).where(
                _BATCH.model == model, _BATCH.number != number, _BATCH.at > state.upto)).scalar() or ""
            state.upto, state.stack = max(state.upto, resolved, other if state.number != number else ""), []
        state.number = number
        return state

    def _fresh(self, base: Connection, model: str, number: int, state: _State) -> list[dict[str, Any]]:
        wanted = select(_BATCH.at, _BATCH.rows, _BATCH.sketch, _BATCH.quality).where(*_watched(model, number), _BATCH.at > state.upto)
        return [dict(row) for row in base.execute(wanted.order_by(_BATCH.at)).mappings().all()]

    # ---- rules ----------------------------------------------------------------------------------------------------

    def _alarms(self, base: Connection, model: str, pipeline: Pipeline, number: int, state: _State, until: str) -> None:
        rows = base.execute(select(_BATCH.id, _BATCH.at, _BATCH.rows, _BATCH.alarms).where(
            *_watched(model, number), _BATCH.at > state.alarmed, _BATCH.at <= until).order_by(_BATCH.at)).all()
        if not rows:
            return
        state.alarmed = max(row.at for row in rows)
        days: dict[str, list[Any]] = {}
        for row in rows:
            days.setdefault(row.at[:10], []).append(row)
        for day, parts in days.items():
            self._unusual(base, model, pipeline, state, day, parts)

    def _unusual(self, base: Connection, model: str, pipeline: Pipeline, state: _State, day: str, parts: list[Any]) -> None:
        key, ids = f"anomaly:{day}", [row.id for row in parts if row.alarms]
        table = tables.detection
        least = base.execute(select(func.min(table.c.p_value)).where(table.c.batch.in_(ids[-_BATCHES:]))).scalar()
        told = state.days.get(day) or {"rows": 0, "alarms": 0, "batches": [], "least_p": 1.0, "at": ""}
        if _resolved(base, model, key) > told["at"]:
            told = {"rows": 0, "alarms": 0, "batches": [], "least_p": 1.0}
        rows, alarms = told["rows"] + sum(row.rows for row in parts), told["alarms"] + sum(row.alarms for row in parts)
        least = min(told["least_p"], 1.0 if least is None else least)
        seen = {"rows": rows, "alarms": alarms, "batches": [*told["batches"], *ids][-_BATCHES:], "least_p": least}
        state.days[day] = {**seen, "at": moment.now()}
        state.days = dict(sorted(state.days.items())[-3:])
        if not ids:
            return
        chance = min(performance.chance_of_more(alarms, rows, pipeline), performance.chance_of_so_odd(least, rows, pipeline))
        if chance > _RARE and self.incidents.unresolved(model, key, base=base) is None:
            return
        expected = rows * performance.promised(pipeline)
        high = least <= _SURE or performance.chance_of_more(alarms, rows, pipeline) <= _SURE
        thing = "time step" if pipeline.kind_ == "series" else "row"
        title = f"{alarms:,} unusual {thing}{'s' * (alarms != 1)} among {rows:,} judged on {day}"
        title += f"; about {expected:.0f} would be usual" if expected >= 0.5 else ""
        detail = {**seen, "expected": expected, "day": day}
        self.incidents.raise_(model, "anomaly", key, title, "high" if high else "low", detail, base=base)

    def _drifts(self, base: Connection, model: str, pipeline: Pipeline, number: int, state: _State,
                fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
        state.upto = fresh[-1]["at"]
        summed = {part: drift.together([row[part] for row in fresh]) for part in ("sketch", "quality")}
        state.stack, windows = pushed(state.stack, summed)
        tests = state.tests.get(str(number), 0)
        state.tests[str(number)] = tests + len(windows)
        signals = examine(windows, pipeline, tests)
        now = moment.now()
        kept = sorted(signals, key=lambda one: (not one["fired"], one["what"] in ("input_drift", "quality"), one["p_value"]))[:_KEPT]
        base.execute(tables.signal.insert(), [{"model": model, "number": number, "at": now, **one} for one in kept])
        self._raise([one for one in signals if one["fired"]], base, model)
        return kept

    def _raise(self, fired: list[dict[str, Any]], base: Connection, model: str) -> None:
        moved = sorted((one for one in fired if one["what"] == "input_drift"), key=lambda one: -one["value"])
        if len(moved) > _MANY:
            names = ", ".join(f"'{one['column']}'" for one in moved[:3])
            title = f"{len(moved)} columns are not what they were: {names} and others"
            detail = {"columns": {one["column"]: one["detail"]["title"] for one in moved}, "value": moved[0]["value"]}
            self.incidents.raise_(model, "input_drift", "input_drift", title, "high", detail, base=base)
            moved = []
        for one in [*moved, *(one for one in fired if one["what"] != "input_drift")]:
            key = one["what"] + (f":{one['column']}" if one["column"] else "")
            detail = {**one["detail"], "column": one["column"], "value": one["value"], "p_value": one["p_value"]}
            self.incidents.raise_(model, one["what"], key, one["detail"]["title"], "high" if _grave(one) else "low", detail, base=base)


def _resolved(base: Connection, model: str, key: str) -> str:
    """When an incident of this key was resolved last; "" when none was."""
    table = tables.incident
    wanted = select(func.max(table.c.changed)).where(table.c.model == model, table.c.key == key, table.c.state == "resolved")
    return str(base.execute(wanted).scalar() or "")


def _grave(signal: dict[str, Any]) -> bool:
    if signal["what"] == "quality":
        return quality.grave(signal)
    return signal["what"] == "alarm_rate" or bool(signal["value"] >= drift.GRAVE)


def _watched(model: str, number: int) -> tuple[Any, ...]:
    """Batches of a version, without those of training files, which have no sketch."""
    return _BATCH.model == model, _BATCH.number == number, cast(_BATCH.sketch, Text) != "{}"


def _place(model: str) -> str:
    """The name of the monitor's state among the settings, which holds few letters."""
    return "watch/" + hashlib.sha256(model.encode("utf-8")).hexdigest()[:32]


def _keep(base: Connection, model: str, state: _State) -> None:
    row = {"name": _place(model), "value": vars(state), "at": moment.now()}
    if not insert_once(base, tables.setting, row):
        base.execute(tables.setting.update().where(tables.setting.c.name == row["name"]).values(value=row["value"], at=row["at"]))
