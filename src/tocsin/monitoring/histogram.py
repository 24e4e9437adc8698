"""What one column looked like in training: bins, how they were filled, and whether later rows fill them otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from tocsin.monitoring.memory import Memory, in_order, recall

_BINS = 10
_FEW = 12  # different values up to which each has its bin
_FEWEST = 5.0  # rows expected in a cell of a test
_RARE = 0.01  # levels below this share are one
_MOST_LEVELS = 200
_TOLD = 5  # levels whose shares are tested one by one


@dataclass(frozen=True)
class Histogram:
    """Training rows in the bins that ``edges`` (numbers) or ``levels`` (names) make.

    codes   (m,) bin of each row that is known          at      (m,) its place among the ``total`` training rows, rising
    bins    how many bins                               series  rows are steps of a series, and neighbours are alike
    reach   of a series, steps that share a window      mean, spread, ends   of numbers, NaN else
    """

    codes: np.ndarray
    at: np.ndarray
    total: int
    bins: int
    series: bool
    reach: int = 1
    edges: np.ndarray | None = None
    levels: tuple[Any, ...] | None = None
    mean: float = float("nan")
    spread: float = float("nan")
    ends: tuple[float, float] = (float("nan"), float("nan"))

    @classmethod
    def of_numbers(cls, values: np.ndarray, at: np.ndarray, total: int, *, series: bool = False, reach: int = 1) -> Histogram:
        """Ten bins of equal share; where there are few different values, one bin for each."""
        values = _rounded(values)  # scaling and back moves the last digits
        different = np.unique(values)
        between = (different[1:] + different[:-1]) / 2  # edges lie between values, so that equal ones never part
        if len(different) <= _FEW:
            edges = between
        else:
            cuts = np.searchsorted(different, np.quantile(values, np.arange(1, _BINS) / _BINS), side="right") - 1
            edges = between[np.unique(np.clip(cuts, 0, len(between) - 1))]
        return cls(np.searchsorted(edges, values, side="right"), at, total, len(edges) + 1, series, reach, edges, None,
                   float(values.mean()), float(values.std()), (float(values.min()), float(values.max())))

    @classmethod
    def of_levels(cls, values: list[Any], at: np.ndarray, total: int, *, series: bool = False, reach: int = 1) -> Histogram:
        """One bin a level, and a last one for rare and new ones."""
        names, times = np.unique([str(value) for value in values], return_counts=True)
        known = tuple(names[times >= _RARE * len(values)].tolist()) if len(names) <= _MOST_LEVELS else ()
        empty = cls(np.zeros(0, dtype=np.int64), at, total, len(known) + 1, series, reach, None, known)
        return cls(empty.place(values), at, total, len(known) + 1, series, reach, None, known)

    @cached_property
    def counts(self) -> np.ndarray:
        """(b,) training rows in each bin."""
        return np.bincount(self.codes, minlength=self.bins)

    def place(self, values: Any) -> np.ndarray:
        """(n,) the bin of each value: numbers (n,), or names."""
        if self.edges is not None:
            return np.searchsorted(self.edges, values, side="right")
        known = {name: i for i, name in enumerate(self.levels or ())}
        return np.array([known.get(str(value), self.bins - 1) for value in values], dtype=np.int64)

    def name_of(self, code: int) -> str:
        return "other" if self.levels is None or code >= len(self.levels) else str(self.levels[code])

    def worth(self, n: int) -> float:
        """How many independent rows n rows that follow each other are worth."""
        return float(n) if self._memory is None else min(float(n), self._memory.worth(n))

    def compare(self, seen: np.ndarray) -> tuple[float, float]:
        """(p-value, population stability index) of ``seen`` (b,) counts of later rows against training.

        Independent rows: two-sample chi-square on the shares (Pearson), bins with few expected rows merged. Rows whose neighbours are
        alike (a series; a table in an order that matters): where a number lies and how it scatters, or how often a level comes, as
        means over stretches of training, against the mean now, see :mod:`tocsin.monitoring.memory`.

        The index is freed of its bias and is 0 where nothing differs. For a normal column 0.1 is a shift of a third of a standard
        deviation, 0.25 of half of one.
        """
        n = float(seen.sum())
        if n == 0 or (self.counts > 0).sum() + (seen[self.counts == 0].sum() > 0) < 2:
            return 1.0, 0.0
        base, now = _merged(self.counts.astype(float), seen.astype(float))
        m_worth, n_worth = self.worth(len(self.codes)), self.worth(int(n))
        p, q = base / base.sum(), now / n
        value = _chi_square(p, q, m_worth, n_worth) if self._memory is None else self._memory.compare(self._features @ (seen / n), int(n))
        return value, _stability(p, q, m_worth, n_worth)

    @cached_property
    def _features(self) -> np.ndarray:
        """(f, b) what each bin adds to the means that are compared: of numbers their normal score and its square, of levels the
        commonest ones' indicators."""
        if self.levels is not None:
            return np.eye(self.bins)[np.argsort(-self.counts, kind="stable")[:_TOLD]]
        middle = (np.cumsum(self.counts) - 0.5 * self.counts) / max(self.counts.sum(), 1)
        score = special.ndtri(np.clip(middle, 1e-6, 1 - 1e-6))
        return np.stack([score, score**2])

    @cached_property
    def _memory(self) -> Memory | None:
        """How alike neighbours are; None when rows are independent."""
        if not self.series and not in_order(self.codes, self.at, self.total, self.bins):
            return None
        return recall(self._features[:, self.codes], self.at, self.total, self.reach if self.series else 0)


def _chi_square(p: np.ndarray, q: np.ndarray, m: float, n: float) -> float:
    if len(p) < 2:
        return 1.0
    pooled = (m * p + n * q) / (m + n)
    return float(special.chdtrc(len(p) - 1, n * m / (n + m) * float(((q - p) ** 2 / pooled).sum())))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Ten significant digits."""
    unit = 10.0 ** np.clip(np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values)))) - 9, -290, 290)
    return np.asarray(np.round(values / unit) * unit)


def _merged(base: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins with fewer than five rows expected in either sample, joined with their right neighbour (the last one with its left)."""
    share = (base + seen) / max(base.sum() + seen.sum(), 1.0)
    least = share * min(base.sum(), seen.sum())
    groups, held = np.zeros(len(base), dtype=np.int64), 0.0
    for i in range(len(base)):
        groups[i:] += int(i > 0 and held >= _FEWEST)
        held = least[i] if i > 0 and held >= _FEWEST else held + least[i]
    if held < _FEWEST and groups[-1] > 0:
        groups[groups == groups[-1]] -= 1
    return np.bincount(groups, weights=base), np.bincount(groups, weights=seen)


def _stability(p: np.ndarray, q: np.ndarray, m: float, n: float) -> float:
    b = len(p)
    p, q = (m * p + 0.5) / (m + 0.5 * b), (n * q + 0.5) / (n + 0.5 * b)
    return float(max(((q - p) * np.log(q / p)).sum() - (b - 1) * (1 / m + 1 / n), 0.0))
