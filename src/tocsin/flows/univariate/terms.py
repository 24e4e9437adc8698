"""What is asked of a series, and whether the series can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import DataError

FEWEST, MOST = 12, 8640


@dataclass(frozen=True)
class Terms:
    """How to judge a series.

    ``granularity`` and ``interval`` are its clock, ``period`` the length of its season in slots (0 = find it), ``impute`` and ``fixed``
    what to do with gaps. ``sensitivity`` (0-99) sets how near the boundaries are: 99 the nearest, each step down 4.5 % wider. No larger
    share of the points than ``max_ratio`` is flagged.
    """

    granularity: str = "none"
    interval: int = 1
    period: int = 0
    max_ratio: float = 0.25
    sensitivity: int = 99
    impute: str = "auto"
    fixed: float = 0.0


def check(values: np.ndarray) -> np.ndarray:
    """``values`` (n,) as floats when a judgement can be made from them. Raises DataError TOC-180: too few, too many, or not finite."""
    values = np.asarray(values, dtype=float)
    if not FEWEST <= len(values) <= MOST:
        raise DataError("TOC-180", f"a series has {FEWEST} to {MOST} points", came=f"{len(values)} points",
                        todo="send more points, a window of the series, or a coarser granularity")
    if not np.isfinite(values).all():
        raise DataError("TOC-180", f"the value at index {int(np.argmin(np.isfinite(values)))} is not a finite number",
                        todo="leave the point out; gaps are filled as imputeMode says")
    return values


def check_period(period: int, length: int) -> None:
    """Raises DataError TOC-182 when a stated ``period`` was not seen twice in ``length`` slots."""
    if period and length < 2 * period + 1:
        raise DataError("TOC-182", "the series must hold more than two periods", came=f"period {period}, {length} points",
                        todo="send more points, a shorter period, or 0 to have it found")
