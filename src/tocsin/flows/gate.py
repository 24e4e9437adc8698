"""Is a candidate as good as what there is? False alarms on normal rows that neither has learned, and made anomalies put into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from tocsin.core.types import Dataset
from tocsin.evaluation.metrics import average_precision
from tocsin.flows.guard import reach_of
from tocsin.flows.made import made
from tocsin.pipeline.calibration import runs
from tocsin.pipeline.pipeline import Pipeline

FALSE_ALARMS = "false alarms"
MEAN = "all kinds"
RAISED = "raised"
_SURE = 0.025  # a rate is above its promise when so many alarms would come by chance this rarely
_BEARABLE = 1.5  # p-values of a short series deliver up to that many times what they promise (decision/calibrate.py)
_KIND, _REACHED = 3.0, 2.0  # one kind alone, and the share that is raised, may lose that many times what all kinds may lose on average
_LOST = 4.0  # beyond that many times what can be borne, the present model has lost the rows
_TRIED = 6  # held-out stretches that anomalies are put into; each serves every kind
_EVENTS = 2  # in each copy of a stretch of a series
_ROUNDS = 8  # copies for each kind, of all stretches together
_RARE = 40  # rows of a table for each made anomaly
_USUAL = 0.01  # the cut that is looked at where the rule has none of its own


@dataclass(frozen=True)
class Line:
    """One measured figure. ``rows``: "old" or "new". ``what``: "false alarms" (share of normal rows), a kind of made anomaly or "all kinds"
    (average precision, of the latter the mean), or "raised" (share of made anomalies in which any row is raised). ``low`` to ``high``:
    the candidate's interval; ``bound``: the most false alarms, the least of all else; ``good``: the interval reaches the bound."""

    rows: str
    what: str
    present: float
    candidate: float
    low: float
    high: float
    bound: float
    good: bool


def measure(present: Pipeline, candidate: Pipeline, held: Sequence[Dataset], rows: str, *, worse: float, seed: int) -> list[Line]:
    """The lines of one side. ``held``: stretches of normal rows that neither model has learned (a table: one).

    ``worse``: how much average precision may be lost over all kinds. Every figure is measured on the same rows for both, so that luck in
    where the anomalies lie is luck for both.
    """
    alarms = _alarms(present, candidate, held, rows)
    return [alarms, *_detection(present, candidate, held, rows, worse, seed, alarms.present <= _BEARABLE * _LOST * promised(present))]


def refusals(table: Sequence[Line]) -> list[str]:
    """A sentence for each figure that does not pass."""
    said = []
    measured = {line.rows for line in table if line.what == MEAN}
    if measured == {"old"} and any(line.rows == "new" for line in table):
        said.append("The new rows stand still: no anomaly can be made in them, and nothing shows that the candidate finds any there.")
    for line in table:
        if line.good:
            continue
        if line.what == FALSE_ALARMS:
            said.append(f"On {line.rows} normal rows the candidate raises {line.candidate:.2%} (at least {line.low:.2%}), "
                        f"more than the promise allows: {line.bound:.2%}.")
        elif line.what == RAISED:
            said.append(f"In {line.rows} rows it raises {line.candidate:.0%} of the made anomalies, after {line.present:.0%} "
                        f"(at least {line.bound:.0%} is asked): its threshold has moved out of reach.")
        else:
            kind = "made anomalies" if line.what == MEAN else f"made anomalies of the kind {line.what!r}"
            said.append(f"In {line.rows} rows it finds {kind} worse: average precision {line.candidate:.3f} after {line.present:.3f} "
                        f"(at least {line.bound:.3f} is asked).")
    return said


def promised(model: Pipeline) -> float:
    """The share of normal rows that may be raised: the model's cut on p, or 1 % for a rule whose cut hangs on the batch."""
    value = float(model.threshold_.value)
    return value if value > 0 and not model.threshold_.of_batch else _USUAL


def _alarms(present: Pipeline, candidate: Pipeline, held: Sequence[Dataset], rows: str) -> Line:
    cut = promised(candidate)
    before, now = _counted(present, held, promised(present)), _counted(candidate, held, cut)
    n, flagged, events = now
    length = flagged / events if events else float(reach_of(candidate))  # neighbours alarm together: an event counts once
    low, high = (bound * length / n for bound in _interval(events))
    bound = _BEARABLE * cut
    return Line(rows, FALSE_ALARMS, before[1] / before[0], flagged / n, low, min(1.0, high), bound, low <= bound)


def _counted(model: Pipeline, held: Sequence[Dataset], cut: float) -> tuple[int, int, int]:
    """(rows, rows with p at most the cut, events of them: runs with gaps up to the detector's reach)."""
    n = flagged = events = 0
    reach = reach_of(model)
    for one in held:
        at = np.flatnonzero(model.detect(one).p_value <= cut)
        n, flagged = n + len(one), flagged + len(at)
        events += len(at) if one.kind != "series" else len(runs(at)) - int(np.sum((np.diff(at) > 1) & (np.diff(at) <= reach)))
    return n, flagged, events


