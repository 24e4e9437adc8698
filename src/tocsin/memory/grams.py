"""How surprising each event of a session is after the events before it, and whether two neighbours would fit better the other way round.

What came before is looked at in several ways, from the coarse to the fine: not at all, the last event, the last two; then all events so
far whatever their order, together with the last one, two and three. The bag of events so far says what is due ("all three copies are
stored, so now they are registered"), where plain runs of the last five events do not reach. Each way falls back on the coarser one by
Witten-Bell's weights: where the context h was followed N(h) times, by T(h) distinct events,

    p(e | h) = (count(h, e) + T(h) · p(e | coarser h)) / (N(h) + T(h)).

A session that was learned from can be judged by the counts less its own. Contexts are kept as sorted 64-bit hashes.

Letters: s sessions, m marked events (start, events, end of each session), q questions, c contexts, r runs (contexts with what follows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.memory.sessions import Sessions

USUAL = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3))  # (with the bag of all before, so many last events)
_START, _END, _FIRST = 0, 1, 3  # marks; events follow by their id, the unknown one (-1) is 2
_LEAST = -20.0  # log odds of a swap, at the least
_ODD = np.uint64(0x9E3779B97F4A7C15)
_PART = 1 << 18  # marked events judged at once


@dataclass(frozen=True)
class _Marked:
    """ids (m,); begin (m,) where the session's start stands; end (m,) where its last mark stands; owner (m,); target (m,) is no start."""

    ids: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    owner: np.ndarray
    target: np.ndarray


