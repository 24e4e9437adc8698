"""p → decision. A threshold is a cut on p: a row is an anomaly when its p-value is at most the cut.

Thresholds see p-values, not scores, so that they can be moved after fitting without touching detector or calibrator.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, cast

import numpy as np

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import Stateful


class Threshold(Stateful, ABC):
    """Abstract. ``fit(p, y=None)`` on p-values of held-out rows, then ``value`` and ``decide(p)`` → bool (n,).

    ``of_batch``: the decision on a row depends on the other rows judged with it, so that rows cannot be judged in pieces.
    """

    of_batch: ClassVar[bool] = False

    def fit(self, p: Any, y: Any = None) -> Self:
        """Learn the cut. ``p`` (m,) in [0, 1]; ``y`` (m,) of 0 and 1. Raises DataError TOC-110, TOC-112, TOC-115, TOC-117."""
        p = _p_values(p)
        if not len(p):
            raise DataError("TOC-112", "there are no p-values to learn a threshold from", todo="hold out at least one row")
        y = _labels(y, len(p))
        self._forget()
        self.value_ = float(self._learn(p, y))
        return self

    @property
    def value(self) -> float:
        """The cut on p. Raises StateError TOC-341 before ``fit``."""
        self._fitted()
        return self.value_

    def cut(self, p: Any) -> float:
        """The cut that ``decide`` applies to the batch ``p``: ``value``, but for ``FalseDiscovery``."""
        return self.value

    def decide(self, p: Any) -> np.ndarray:
        """(n,) True for anomalies. Raises StateError TOC-341 before ``fit``."""
        p = _p_values(p)
        self._fitted()
        return cast(np.ndarray, p <= self.cut(p))

    @abstractmethod
    def _learn(self, p: np.ndarray, y: np.ndarray | None) -> float:
        """The cut, from checked p-values and labels."""

    def _fitted(self) -> None:
        if "value_" not in vars(self):
            raise StateError("TOC-341", f"this {type(self).__name__} has not been fitted", todo="call fit with held-out p-values first")


class FalseAlarmRate(Threshold):
    """Of normal rows, this share raises an alarm (default 1 %). The cut is the rate itself; nothing is learned.

    Works wherever p-values are right. The number of alarms grows with the number of rows judged: see ``FalseDiscovery``.

    >>> FalseAlarmRate(0.05).fit([0.5]).decide([0.01, 0.05, 0.06]).tolist()
    [True, True, False]
    """

    def __init__(self, rate: float = 0.01) -> None:
        self.rate = _share("rate", rate)

    def _learn(self, p: np.ndarray, y: np.ndarray | None) -> float:
        return self.rate


class FalseDiscovery(Threshold):
    """Of the alarms of a batch, this share is false, on average (Benjamini and Hochberg, 1995).

    The one threshold whose decision on a row depends on the batch: the p-values do not, the cut does. The largest cut c is taken
    at which c · n is at most ``rate`` times the number of p-values up to c. Conformal p-values share their calibration scores and so are
    positively dependent, under which the promise holds (Bates et al., 2023); for neighbouring points of a series it need not.
    ``value`` is the cut found on the p-values of ``fit``, 0 when nothing stood out there.

    >>> FalseDiscovery(0.1).fit([0.5]).decide([0.001, 0.02, 0.3, 0.7]).tolist()
    [True, True, False, False]
    """

    of_batch: ClassVar[bool] = True

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = _share("rate", rate)

    def cut(self, p: Any) -> float:
        """The largest p-value that Benjamini-Hochberg rejects in the batch ``p``; 0 when it rejects none."""
        p = np.sort(_p_values(p))
        passed = np.flatnonzero(p <= self.rate * np.arange(1, len(p) + 1) / max(len(p), 1))
        return float(p[passed[-1]]) if len(passed) else 0.0

    def _learn(self, p: np.ndarray, y: np.ndarray | None) -> float:
        return self.cut(p)


class Contamination(Threshold):
    """The share of rows that are anomalies is known: the cut is the p-value below which that share of the rows of ``fit`` lies.

    Learned at ``fit``, not in the judged batch, so that a row's decision does not hang on its batch mates; batches with more
    anomalies than the rows of ``fit`` get more alarms. The number flagged there is rounded to the nearest row; with ties at the cut
    fewer are flagged, never more. When the rows of ``fit`` are all normal, this is ``FalseAlarmRate(share)`` up to chance.

    >>> Contamination(0.25).fit([0.9, 0.02, 0.5, 0.4]).decide([0.02, 0.03, 0.4]).tolist()
    [True, False, False]
    """

    def __init__(self, share: float) -> None:
        self.share = _share("share", share)

    def _learn(self, p: np.ndarray, y: np.ndarray | None) -> float:
        ordered = np.sort(p)
        count = min(round(self.share * len(p)), len(p))
        while 0 < count < len(p) and ordered[count] == ordered[count - 1]:
            count = int(np.searchsorted(ordered, ordered[count - 1]))
        return float(ordered[count - 1]) if count else 0.0


class Cost(Threshold):
    """A false alarm costs ``false_alarm``, a missed anomaly ``miss``; ``share`` of the rows are anomalies. The cheapest cut.

    With labels of both classes at ``fit``: the cut with the least cost per row on the rows of ``fit``, the classes weighted to ``share``
    (labelled sets rarely hold anomalies at their true rate). Of equally cheap cuts the smallest: fewest alarms. Needs some dozens of
    labelled anomalies to be worth more than the rule without labels.

    Without labels the rows of ``fit`` are normal, their p-values uniform: they cannot tell how anomalies score. A two-group model stands
    in: p of normal rows is uniform, p of anomalies has density a·p^(a−1) with a = 0.2 (half of the anomalies below p = 0.03, a usual
    detector). Bayes' rule then flags p <= (share · miss · a / ((1 − share) · false_alarm))^(1 / (1 − a)), at most 1.

    >>> round(Cost(miss=10, share=0.01).fit([0.5]).value, 4)
    0.0076
    """

    SHARPNESS = 0.2

    def __init__(self, false_alarm: float = 1, miss: float = 10, share: float = 0.01) -> None:
        for name, cost in (("false_alarm", false_alarm), ("miss", miss)):
            if not (_is_number(cost) and 0 < cost < math.inf):
                raise ConfigError("TOC-241", f"{name} is a cost above 0", came=repr(cost), todo="give a positive number")
        self.false_alarm, self.miss, self.share = float(false_alarm), float(miss), _share("share", share)

    def _learn(self, p: np.ndarray, y: np.ndarray | None) -> float:
        if y is not None and 0 < y.sum() < len(y):
            return self._cheapest(p, y)
        odds = self.share * self.miss / max((1 - self.share) * self.false_alarm, 1e-300)
        log_cut = (math.log(odds) + math.log(self.SHARPNESS)) / (1 - self.SHARPNESS)
        return math.exp(min(log_cut, 0.0))

    def _cheapest(self, p: np.ndarray, y: np.ndarray) -> float:
        cuts = np.concatenate([[0.0], np.unique(p)])
        normal, odd = np.sort(p[y == 0]), np.sort(p[y == 1])
        alarms = np.searchsorted(normal, cuts, side="right") / len(normal)
        missed = 1 - np.searchsorted(odd, cuts, side="right") / len(odd)
        cost = (1 - self.share) * self.false_alarm * alarms + self.share * self.miss * missed
        return float(cuts[int(np.argmin(cost))])


THRESHOLDS: dict[str, type[Threshold]] = {"false_alarm_rate": FalseAlarmRate, "false_discovery": FalseDiscovery,
                                          "contamination": Contamination, "cost": Cost}
_SHORT = {"far": "false_alarm_rate", "fdr": "false_discovery"}


def parse(text: str) -> Threshold:
    """A threshold from the command line: ``false_alarm_rate=0.02``, ``fdr=0.1``, ``contamination=5%``, ``cost=1:10`` or
    ``cost=1:10:0.02`` (false alarm : miss : share of anomalies). Raises ConfigError TOC-242 for other forms, TOC-241 for other values.

    >>> parse("fdr=0.2")
    FalseDiscovery(rate=0.2)
    >>> parse("cost=1:20")
    Cost(miss=20.0)
    """
    name, equals, values = text.strip().partition("=")
    name = name.strip().lower().replace("-", "_")
    cls = THRESHOLDS.get(_SHORT.get(name, name))
    if cls is None or (equals and not values.strip()):
        raise _unreadable(text)
    if not equals and cls is not Contamination:
        return cls()
    try:
        numbers = [_number(part) for part in values.split(":")]
    except ValueError:
        raise _unreadable(text) from None
    if len(numbers) not in ((2, 3) if cls is Cost else (1,)):
        raise _unreadable(text)
    return cls(*numbers)


def _number(text: str) -> float:
    text = text.strip()
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _unreadable(text: str) -> ConfigError:
    return ConfigError("TOC-242", "this is not a threshold", came=repr(text)[:200],
                       todo="use false_alarm_rate=0.01, false_discovery=0.1 (fdr), contamination=0.05 or cost=1:10")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _share(name: str, value: Any) -> float:
    if not (_is_number(value) and 0 < value < 1):
        raise ConfigError("TOC-241", f"{name} is a share between 0 and 1", came=repr(value), todo="0.01 stands for 1 %")
    return float(value)


def _p_values(p: Any) -> np.ndarray:
    out = np.asarray(p, dtype=float)
    if out.ndim != 1:
        raise DataError("TOC-115", "p-values are one number per row", came=f"shape {out.shape}", todo="pass (n,) p-values")
    if not ((out >= 0) & (out <= 1)).all():  # False for NaN, too
        raise DataError("TOC-110", "p-values are numbers from 0 to 1", came=f"{int((~((out >= 0) & (out <= 1))).sum())} others",
                        todo="pass what Calibrator.transform gives")
    return out


def _labels(y: Any, n: int) -> np.ndarray | None:
    if y is None:
        return None
    out = np.asarray(y)
    if out.shape != (n,) or not np.isin(out, (0, 1)).all():
        raise DataError("TOC-117", "labels are 0 (normal) and 1 (anomaly), one per row", came=f"{out.dtype} {out.shape} for {n} rows",
                        todo="pass one 0 or 1 per row")
    return out.astype(np.int64)
