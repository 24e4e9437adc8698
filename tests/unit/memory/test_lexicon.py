from __future__ import annotations

import numpy as np
import pytest

from tocsin.memory.lexicon import Counts, Lexicon, distinct, run_entries, word_entries


def _counts(texts: list[str]) -> Counts:
    return Counts.of([distinct(word_entries(text)[0]) for text in texts])


def _slow(train: list[str], text: str) -> np.ndarray:
    """Cosines of TF-IDF vectors; words of ``text`` that are in no training text count in its length."""
    def vector(words: list[str]) -> dict[str, float]:
        held = {word: sum(word in each.split() for each in train) for word in words}
        row = {word: (1 + np.log(words.count(word))) * (np.log((1 + len(train)) / (1 + held[word])) + 1) for word in set(words)}
        length = np.sqrt(sum(value**2 for value in row.values()))
        return {word: value / length for word, value in row.items()}

    mine = vector(text.split())
    return np.array([sum(mine.get(word, 0.0) * value for word, value in vector(each.split()).items()) for each in train])


_TRAIN = ["the cat sat here", "the dog sat there there", "a bird flew", "the cat flew"]


def test_distance_is_one_minus_the_mean_cosine_and_unknown_words_count() -> None:
    lexicon = Lexicon.learn(_counts(_TRAIN), np.arange(4))
    for text in ("the cat sat", "the zebra sat", "zebra zebra"):
        cosines = np.sort(_slow(_TRAIN, text))[::-1]
        far, index, unknown = lexicon.near(_counts([text]), 2)
        assert far[0] == pytest.approx(1 - cosines[:2].mean(), abs=1e-6)
        assert unknown[0] == text.split().count("zebra")
        assert index.shape == (1, 2)
    assert lexicon.near(_counts(["zebra"]), 2)[0][0] == 1.0


def test_a_training_text_is_judged_without_itself() -> None:
    lexicon = Lexicon.learn(_counts(_TRAIN), np.arange(4))
    far, index, unknown = lexicon.near(_counts(_TRAIN), 1, np.arange(4))
    assert (index[:, 0] != np.arange(4)).all()
    assert unknown.tolist() == [1, 3, 2, 0]  # here; dog, there, there; a, bird
    assert far.min() > 0.1
    twice = Lexicon.learn(_counts([*_TRAIN, _TRAIN[0]]), np.arange(5))
    assert twice.near(_counts(_TRAIN[:1]), 1, np.array([0]))[0][0] == pytest.approx(0.0, abs=1e-3)  # the copy is another text


def test_only_remembered_texts_are_compared() -> None:
    lexicon = Lexicon.learn(_counts(_TRAIN), np.array([2]))
    assert lexicon.near(_counts(["the cat sat here"]), 3)[1].tolist() == [[0]]
    assert lexicon.near(_counts(["the cat sat here"]), 3)[2][0] == 0  # known all the same


def test_what_is_strange_sums_to_the_distance_where_nothing_is_shared() -> None:
    lexicon = Lexicon.learn(_counts(_TRAIN), np.arange(4))
    entries, starts, ends = word_entries("zebra the zebra")
    assert list(zip(starts.tolist(), ends.tolist())) == [(0, 5), (6, 9), (10, 15)]
    share = lexicon.strange(entries, 0)
    assert share[0] == share[2] > share[1]


def test_runs_stay_inside_words_and_say_where_they_stand() -> None:
    entries, starts, ends = run_entries("ab c")
    found = sorted("ab c"[start:end] for start, end in zip(starts.tolist(), ends.tolist()))
    assert found == [" c", "a", "ab", "ab", "ab ", "b ", "c"]  # a space around a word is part of its runs, beyond the ends, too
    assert len(set(entries.tolist())) == len(entries)
    assert len(run_entries("")[0]) == 0
    one, other = (set(run_entries(text)[0].tolist()) for text in ("abc", "abd"))
    assert one & other and one != other


def test_the_state_is_the_lexicon() -> None:
    lexicon = Lexicon.learn(_counts(_TRAIN), np.arange(4))
    again = Lexicon.from_state(lexicon.state())
    for a, b in zip(lexicon.near(_counts(["the cat"]), 2), again.near(_counts(["the cat"]), 2)):
        np.testing.assert_array_equal(a, b)