class Grams:
    """Counts of what follows what. Learn with :meth:`learn`, ask with :meth:`surprise` and :meth:`swaps`.

    >>> from tocsin.data.templates import Templates
    >>> from tocsin.memory.sessions import learned, read
    >>> templates = Templates()
    >>> model = Grams.learn(learned(["a\\nb\\nc"] * 20 + ["a\\nb\\nb\\nc"] * 20, templates, False).distinct())
    >>> usual, odd = model.surprise(read(["a\\nb\\nc", "b\\na\\nc"], templates, False))
    >>> bool(usual.max() < 1), bool(odd.max() > 3)
    (True, True)
    >>> odds, where = model.swaps(read(["a\\nb\\nc", "b\\na\\nc"], templates, False))
    >>> (odds > 0).tolist(), int(where[1])
    ([False, True], 0)
    """

    def __init__(self, levels: Sequence[dict[str, np.ndarray]], kinds: Sequence[Sequence[int]], size: int, closed: bool) -> None:
        self.levels, self.kinds, self.size, self.closed = list(levels), tuple((int(b), int(k)) for b, k in kinds), int(size), bool(closed)

    @classmethod
    def learn(cls, distinct: tuple[Sessions, np.ndarray, np.ndarray], kinds: Sequence[Sequence[int]] = USUAL, *,
              closed: bool = True) -> Grams:
        """From :meth:`Sessions.distinct`. ``closed``: sessions have an end that can come too early or too late."""
        sessions, _, copies = distinct
        model = cls([], kinds, 0, closed)
        marked = model._marked(sessions)
        weight = copies[marked.owner[marked.target]].astype(np.float64)
        runs, contexts = model._hashes(marked)
        for run, context in zip(runs, contexts):
            keys, first, back = np.unique(run, return_index=True, return_inverse=True)
            heads, at = np.unique(context, return_inverse=True)
            model.levels.append({
                "runs": keys, "counts": np.bincount(back, weights=weight).astype(np.int64),
                "contexts": heads, "seen": np.bincount(at, weights=weight).astype(np.int64),
                "followers": np.bincount(at[first], minlength=len(heads))})
        model.size = len(np.unique(marked.ids)) + 1
        return model

    def state(self) -> dict[str, Any]:
        """Counts and what they are of."""
        return {"levels": [dict(level) for level in self.levels], "kinds": [list(kind) for kind in self.kinds], "size": self.size,
                "closed": self.closed}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Grams:
        """The inverse of :meth:`state`."""
        names = ("runs", "counts", "contexts", "seen", "followers")
        levels = [{name: np.asarray(level[name]) for name in names} for level in state["levels"]]
        if len(levels) != len(state["kinds"]) or any(len(level["runs"]) != len(level["counts"]) or not len(level["contexts"])
                                                     == len(level["seen"]) == len(level["followers"]) for level in levels):
            raise ValueError("levels")
        return cls(levels, state["kinds"], state["size"], state["closed"])

    # ---- questions -----------------------------------------------------------------------------------------------------

    def surprise(self, sessions: Sessions, *, own: bool = False, block: int = 0) -> list[np.ndarray]:
        """For each session, minus the logarithm of the chance of each event, and, where sessions are closed, of their end.

        ``own``: the sessions are among those learned from, one copy each, and are judged by the counts without it; with ``block``,
        runs of so many events are judged by the counts without these.
        """
        made: list[np.ndarray] = []
        for part in _parts(sessions):
            marked = self._marked(part)
            flat = self._surprise(marked, own, block)
            made += np.split(flat, np.cumsum(np.bincount(marked.owner[marked.target], minlength=len(part)))[:-1])
        return made

    def swaps(self, sessions: Sessions, *, own: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(s,) how much likelier each session is as a usual one of which two unlike neighbours were swapped, any two alike, than as it
        stands, as a logarithm; and (s,) the first of the two events whose swap explains most, -1 where no two neighbours differ."""
        made = [self._swaps(part, own) for part in _parts(sessions)]
        return np.concatenate([odds for odds, _ in made]), np.concatenate([where for _, where in made])

    def nexts(self, sessions: Sessions, k: int, place: int, count: int) -> np.ndarray:
        """(count + 3,) chances of what comes in place ``place`` of session ``k``: see :func:`meaning`."""
        marked = self._marked(sessions.take(np.array([k])))
        events = _event(np.arange(count + _FIRST))
        contexts = [np.full(len(events), context[place]) for context in self._hashes(marked)[1]]
        chances = self._chance([context + events for context in contexts], contexts, np.zeros(len(events), np.int64), None)
        chances[_START] = 0.0
        return chances

    # ---- hashes --------------------------------------------------------------------------------------------------------

    def _marked(self, sessions: Sessions) -> _Marked:
        sizes = np.diff(sessions.edges) + 1 + self.closed
        begins = np.cumsum(sizes) - sizes
        owner = np.repeat(np.arange(len(sessions)), sizes)
        ids = np.full(len(owner), _END, dtype=np.int64)
        ids[begins] = _START
        ids[np.arange(len(sessions.events)) + 1 + (1 + self.closed) * sessions.owner] = sessions.events + _FIRST
        target = np.ones(len(ids), dtype=bool)
        target[begins] = False
        return _Marked(ids, begins[owner], (begins + sizes - 1)[owner], owner, target)

    def _hashes(self, marked: _Marked) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """By level: runs (q,) and contexts (q,) of the targets."""
        at = np.flatnonzero(marked.target)
        return self._hashed(marked, at, at, lambda place: place, _bags(marked)[at])

    def _hashed(self, marked: _Marked, at: np.ndarray, what: np.ndarray, place: Callable[[np.ndarray], np.ndarray],
                bag: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Runs and contexts for events ``what`` (q,) in places ``at`` (q,); ``place`` says where what precedes is to be read."""
        last = [np.zeros(len(at), np.uint64)]
        for lag in range(1, 1 + max(k for _, k in self.kinds)):
            before = at - lag
            sign = _scrambled(marked.ids[place(np.maximum(before, 0))].astype(np.uint64) + np.uint64(lag << 40))
            last.append(last[-1] + np.where(before >= marked.begin[at], sign, np.uint64(0)))
        event = _event(marked.ids[what])
        contexts = [_scrambled(last[k] + (bag if whole else np.uint64(0)) * _ODD + np.uint64(k + 64 * whole)) for whole, k in self.kinds]
        return [context + event for context in contexts], contexts

    # ---- chances -------------------------------------------------------------------------------------------------------

    def _surprise(self, marked: _Marked, own: bool, block: int) -> np.ndarray:
        runs, contexts = self._hashes(marked)
        owner = np.arange(len(runs[0])) // block if block else marked.owner[marked.target]
        return -np.log(self._chance(runs, contexts, owner, self._lent(runs, contexts, owner) if own else None))

    def _chance(self, runs: list[np.ndarray], contexts: list[np.ndarray], owner: np.ndarray,
                lent: list[dict[str, np.ndarray]] | None) -> np.ndarray:
        """(q,) chances; ``lent``: what the owners' own sessions gave to the counts."""
        chance = np.full(len(owner), 1 / self.size)
        for number, (level, run, context) in enumerate(zip(self.levels, runs, contexts)):
            (count,) = _found(level["runs"], run, level["counts"])
            seen, followers = _found(level["contexts"], context, level["seen"], level["followers"])
            if lent is not None:
                mine = lent[number]
                count = count - _found(mine["runs"], _owned(run, owner), mine["counts"])[0]
                gone, lost = _found(mine["contexts"], _owned(context, owner), mine["seen"], mine["followers"])
                seen, followers = seen - gone, followers - lost
            whole = seen + followers
            chance = np.where(whole > 0, (count + followers * chance) / np.maximum(whole, 1), chance)
        return chance

    def _lent(self, runs: list[np.ndarray], contexts: list[np.ndarray], owner: np.ndarray) -> list[dict[str, np.ndarray]]:
        """By level: what one copy of each session gave to the counts; followers are those that no other session knows."""
        made = []
        for level, run, context in zip(self.levels, runs, contexts):
            keys, first, counts = np.unique(_owned(run, owner), return_index=True, return_counts=True)
            gone = _found(level["runs"], run[first], level["counts"])[0] == counts
            heads, at, seen = np.unique(_owned(context, owner), return_inverse=True, return_counts=True)
            made.append({"runs": keys, "counts": counts, "contexts": heads, "seen": seen,
                         "followers": np.bincount(at[first], weights=gone, minlength=len(heads))})
        return made

    def _swaps(self, sessions: Sessions, own: bool) -> tuple[np.ndarray, np.ndarray]:
        marked = self._marked(sessions)
        runs, contexts = self._hashes(marked)
        owners = marked.owner[marked.target]
        lent = self._lent(runs, contexts, owners) if own else None
        stands = np.zeros(len(marked.ids))
        stands[marked.target] = -np.log(self._chance(runs, contexts, owners, lent))
        ids, last = marked.ids, len(marked.ids) - 1
        first = np.arange(last)
        two = (ids[:-1] != ids[1:]) & marked.target[:-1] & marked.target[1:] & ((ids[1:] != _END) | ~np.bool_(self.closed))
        first = first[two]  # (w,) the earlier one of each pair that could be swapped
        gain, bags = np.zeros(len(first)), _bags(marked)
        for step in range(2 + max(k for _, k in self.kinds)):  # later events do not see the two any more
            there = first + step <= marked.end[first]
            i = first[there]
            at = i + step
            bag = bags[i] + _scrambled(ids[i + 1].astype(np.uint64)) if step == 1 else bags[at]

            def place(p: np.ndarray, i: np.ndarray = i) -> np.ndarray:
                return np.where(p == i, i + 1, np.where(p == i + 1, i, p))

            asked = self._hashed(marked, at, place(at), place, bag)
            gain[there] += stands[at] + np.log(self._chance(*asked, marked.owner[i], lent))
        return _best(gain, first, marked, len(sessions))


def _best(gain: np.ndarray, first: np.ndarray, marked: _Marked, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Log of the mean odds of each session's swaps, and the event, counted within the session, where the best one begins."""
    owner = marked.owner[first]
    top = np.full(sessions, _LEAST)
    np.maximum.at(top, owner, gain)
    mean = np.bincount(owner, weights=np.exp(gain - top[owner]), minlength=sessions) / np.maximum(np.bincount(owner, minlength=sessions), 1)
    where = np.full(sessions, -1, dtype=np.int64)
    best = np.flatnonzero(gain == top[owner])[::-1]
    where[owner[best]] = (first - marked.begin[first] - 1)[best]
    return np.logaddexp(top + np.log(np.maximum(mean, 1e-300)), _LEAST), where


def _parts(sessions: Sessions) -> list[Sessions]:
    """In parts of bounded size; which part a session falls in changes nothing."""
    if len(sessions.events) <= _PART or len(sessions) == 1:
        return [sessions]
    cuts = np.flatnonzero(np.diff(sessions.edges[:-1] // _PART, prepend=0)).tolist()
    edges = [0, *[cut for cut in cuts if cut], len(sessions)]
    return [sessions.take(np.arange(low, high)) for low, high in pairwise(edges)]


def _bags(marked: _Marked) -> np.ndarray:
    """(m,) hash of all events before each, the same in whatever order they came."""
    signs = _scrambled(marked.ids.astype(np.uint64))
    before = np.cumsum(signs) - signs
    return before - before[marked.begin]


def meaning(code: int) -> int | None:
    """The event id that a place in :meth:`Grams.nexts` stands for: -1 for an unknown event, None for the end of the session.

    >>> meaning(1), meaning(2), meaning(3)
    (None, -1, 0)
    """
    return None if code == _END else code - _FIRST


def _event(ids: np.ndarray) -> np.ndarray:
    return _scrambled(ids.astype(np.uint64) + np.uint64(7 << 50))


def _owned(keys: np.ndarray, owner: np.ndarray) -> np.ndarray:
    return _scrambled(keys + _scrambled(owner.astype(np.uint64)))


def _found(keys: np.ndarray, wanted: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
    """(q,) the values of each wanted key, 0 where there is none; ``keys`` are sorted."""
    if not len(keys):
        return [np.zeros(len(wanted)) for _ in values]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[at] == wanted
    return [np.where(known, value[at], 0).astype(np.float64) for value in values]


def _scrambled(keys: np.ndarray) -> np.ndarray:
    """Bits well mixed (the finaliser of Steele, Lea and Flood, 2014, "SplitMix")."""
    keys = (keys + _ODD).astype(np.uint64)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
