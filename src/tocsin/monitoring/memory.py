"""How long rows remember their neighbours, and what a mean of rows is worth when they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, special

_STRETCHES = (2, 100)  # fewest and most that the training rows are cut into
_APART = 10  # a stretch is so many times as long as the memory, so that means of stretches are nearly independent
_WHOLE = 0.9  # share of the steps that must be known to measure the memory itself
_COARSE = 8  # long stretches of a table
_SPARSE = 50  # stretches where it cannot be measured
_PER_STRETCH = 5  # known rows in a stretch of a table
_LUCK = 0.01  # how often independent rows of a table pass for rows in an order


@dataclass(frozen=True)
class Memory:
    """``means`` (k, f) of f features over k stretches of ``length`` training rows; ``within`` (f,) variances of single rows; ``slow``:
    rows that one independent row is worth, where that could be measured (1 else)."""

    means: np.ndarray
    length: float
    within: np.ndarray
    slow: float

    def compare(self, now: np.ndarray, n: int) -> float:
        """The p-value of ``now`` (f,), the features' means over n rows: two-sided t, and Bonferroni over the features.

        Stretches that are longer than the memory have independent, nearly normal means (batch means, Conway 1963), so the mean of n
        rows, worth n / length stretches, is one more draw of the same law: t with k − 1 degrees of freedom. It counts exactly as much
        doubt as there were stretches to learn from. A look shorter than the memory is taken to be worth less than it is.
        """
        k = len(self.means)
        if k < _STRETCHES[0]:
            return 1.0
        spread = self.means.std(axis=0, ddof=1)
        scale = spread * np.sqrt(self.length / n + 1 / k)
        far = np.abs(now - self.means.mean(axis=0)) > 1e-9
        t = np.divide(now - self.means.mean(axis=0), scale, out=np.where(far, np.inf, 0.0), where=scale > 1e-12)
        return float(min(1.0, len(t) * 2 * special.stdtr(k - 1, -np.abs(t)).min()))

    def worth(self, n: int) -> float:
        """How many independent rows n rows are worth: by how the first feature's means stray, or by the memory, whichever says less."""
        if len(self.means) < _STRETCHES[0]:
            return 1.0
        variance = float(self.means[:, 0].var(ddof=1))
        return max(1.0, min(n / self.slow, float(self.within[0]) / max(variance * self.length / n, 1e-12)))


def recall(features: np.ndarray, at: np.ndarray, total: int, reach: int) -> Memory:
    """The memory of training rows: ``features`` (f, m) at their places ``at`` (m,), rising, among ``total`` rows.

    Where nearly all steps are known, a stretch is ten times as long as the integrated autocorrelation of the slowest feature, and at
    least two windows (``reach``) long: a season is inside. Else the rows are cut into 50 stretches. A training series of few
    stretches leaves few degrees of freedom; of one or none it leaves nothing that could be sure.
    """
    measured = bool(reach) and len(at) >= _WHOLE * total
    slow = max(_slowness(line) for line in features) if measured else 1.0
    length = max(_APART * slow, 2.0 * reach) if measured else total / _SPARSE
    count = int(np.clip(total / max(length, 1.0), *_STRETCHES))
    count = max(_STRETCHES[0], min(count, len(at) // _PER_STRETCH))
    block = np.minimum(at * count // max(total, 1), count - 1).astype(np.int64)
    size = np.bincount(block, minlength=count)
    full = size >= 0.5 * size.max()
    means = np.stack([np.bincount(block, weights=line, minlength=count)[full] / size[full] for line in features], axis=1)
    return Memory(means, total / count, features.var(axis=1), slow)


def in_order(codes: np.ndarray, at: np.ndarray, total: int, bins: int) -> bool:
    """Whether stretches of a table's rows differ more than independent rows would, short stretches or long ones (chi-square at 1 %)."""
    for count in {max(_COARSE, min(_STRETCHES[1], len(codes) // _PER_STRETCH)), _COARSE}:
        table = np.zeros((count, bins))
        np.add.at(table, (np.minimum(at * count // max(total, 1), count - 1).astype(np.int64), codes), 1)
        table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
        if freedom:
            expected = table.sum(axis=1, keepdims=True) * (table.sum(axis=0) / table.sum())
            if ((table - expected) ** 2 / expected).sum() > special.chdtri(freedom, _LUCK / 2):
                return True
    return False


def _slowness(line: np.ndarray) -> float:
    """Steps that one independent step is worth: 1 + 2 Σ autocorrelation, up to where pairs of it turn negative (Geyer 1992)."""
    n = len(line)
    centred = line - line.mean()
    power = np.abs(fft.rfft(centred, fft.next_fast_len(2 * n))) ** 2
    products = fft.irfft(power, fft.next_fast_len(2 * n))[: n // 4]
    if products[0] <= 1e-12 * n:
        return 1.0
    r = products / products[0]
    pairs = r[: len(r) // 2 * 2].reshape(-1, 2).sum(axis=1)
    end = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    return max(1.0, float(2 * pairs[:end].sum() - 1))
