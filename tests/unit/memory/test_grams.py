from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.templates import Templates
from tocsin.memory import grams
from tocsin.memory.grams import USUAL, Grams, meaning
from tocsin.memory.sessions import Sessions, learned, read

RUNS = ((0, 0), (0, 1), (0, 2), (0, 3))


def _made(seed: int = 0, n: int = 60) -> list[str]:
    """Sessions of a loose workflow, many of them equal."""
    random = generator(seed, "grams")
    sessions = []
    for _ in range(n):
        middle = [str(random.choice(["r", "w"])) for _ in range(int(random.integers(1, 4)))]
        sessions.append("\n".join(["open", *middle, "check", *["close"] * int(random.integers(1, 3))]))
    return sessions


def _slow(train: list[list[int]], session: list[int], kinds: tuple[tuple[int, int], ...], size: int) -> np.ndarray:
    """Witten-Bell's chances, word for word."""
    counts: list[dict[object, Counter[int]]] = [defaultdict(Counter) for _ in kinds]

    def context(before: list[int], kind: tuple[int, int]) -> object:
        bag, last = kind
        return tuple(sorted(before)) if bag else None, tuple(before[len(before) - last:]) if last <= len(before) else tuple(before)
    for one in train:
        marked = [-9, *one, -8]
        for i in range(1, len(marked)):
            for level, kind in enumerate(kinds):
                counts[level][context(marked[:i], kind)][marked[i]] += 1
    made = []
    marked = [-9, *session, -8]
    for i in range(1, len(marked)):
        chance = 1 / size
        for level, kind in enumerate(kinds):
            known = counts[level].get(context(marked[:i], kind))
            if known:
                total, kinds_seen = sum(known.values()), len(known)
                chance = (known[marked[i]] + kinds_seen * chance) / (total + kinds_seen)
        made.append(-math.log(chance))
    return np.array(made)


def _lists(sessions: Sessions) -> list[list[int]]:
    return [sessions.events[low:high].tolist() for low, high in zip(sessions.edges, sessions.edges[1:], strict=False)]


@pytest.mark.parametrize("kinds", [USUAL, RUNS])
def test_surprise_is_witten_bells(kinds: tuple[tuple[int, int], ...]) -> None:
    templates = Templates()
    train = learned(_made(), templates, False)
    model = Grams.learn(train.distinct(), kinds)
    asked = read([*_made(1, 8), "close\nopen\nstrange", "", "r"], templates, False)
    for found, session in zip(model.surprise(asked), _lists(asked), strict=True):
        np.testing.assert_allclose(found, _slow(_lists(train), session, kinds, model.size), rtol=1e-9)


@pytest.mark.parametrize("kinds", [USUAL, RUNS])
def test_own_scores_are_those_of_a_model_that_did_not_learn_the_session(kinds: tuple[tuple[int, int], ...]) -> None:
    first, back, copies = learned(_made(), Templates(), False).distinct()
    model = Grams.learn((first, back, copies), kinds)
    surprise, swaps = model.surprise(first, own=True), model.swaps(first, own=True)[0]
    assert (copies == 1).any() and (copies > 1).any()
    for k in range(len(copies)):
        fewer = copies - (np.arange(len(copies)) == k)
        rest = Grams.learn((first.take(np.flatnonzero(fewer)), back, fewer[fewer > 0]), kinds)
        rest.size = model.size  # an alphabet is not unlearned
        one = first.take(np.array([k]))
        np.testing.assert_allclose(surprise[k], rest.surprise(one)[0], rtol=1e-9)
        np.testing.assert_allclose(swaps[k], rest.swaps(one)[0][0], rtol=1e-7)


@pytest.mark.parametrize("kinds", [USUAL, RUNS])
def test_odds_of_a_swap_are_those_of_the_sessions_with_two_neighbours_swapped(kinds: tuple[tuple[int, int], ...]) -> None:
    templates = Templates()
    model = Grams.learn(learned(_made(), templates, False).distinct(), kinds)
    items = ["open\nr\ncheck\nw\nclose", "r\nopen\nw\ncheck\nclose", "check\nclose", "open\nw\nw\nr\nclose\ncheck"]
    odds, where = model.swaps(read(items, templates, False))
    for item, found, place in zip(items, odds, where, strict=True):
        lines = item.split("\n")
        pairs = [i for i in range(len(lines) - 1) if lines[i] != lines[i + 1]]
        swapped = ["\n".join([*lines[:i], lines[i + 1], lines[i], *lines[i + 2:]]) for i in pairs]
        total = np.array([each.sum() for each in model.surprise(read([item, *swapped], templates, False))])
        gains = total[0] - total[1:]
        np.testing.assert_allclose(found, np.logaddexp(np.log(np.exp(gains).mean()), -20.0), rtol=1e-9)
        assert place == pairs[int(gains.argmax())]


def test_sessions_without_unlike_neighbours_have_no_odds() -> None:
    templates = Templates()
    model = Grams.learn(learned(_made(), templates, False).distinct())
    odds, where = model.swaps(read(["", "r", "r\nr\nr"], templates, False))
    assert (odds < -19).all() and where.tolist() == [-1, -1, -1]


def test_parts_of_many_sessions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Templates()
    train = learned(_made(), templates, False)
    model = Grams.learn(train.distinct())
    whole, odds = model.surprise(train), model.swaps(train)[0]
    monkeypatch.setattr(grams, "_PART", 17)
    parts = model.surprise(train)
    assert len(parts) == len(whole)
    for one, other in zip(parts, whole, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(model.swaps(train)[0], odds)


def test_a_log_is_judged_by_the_counts_without_the_block_around() -> None:
    lines = ["tick", "tock"] * 40
    lines[41] = "crack"
    log = learned(lines, Templates(), True)
    model = Grams.learn(log.distinct(), RUNS, closed=False)
    own = model.surprise(log, own=True, block=10)[0]
    assert own.argmax() == 41 and own[41] > model.surprise(log)[0][41] + 1


def test_what_comes_next_sums_to_one_and_is_named() -> None:
    templates = Templates()
    train = learned(["a\nb\nc"] * 30, templates, False)
    model = Grams.learn(train.distinct())
    chances = model.nexts(train, 3, 1, 3)
    assert meaning(int(chances.argmax())) == 1
    assert chances.sum() == pytest.approx(1.0, abs=0.02)
    assert meaning(int(model.nexts(train, 3, 3, 3).argmax())) is None


def test_state_gives_the_same_model_and_a_broken_one_is_refused() -> None:
    train = learned(_made(), Templates(), False)
    model = Grams.learn(train.distinct())
    again = Grams.from_state(model.state())
    assert np.array_equal(np.concatenate(again.surprise(train)), np.concatenate(model.surprise(train)))
    broken = model.state()
    broken["levels"] = broken["levels"][:2]
    with pytest.raises(ValueError, match="levels"):
        Grams.from_state(broken)
