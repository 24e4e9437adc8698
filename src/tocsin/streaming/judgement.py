"""What a stream says of a row."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class Judgement(NamedTuple):
    """One row's verdict.

    time        its stamp as an instant (datetime64, UTC) or number; None in a stream without times
    position    which push brought the row, from 0
    score       anomaly score, higher = more anomalous; 0 when it was not judged
    p_value     how often an ordinary row scores at least this high; 1 when it was not judged
    is_anomaly  the decision
    final       no later row will change the score; False: an early word from the windows that end at this row
    state       "warming": nothing can be said yet · "live" · "late": the row came too late and was not judged
    note        "" · "level changed": the threshold gave up an old level here · "clock set back"
    """

    time: Any
    position: int
    score: float
    p_value: float
    is_anomaly: bool
    final: bool = True
    state: Literal["warming", "live", "late"] = "live"
    note: str = ""