def _detection(present: Pipeline, candidate: Pipeline, held: Sequence[Dataset], rows: str, worse: float, seed: int,
               sound: bool) -> list[Line]:
    """``sound``: the present model keeps its promise on these rows. Where it does not, everything is odd to it, anomalies too: how many
    it raises says nothing, nor which kind it happens to rank first; only the mean over the kinds is asked of the candidate."""
    chosen = _chosen(held)
    rounds = max(1, _ROUNDS // len(chosen))
    copies = [copy for i, one in enumerate(chosen) for copy in _copies(one, present, seed * 1_000 + i, rounds)]
    if not copies:
        return []
    tried = [[_found(model, copy) for model in (present, candidate)] for copy in copies]
    precision = np.array([[one for one, _ in pair] for pair in tried])  # (copies, 2)
    raised = np.array([[share for _, share in pair] for pair in tried])  # (copies, 2)
    kind_of, place_of = np.array([copy.kind for copy in copies]), np.array([copy.place for copy in copies])
    lines = [_line(rows, kind, precision[kind_of == kind], _KIND * worse, sound) for kind in dict.fromkeys(kind_of.tolist())]
    places = [place_of == place for place in np.unique(place_of)]  # kinds made in one place share their luck
    lines.append(_line(rows, MEAN, np.array([precision[here].mean(axis=0) for here in places]), worse, True))
    lines.append(_line(rows, RAISED, np.array([raised[here].mean(axis=0) for here in places]), _REACHED * worse, sound))
    return lines


@dataclass(frozen=True)
class _Copy:
    data: Dataset
    kind: str
    place: int


def _chosen(held: Sequence[Dataset]) -> list[Dataset]:
    """Up to six of the stretches, evenly spread."""
    return [held[i] for i in np.unique(np.linspace(0, len(held) - 1, min(_TRIED, len(held))).astype(int))]


def _copies(data: Dataset, present: Pipeline, seed: int, rounds: int) -> list[_Copy]:
    events = _EVENTS if data.kind == "series" else max(4, len(data) // _RARE)
    places = [seed * 100 + i for i in range(rounds)]
    return [_Copy(spoilt, kind, place) for place in places
            for kind, spoilt in made(data, seed=place, period=max(reach_of(present), 4), events=events)]


def _found(model: Pipeline, copy: _Copy) -> tuple[float, float]:
    """(average precision, share of the made anomalies in which a row is raised)."""
    y = np.zeros(len(copy.data), dtype=np.int64) if copy.data.y is None else copy.data.y
    found = model.detect(copy.data)
    flagged = found.p_value <= promised(model)
    events = runs(np.flatnonzero(y))
    return average_precision(y, found.score) or 0.0, float(np.mean([flagged[start:end].any() for start, end in events]))


def _line(rows: str, what: str, pairs: np.ndarray, loss: float, asked: bool) -> Line:
    """``pairs`` (copies, 2) of the present and the candidate. The candidate's interval is that of the paired difference, two standard
    errors wide on each side; it passes where the interval reaches the bound."""
    before, now = pairs.mean(axis=0)
    error = float((pairs[:, 1] - pairs[:, 0]).std(ddof=1) / np.sqrt(len(pairs))) if len(pairs) > 1 else 0.0
    low, high = max(0.0, float(now) - 2 * error), min(1.0, float(now) + 2 * error)
    bound = max(0.0, float(before) - loss) if asked else 0.0
    return Line(rows, what, float(before), float(now), low, high, bound, high >= bound)


def _interval(count: int) -> tuple[float, float]:
    """Bounds of the mean number of independent events of which ``count`` came (Garwood 1936), each wrong in one case of forty.

    >>> [round(bound, 2) for bound in _interval(3)]
    [0.62, 8.77]
    """
    low = 0.0 if count == 0 else _solved(lambda mean: 1 - _at_most(count - 1, mean), _SURE, count)
    return low, _solved(lambda mean: 1 - _at_most(count, mean), 1 - _SURE, count)


def _at_most(count: int, mean: float) -> float:
    """The chance of at most ``count`` events when ``mean`` are expected (Poisson)."""
    if mean > 700:  # exp underflows; so many events are as good as normal
        from statistics import NormalDist

        return NormalDist(mean, mean**0.5).cdf(count + 0.5)
    term = total = exp(-mean)
    for i in range(1, count + 1):
        term *= mean / i
        total += term
    return total


def _solved(rising: Callable[[float], float], wanted: float, count: int) -> float:
    low, high = 0.0, 10.0 + 3.0 * count
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
