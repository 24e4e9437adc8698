"""How far around a time step its score looks, measured: a detector is asked to judge stretches of made-up rows and the whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError

Function = Callable[[np.ndarray], np.ndarray]


class Reach(NamedTuple):
    """Step i of a segment is final when ``ahead`` more steps are known (or the segment ends) and ``opening`` steps at least; its
    score comes out of any stretch of the segment that starts ``back`` steps before it or earlier, at a multiple of ``align``. At the
    segment's end, where windows may slide inwards, the stretch must reach ``tail`` steps before the last one."""

    back: int
    ahead: int
    align: int = 1
    opening: int = 0
    tail: int = 0

    def start(self, step: int) -> int:
        """Where a stretch for ``step`` begins."""
        return max(0, (step - self.back) // self.align * self.align)

    def start_at_end(self, step: int, last: int) -> int:
        """Where a stretch for ``step`` and all after it begins when the segment ends with ``last``."""
        return max(0, min(step - self.back, last - self.tail) // self.align * self.align)


def window_of(detector: Detector) -> int:
    """Steps in a window of a fitted series detector; 1 when it names none."""
    shape = getattr(detector, "shape_", None)  # of a network: its real window may be longer than asked
    declared = getattr(detector, "longest", None) or getattr(detector, "window_", None)  # of several windows, the longest counts
    return int(declared or (shape[0] if shape is not None else None) or detector.params().get("window") or 1)


def reach_of(detector: Detector) -> Reach:
    """The reach of a fitted series detector that is not online.

    Measured, not declared: detectors differ in windows, strides, smoothing and what they do at a segment's ends. Only forecasting networks
    say it themselves: they judge in blocks, and what they borrow before the first one is settled by all of its rows.
    Raises ConfigError TOC-276 when no reach up to eight windows makes stretches score as the whole does.

    >>> from tocsin.core import catalog
    >>> reach_of(catalog.make("windows", window=8).fit(np.sin(np.arange(100) / 3)))
    Reach(back=7, ahead=7, align=1, opening=15, tail=7)
    """
    parts = getattr(detector, "detectors", ())
    if parts:  # of several, the farthest; their sum cannot be asked, since it is bounded, and made-up rows may hold it at its bound
        each = [reach_of(part) for part in {(type(part), window_of(part), part.width_): part for part in parts}.values()]
        return Reach(max(one.back for one in each), max(one.ahead for one in each), math.lcm(*(one.align for one in each)),
                     max(one.opening for one in each), max(one.tail for one in each))
    l, stride = window_of(detector), int(detector.params().get("stride") or 1)
    forecasts = getattr(detector, "_forecasts", None)
    if forecasts is not None and forecasts():
        before, after = detector.reach()  # type: ignore[attr-defined]  # what they are smoothed over
        return Reach(l + before, after, l, l + after, l + before)
    aligns = sorted({1, stride, max(1, l // 4), l, math.lcm(stride, l)})
    for times in (1, 2, 4, 8):
        found = _measured(detector.anomaly_score, int(detector.width_), times * (max(l, 8) + 8), aligns)
        if found is not None:
            return found
    raise ConfigError("TOC-276", f"{type(detector).__name__} cannot be judged point by point: its scores depend on more than windows",
                      came=f"window {l}", todo="choose another detector for streams; tocsin detectors names them")


def _measured(score: Function, width: int, most: int, aligns: list[int]) -> Reach | None:
    """The reach, when it is at most ``most`` either way."""
    rng = np.random.default_rng(0)
    base = most + max(aligns)
    n = base + 3 * max(aligns) + 3 * most
    rows = 0.3 * np.cumsum(rng.normal(size=(n, width)), axis=0) + rng.normal(size=(n, width))
    whole = score(rows)
    near = 1e-7 * np.abs(whole) + 1e-10 * np.abs(whole).max()

    def wrong(first: int, stop: int) -> np.ndarray:
        """(m,) steps of the stretch whose scores are not those of the whole."""
        return np.flatnonzero(np.abs(score(rows[first:stop]) - whole[first:stop]) > near[first:stop])

    for align in aligns:
        first = -(-most // align) * align
        # The same end as the whole: only the start can differ. Some starts, so that a chance multiple of something is found out.
        starts = [wrong(first + i * align, len(rows)) for i in range(4)]
        back = max(int(bad[-1]) + 1 if len(bad) else 0 for bad in starts)
        if back <= most:
            break
    else:
        return None
    stops = {2 * most + i for i in (0, 1, 2, max(align, 4) // 2, align - 1, most // 3)}
    ahead = max(_unsettled(wrong(0, stop), stop) for stop in stops)
    if ahead > most:
        return None
    if ahead and align > 1:
        ahead += align - 1  # a step may lie worse on the grid of strides than those tried
    opening = back + ahead + 1  # before, a segment is so short that its two ends meet in a step, and there kinds differ most
    for tail in (back, back + ahead, 2 * (back + ahead)):
        reach = Reach(back, ahead, align, opening, tail)
        if all(_ends_alike(score, rows[:stop], reach) for stop in stops):
            return reach
    return None


def _ends_alike(score: Function, rows: np.ndarray, reach: Reach) -> bool:
    """Whether the last steps of ``rows`` score in a stretch as they do in all of them: the last one, and all that are unsettled."""
    whole, last = score(rows), len(rows) - 1
    for step in (last, last - reach.ahead):
        first = reach.start_at_end(step, last)
        if not np.allclose(score(rows[first:])[step - first:], whole[step:], rtol=1e-7, atol=1e-10 * np.abs(whole).max()):
            return False
    return True


def _unsettled(wrong: np.ndarray, stop: int) -> int:
    """How many steps before the end of a stretch are not yet what they will be."""
    return stop - int(wrong[0]) if len(wrong) else 0
