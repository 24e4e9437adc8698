"""A network that foretells each character of a text from those before it, learned from the training texts alone.

Letters: b pieces of text in a batch, s characters of a piece, v known characters, e width of a character, h width of the state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.seed import generator
from tocsin.deep.initialise import empty, first_weights
from tocsin.deep.language.encoder import Table
from tocsin.deep.trainer import Examples, train

PIECE = 128  # characters; a longer text is read in pieces, each from its own start
_NOTHING, _UNKNOWN, _FIRST = 0, 1, 2  # filling up and starts; characters that were not learned; the first known one
_MOST = 32_768  # characters of a text that are read
_BLOCK = 64  # pieces judged at once, always so many
_STEPS = (32, 64, 96, PIECE)  # lengths that pieces are filled up to
_WIDTH = 32


class Foretelling(nn.Module):
    """Codes (b, s) → scores of the next character (b, s, v), by a gated recurrent unit (Cho et al., 2014)."""

    def __init__(self, known: int, hidden: int) -> None:
        super().__init__()
        self.signs, self.gru, self.out = Table(known, _WIDTH), nn.GRU(_WIDTH, hidden, batch_first=True), nn.Linear(hidden, known)

    def forward(self, codes: Tensor) -> Tensor:
        made: Tensor = self.out(self.gru(self.signs(codes))[0])
        return made


class Alphabet:
    """The characters that are told apart, at most 254: the most frequent of the training texts."""

    def __init__(self, signs: str) -> None:
        self.signs = signs
        self._codes = {sign: i + _FIRST for i, sign in enumerate(signs)}

    @classmethod
    def of(cls, texts: Sequence[str]) -> Alphabet:
        """From training texts."""
        counts = Counter(sign for text in texts for sign in text[:_MOST])
        return cls("".join(sign for sign, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:254]))

    def __len__(self) -> int:
        return len(self.signs) + _FIRST

    def pieces(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Codes (pieces, PIECE + 1), a start before each, and how many pieces each text has (n,), one at least."""
        rows, counts = [], []
        for text in texts:
            codes = [self._codes.get(sign, _UNKNOWN) for sign in text[:_MOST]]
            starts = range(0, max(len(codes), 1), PIECE)
            counts.append(len(starts))
            for start in starts:
                row = np.zeros(PIECE + 1, np.int64)
                part = codes[start:start + PIECE]
                row[1:1 + len(part)] = part
                rows.append(row)
        return np.array(rows), np.array(counts)


def learn(texts: Sequence[str], alphabet: Alphabet, hidden: int, training: Training) -> Foretelling:
    """A trained network; a random share of the pieces is held out to stop by."""
    net = first_weights(lambda: Foretelling(len(alphabet), hidden), training.seed)
    assert isinstance(net, Foretelling)
    pieces = torch.from_numpy(alphabet.pieces(texts)[0])
    order = torch.from_numpy(generator(training.seed, "held out").permutation(len(pieces)))
    cut = round(training.validation * len(pieces)) if len(pieces) > 1 else 0
    ends = (pieces != _NOTHING).int().cumsum(1).argmax(1)  # of each piece, the place of its last character

    def gather(at: Tensor) -> Tensor:
        return pieces[at, :int(ends[at].max()) + 1]

    examples = Examples(gather, order[cut:].sort().values, order[:cut].sort().values)
    train(net, _loss, examples, training, name="character network")
    return net.requires_grad_(False).eval()


def _loss(net: nn.Module, pieces: Tensor) -> Tensor:
    """(b,) mean surprise of a piece's characters."""
    there = (pieces[:, 1:] != _NOTHING).float()
    return (_surprise(net, pieces) * there).sum(1) / there.sum(1).clamp(min=1)


def _surprise(net: nn.Module, pieces: Tensor) -> Tensor:
    """(b, s) minus the logarithm of the chance of each character."""
    return F.cross_entropy(net(pieces[:, :-1]).transpose(1, 2), pieces[:, 1:], reduction="none")


@torch.inference_mode()
def surprise(nets: Sequence[Foretelling], alphabet: Alphabet, texts: Sequence[str]) -> list[np.ndarray]:
    """For each text the surprise of its characters (characters,), the mean over ``nets``; 0 beyond the first 32,768."""
    pieces, counts = alphabet.pieces(texts)
    made = np.zeros((len(pieces), PIECE))
    lengths = np.searchsorted(_STEPS, (pieces != _NOTHING).sum(axis=1))
    for step, size in enumerate(_STEPS):
        places = np.flatnonzero(lengths == step)
        for start in range(0, len(places), _BLOCK):
            part = places[start:start + _BLOCK]
            block = np.zeros((_BLOCK, size + 1), np.int64)
            block[:len(part)] = pieces[part, :size + 1]
            for net in nets:
                made[part, :size] += _surprise(net, torch.from_numpy(block)).double().numpy()[:len(part)] / len(nets)
    ends = np.concatenate([[0], np.cumsum(counts)])
    told = []
    for text, (start, end) in zip(texts, pairwise(ends.tolist())):
        row = np.zeros(len(text))
        size = min(len(text), _MOST)
        row[:size] = made[start:end].ravel()[:size]
        told.append(row)
    return told


def blank(known: int, hidden: int) -> Foretelling:
    """A network to be filled with stored weights."""
    net = empty(lambda: Foretelling(known, hidden))
    assert isinstance(net, Foretelling)
    return net.requires_grad_(False).eval()
