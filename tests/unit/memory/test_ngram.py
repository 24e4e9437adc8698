from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.memory import ngram
from tocsin.memory.ngram import Characters


def _slow(train: list[str], text: str, order: int, alphabet: int) -> np.ndarray:
    """Witten-Bell by the book, character by character."""
    seen: list[Counter[str]] = [Counter() for _ in range(order)]
    for each in train:
        row = "\0" * order + each
        for i in range(order, len(row)):
            for length in range(order):
                seen[length][row[i - length:i + 1]] += 1
    made, row = [], "\0" * order + text
    for i in range(order, len(row)):
        p = 1 / alphabet
        for length in range(order):
            context = row[i - length:i]
            after = {run: count for run, count in seen[length].items() if run[:-1] == context}
            whole = sum(after.values()) + len(after)
            p = (after.get(row[i - length:i + 1], 0) + len(after) * p) / whole if whole else p
        made.append(-np.log(p))
    return np.array(made)


_TEXTS = st.lists(st.text("abc é", min_size=1, max_size=12), min_size=2, max_size=6)


@settings(max_examples=30, deadline=None)
@given(_TEXTS, st.text("abcz", max_size=8), st.integers(1, 4))
def test_surprise_is_witten_bells(train: list[str], text: str, order: int) -> None:
    model = Characters.learn(train, order)
    alphabet = len(set("".join(train))) + 1
    np.testing.assert_allclose(model.surprise([text])[0], _slow(train, text, order, alphabet), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(_TEXTS, st.integers(1, 4))
def test_a_training_text_is_judged_as_if_it_had_not_been_learned(train: list[str], order: int) -> None:
    alphabet = len(set("".join(train))) + 1  # the alphabet stays that of all texts
    for i, own in enumerate(Characters.learn(train, order).surprise(train, own=True)):
        np.testing.assert_allclose(own, _slow(train[:i] + train[i + 1:], train[i], order, alphabet), rtol=1e-9)


def test_company_and_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one text of several", "another", "", "a third one", "\U0001f600 and \ud800"]
    whole = Characters.learn(texts, 3).surprise(texts, own=True)
    monkeypatch.setattr(ngram, "_PART", 10)
    for a, b in zip(whole, Characters.learn(texts, 3).surprise(texts, own=True)):
        np.testing.assert_array_equal(a, b)
    alone = Characters.learn(texts, 3).surprise(["a third one"])[0]
    np.testing.assert_array_equal(alone, Characters.learn(texts, 3).surprise(texts)[3])


def test_the_best_order_is_the_one_that_foretells_the_texts_themselves() -> None:
    random = np.random.default_rng(0)
    noise = ["".join(random.choice(list("abcdefgh"), 40)) for _ in range(30)]
    assert Characters.learn(noise, 5).best_order(noise) == 2  # nothing follows from anything
    habit = ["the quick brown fox jumps over the lazy dog"] * 10
    assert Characters.learn(habit, 5).best_order(habit) >= 4
    model = Characters.learn(habit, 5)
    np.testing.assert_array_equal(model.cut(3).surprise(["the fox"])[0], Characters.learn(habit, 3).surprise(["the fox"])[0])


def test_the_state_is_the_counts() -> None:
    model = Characters.learn(["some text", "some more"], 3)
    again = Characters.from_state(model.state())
    np.testing.assert_array_equal(again.surprise(["some words"])[0], model.surprise(["some words"])[0])
