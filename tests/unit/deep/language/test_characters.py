from __future__ import annotations

import numpy as np

from tocsin.core.config import Training
from tocsin.deep.language.characters import PIECE, Alphabet, learn, surprise

_TRAINING = Training(epochs=6, lr=0.02, batch_size=16, patience=3)


def test_the_alphabet_is_the_most_frequent_characters() -> None:
    alphabet = Alphabet.of(["aab", "ab", "c"])
    assert alphabet.signs == "abc"
    pieces, counts = alphabet.pieces(["az", ""])
    assert (pieces[0, :4].tolist(), counts.tolist()) == ([0, 2, 1, 0], [1, 1])
    assert len(Alphabet.of(["".join(map(chr, range(300, 900)))])) == 256


def test_a_habit_is_learned_and_what_breaks_it_is_surprising() -> None:
    texts = ["abcabcabcabcabcabcabc"] * 60
    alphabet = Alphabet.of(texts)
    net = learn(texts, alphabet, 16, _TRAINING)
    row = surprise([net], alphabet, ["abcabcabbabc"])[0]
    assert row[8] == row.max() > 2 > 1 > row[3:8].max()


def test_company_changes_nothing_and_long_texts_are_read_in_pieces() -> None:
    texts = ["some text", "another one", "x" * (2 * PIECE + 5), ""] * 8
    alphabet = Alphabet.of(texts)
    nets = [learn(texts, alphabet, 8, Training(epochs=1, batch_size=16))]
    together = surprise(nets, alphabet, texts)
    assert [len(row) for row in together[:4]] == [9, 11, 2 * PIECE + 5, 0]
    for text, row in zip(texts[:4], together):
        np.testing.assert_array_equal(surprise(nets, alphabet, [text])[0], row)
