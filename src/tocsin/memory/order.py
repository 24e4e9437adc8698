"""What the order of a session's events tells: channels and sentences from :class:`tocsin.memory.grams.Grams`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tocsin.memory.grams import Grams, meaning
from tocsin.memory.session_detector import SWAP, Channels, Hint
from tocsin.memory.sessions import UNKNOWN, Sessions

RUNS = tuple((0, k) for k in range(4))
_TELLING = 2.0  # nats from which on something is told
_OFTEN, _RARE = 0.1, 0.001  # chances from which on they are told in whole per cent, and told at all


class Order:
    """How surprising events are by all before them, and the odds of swapped neighbours, the lesser ones of two views.

    The second view, plain runs of events, knows what comes in either order anywhere; so a pair that is loose by nature, but has not been
    seen in this order after just this bag of events, does not pass for swapped.
    """

    def __init__(self, grams: Grams, runs: Grams) -> None:
        self.grams, self.runs = grams, runs

    @classmethod
    def learn(cls, distinct: tuple[Sessions, np.ndarray, np.ndarray], joined: bool) -> Order:
        """From :meth:`Sessions.distinct`; ``joined``: of a log without sessions."""
        runs = Grams.learn(distinct, RUNS, closed=not joined)
        return cls(runs if joined else Grams.learn(distinct), runs)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {"runs": self.runs.state(), **({} if self.grams is self.runs else {"grams": self.grams.state()})}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Order:
        """The inverse of :meth:`state`."""
        runs = Grams.from_state(state["runs"])
        return cls(Grams.from_state(state["grams"]) if "grams" in state else runs, runs)

    def channels(self, sessions: Sessions, own: bool) -> Channels:
        """As :func:`summed`, with the log odds of a swap."""
        return {**summed(self.grams.surprise(sessions, own=own)), SWAP: self.swaps(sessions, own)[0]}

    def points(self, sessions: Sessions, own: bool, block: int) -> np.ndarray:
        """(t,) surprise of each event of a log; ``own``: by the counts without the ``block`` of events that it lies in."""
        return self.grams.surprise(sessions, own=own, block=block)[0]

    def swaps(self, sessions: Sessions, own: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(s,) log odds of swapped neighbours, and (s,) the first event of the likeliest two, -1 for none."""
        odds, where = self.grams.swaps(sessions, own=own)
        return np.minimum(odds, self.runs.swaps(sessions, own=own)[0]), where

    def by_line(self, sessions: Sessions) -> np.ndarray:
        """(t,) surprise of each event, the end's with the last one; where a swap explains the session, both of its events carry it."""
        made = flat(self.grams.surprise(sessions), sessions)
        odds, where = self.swaps(sessions)
        likely = (where >= 0) & (odds > 0)
        first = (sessions.edges[:-1] + where)[likely]
        for place in (first, first + 1):
            made[place] += odds[likely]
        return made

    def hints(self, sessions: Sessions, k: int, kinds: int, name: Callable[[int], str]) -> list[Hint]:
        """What is odd about the order in session ``k``, the most odd first; ``kinds``: events there are."""
        one = sessions.take(np.array([k]))
        surprise = self.grams.surprise(one)[0]
        made = surprise_hint(surprise, lambda place: self.grams.nexts(one, 0, place, kinds), one, 0, name)
        if self.grams.closed:
            made += self._swap_hint(one, name)
        return sorted(made, key=lambda hint: -hint.weight)

    def _swap_hint(self, one: Sessions, name: Callable[[int], str]) -> list[Hint]:
        odds, where = self.swaps(one)
        if where[0] < 0 or odds[0] < 0:
            return []
        place = int(where[0])
        first, second = (name(int(event)) for event in one.events[place:place + 2])
        return [Hint(place, f"{first} came right before {second}, which is usually the other way round", _TELLING + float(odds[0]))]


def summed(surprises: list[np.ndarray]) -> Channels:
    """Mean and largest surprise of each session, by the surprises of its events and its end."""
    return {"mean surprise": np.array([each.mean() for each in surprises]),
            "largest surprise": np.array([each.max() for each in surprises])}


def flat(surprises: list[np.ndarray], sessions: Sessions) -> np.ndarray:
    """(t,) surprises of the events of sessions; the last one's is that of the end where that is more of a surprise."""
    made = np.zeros(len(sessions.events))
    for each, low, high in zip(surprises, sessions.edges, sessions.edges[1:]):
        made[low:high] = each[:high - low]
        if len(each) > high - low > 0:
            made[high - 1] = max(made[high - 1], each[-1])
    return made


def surprise_hint(surprise: np.ndarray, nexts: Callable[[int], np.ndarray], sessions: Sessions, k: int,
                  name: Callable[[int], str]) -> list[Hint]:
    """Says what came where something else was expected; ``nexts`` gives the chances of what comes in a place."""
    if not len(surprise) or surprise.max() < _TELLING:
        return []
    place = int(surprise.argmax())
    low, size = int(sessions.edges[k]), int(sessions.edges[k + 1] - sessions.edges[k])
    chances = nexts(place)
    best = int(chances.argmax())
    wanted = meaning(best)
    expected = "its end" if wanted is None else name(wanted)
    where = f"after {name(int(sessions.events[low + place - 1]))}, " if place else "at the start, "
    came = "the session ended" if place >= size else f"{name(int(sessions.events[low + place]))} came"
    if place >= size or sessions.events[low + place] != UNKNOWN:
        came += f" ({_percent(float(np.exp(-surprise[place])))})"
    rest = f" where {expected} was expected ({_percent(float(chances[best]))})" if chances[best] > np.exp(-surprise[place]) else ""
    return [Hint(place, f"{where}{came}{rest}", float(surprise[place]))]


def _percent(chance: float) -> str:
    """As it is read in a sentence.

    >>> _percent(0.97), _percent(0.034), _percent(1e-9)
    ('97 %', '3.4 %', 'under 0.1 %')
    """
    if chance < _RARE:
        return "under 0.1 %"
    return f"{100 * chance:.0f} %" if chance >= _OFTEN else f"{100 * chance:.1f} %"
