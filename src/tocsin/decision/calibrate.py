"""Score → p: how often a normal row scores at least this high.

Calibrators see only scores of rows that the detector was not fitted on (held out or cross-fitted); scores of training rows are too
low, and p-values made from them promise too few false alarms.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, Self

import numpy as np

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.state import Stateful
from tocsin.decision import tail as tails
from tocsin.decision.cluster import peaks
from tocsin.decision.trim import keep

FEWEST = 2
SMALLEST_P = 1e-300
_HUGE, _HUGE_UNIT = 1e280, 2.0**80  # beyond, scores are divided (by a power of two: exactly), so that no sum overflows


class Calibrator(Stateful, ABC):
    """Abstract. ``fit(scores)``, ``transform(scores)`` → p in (0, 1], ``inverse(p)`` → score. A higher score never has a higher p."""

    @abstractmethod
    def fit(self, scores: Any, *, block: int = 1) -> Self:
        """Learn from ``scores`` (m,) of normal rows. ``block``: steps after which scores of a series count as independent."""

    @abstractmethod
    def transform(self, scores: Any) -> np.ndarray:
        """(n,) p-values in (0, 1]."""

    def inverse(self, p: Any) -> Any:
        """The smallest score whose p-value is at most ``p``, for one number or (n,): inf when there is none, −inf for p >= 1.

        Found by halving the range of floats itself, so that ``score >= inverse(p)`` and ``transform(score) <= p`` are one decision.
        """
        wanted = np.asarray(p, dtype=float)
        if np.isnan(wanted).any():
            raise DataError("TOC-110", "a p-value is NaN", came=f"{int(np.isnan(wanted).sum())} of {wanted.size}",
                            todo="pass numbers from 0 to 1")
        flat = np.atleast_1d(wanted).ravel()
        low = np.full(flat.shape, _rank(-np.finfo(float).max) - 1)  # the rank of −inf
        high = np.full(flat.shape, _rank(np.finfo(float).max) + 1)  # the rank of inf
        for _ in range(65):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)  # their difference would overflow
            reached = self.transform(np.clip(_unrank(middle), -np.finfo(float).max, np.finfo(float).max)) <= flat
            high, low = np.where(reached, middle, high), np.where(reached, low, np.minimum(middle + 1, high))
        score = np.where(flat >= 1, -np.inf, _unrank(high))
        return float(score[0]) if wanted.ndim == 0 else score.reshape(wanted.shape)


class Conformal(Calibrator):
    """Conformal p-values up to the largest calibration score, an extreme-value tail beyond it.

    Idea. With m scores of normal rows, a new normal row exceeds the j-th largest with probability j / (m + 1), whatever their law.
    So p at that score is j / (m + 1), and between two scores log p runs straight: rejecting at p <= a raises false alarms at the
    rate a, exactly on average over calibration sets when a is a multiple of 1 / (m + 1), and within 1 / (m + 1) else. Tied scores
    take the conformal value (1 + how many are at least as high) / (m + 1), which is never too small. Beyond the largest score, at
    1 / (m + 1), rank says nothing more; a generalised Pareto tail goes on from there (see ``tail.py``): an extrapolation, not a guarantee.

    Works when future normal rows are like those that gave the scores. Does not when they drift, when the detector was fitted on
    the same rows, or, in the tail, when few scores come from a bounded law (it then raises too few alarms, not too many).

    Series. With ``block`` > 1 (a window's length: scores that far apart share no data), neighbours that exceed together are one cluster.
    ``effective_`` (m times clusters per exceedance, the extremal index) takes the place of m, and the tail is fitted to cluster
    peaks: p is the chance for one point of a fresh stretch, on average. Points of one stretch still alarm together, and nothing is
    promised for them jointly. Few clusters cannot tell the shape of their tail, so a prior from hydrology helps (``tail.FEW``).
    Asked 1 %, simulated series of 240-2000 steps with blocks of 12-64 (autoregressive, squared, moving sums, lognormal; 20 to 2000
    effective scores) delivered 0.6-1.6 % on average over series, lognormal ones up to 2.1 %; a single short series strays further.

    trim       calibration scores may hold anomalies: those that the bulk's own tail finds impossible are left out (see ``trim.py``);
               of a series, whole clusters with their flanks
    tail       "pareto", "exponential" (for scores known to fall off that fast), or "none": p ends at 1 / (m + 1), far outliers tie

    Learned: ``scores_`` as given, ``count_`` used, ``effective_``, ``trimmed_``. Raises DataError TOC-110 (NaN), TOC-113 (few), TOC-115,
    ConfigError TOC-240, StateError TOC-340 (not fitted). Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
    2005; Pickands, 1975; Ferro and Segers (extremal index), 2003; Bates et al. (conformal outlier p-values), 2023.

    >>> model = Conformal().fit(np.arange(99.0))
    >>> model.transform([49.0, 98.0]).round(3).tolist()
    [0.5, 0.01]
    >>> bool(model.transform([200.0])[0] > model.transform([300.0])[0] > 0)
    True
    >>> round(model.inverse(0.05), 6)
    94.0
    """

    def __init__(self, tail: Literal["pareto", "exponential", "none"] = "pareto", trim: bool = False) -> None:
        if tail not in ("pareto", "exponential", "none"):
            raise ConfigError("TOC-240", "there is no tail of this name", came=repr(tail), todo="use 'pareto', 'exponential' or 'none'")
        self.tail = tail
        self.trim = trim

    def fit(self, scores: Any, *, block: int = 1) -> Self:
        """Learn from ``scores`` (m,), in time order when ``block`` > 1."""
        scores = _finite(scores)
        if len(scores) < FEWEST:
            raise DataError("TOC-113", f"at least {FEWEST} calibration scores are needed", came=f"{len(scores)}",
                            todo="hold out more normal rows")
        if block < 1:
            raise ConfigError("TOC-240", "a block has at least one step", came=repr(block), todo="pass block=1 for independent rows")
        self._forget()
        self.scores_ = scores.copy()  # whole, so that a threshold can be fitted anew
        self.unit_ = _HUGE_UNIT if np.abs(scores).max() > _HUGE else 1.0
        scores = scores / self.unit_
        kept = keep(scores, block) if self.trim else np.ones(len(scores), dtype=bool)
        self.trimmed_ = int((~kept).sum())
        self._learn(scores, kept, block)
        return self

    def transform(self, scores: Any) -> np.ndarray:
        """(n,) p in (0, 1]; 1 below every calibration score. +inf is allowed and gives the smallest p."""
        if "knots_" not in vars(self):
            raise StateError("TOC-340", "this calibrator has not been fitted", todo="call fit with scores of held-out normal rows first")
        scores = np.asarray(scores, dtype=float)
        if np.isnan(scores).any():
            raise DataError("TOC-110", "scores to calibrate hold NaN", came=f"{int(np.isnan(scores).sum())} of {scores.size}",
                            todo="score finite rows only")
        scores = scores / self.unit_
        log_p = np.where(scores > self.knots_[-1], self._beyond(scores), self._within(scores))
        return np.maximum(np.exp(np.minimum(log_p, 0.0)), SMALLEST_P)

    def _learn(self, scores: np.ndarray, kept: np.ndarray, block: int) -> None:
        found = peaks(scores, kept, block)
        m = int(kept.sum())
        self.count_, self.effective_ = m, m * found.share
        self.knots_, times = np.unique(scores[kept], return_counts=True)  # (q,) each
        above = m - np.cumsum(times)  # how many are strictly higher
        self.log_above_ = self._log_p(above / m)  # just above a knot
        at = np.where(times > 1, above + times, above)  # at a knot: conformal where tied, continuous else
        self.log_at_ = self._log_p(at / m)
        tail = self._tail(found.excesses, found.level, tails.FEW if block > 1 else None)
        self.tail_scale_, self.tail_ = tail.scale, tail.log_survival

    def _log_p(self, share: np.ndarray) -> np.ndarray:
        return np.asarray(np.log((self.effective_ * share + 1) / (self.effective_ + 1)))

    def _tail(self, excesses: np.ndarray, level: float, prior: tails.Prior | None) -> tails.Tail:
        start = float(self.knots_[-1])
        if self.tail == "none":
            return tails.Tail(start, 1.0, np.zeros(len(tails.KNOTS)))
        if not len(excesses):
            return tails.degenerate(start)
        if self.tail == "exponential":
            return tails.exponential(excesses, start, level)
        return tails.pareto(excesses, start, level, prior=prior)

    def _beyond(self, scores: np.ndarray) -> np.ndarray:
        if self.tail == "none":
            return np.full(scores.shape, float(self.log_above_[-1]))
        return tails.Tail(float(self.knots_[-1]), self.tail_scale_, self.tail_)(scores) + float(self.log_above_[-1])

    def _within(self, scores: np.ndarray) -> np.ndarray:
        """log p up to the largest knot: the knot's own value, or on the line from just above the one below."""
        upper = np.clip(np.searchsorted(self.knots_, scores), 0, len(self.knots_) - 1)
        lower = np.maximum(upper - 1, 0)
        low, high = self.knots_[lower], self.knots_[upper]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(high > low, (np.clip(scores, self.knots_[0], self.knots_[-1]) - low) / (high - low), 1.0)
        top, bottom = self.log_above_[lower], self.log_at_[upper]
        line = np.clip(top + (bottom - top) * part, bottom, top)  # clipped: monotone in the last bit, too
        value = np.where(scores == self.knots_[upper], bottom, line)
        return np.where(scores < self.knots_[0], 0.0, value)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned(learned)
        arrays = [np.asarray(learned.get(name, ()), dtype=float) for name in ("knots_", "log_at_", "log_above_", "tail_")]
        q, sizes = arrays[0].size, [array.shape for array in arrays]
        good = q > 0 and sizes == [(q,)] * 3 + [tails.KNOTS.shape] and all(np.isfinite(array).all() for array in arrays)
        if not good or not min(float(learned.get(name, 0)) for name in ("tail_scale_", "unit_")) > 0:
            self._forget()
            raise ArtifactError("TOC-410", "the calibration is not of the expected form", came=str(sizes)[:200],
                                todo="load a file that this version of tocsin wrote")


CALIBRATORS: dict[str, type[Calibrator]] = {"conformal": Conformal}


def _finite(scores: Any) -> np.ndarray:
    out = np.asarray(scores, dtype=float)
    if out.ndim != 1:
        raise DataError("TOC-115", "calibration scores are one number per row", came=f"shape {out.shape}", todo="pass (m,) scores")
    bad = int((~np.isfinite(out)).sum())
    if bad:
        raise DataError("TOC-110", "calibration scores hold NaN or infinity", came=f"{bad} of {len(out)}",
                        todo="score finite rows; report a bug when a tocsin detector produced them")
    return out


def _rank(value: float) -> int:
    """Floats in their order as integers: neighbours differ by one."""
    bits = int(np.float64(value).view(np.int64))
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _unrank(ranks: np.ndarray) -> np.ndarray:
    """(n,) the floats of these ranks."""
    size = np.abs(ranks).astype(np.int64).view(np.float64)
    return np.asarray(np.where(ranks < 0, -size, size))
