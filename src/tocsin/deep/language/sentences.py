"""Texts to vectors by a sentence encoder, each text's vector the same whatever texts come with it."""

from __future__ import annotations

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from tocsin.core.errors import ConfigError
from tocsin.deep.initialise import first_weights
from tocsin.deep.language import weights as stored
from tocsin.deep.language.encoder import Encoder, Shape

RANDOM = "random"
_TOKENS = 256  # of a text that are read: what sentence encoders are trained on
_SIGNS = 16  # characters of a token at most, on average: the rest of a longer text is not even cut into tokens
_BLOCK = 256  # tokens in a block, so that a single text costs little
_STEPS = (*range(8, 64, 8), *range(64, 128, 16), *range(128, _TOKENS + 1, 32))  # lengths that texts are filled up to
_PARTS = 512  # texts cut into tokens at once


class Sentences(ABC):
    """Abstract: ``digest`` names the weights, ``width`` is that of a vector."""

    def __init__(self, encoder: Encoder, digest: str) -> None:
        self.encoder, self.digest, self.width = encoder, digest, encoder.shape.width

    @abstractmethod
    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, at least one, at most ``_TOKENS``."""

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, e) float32, of length 1. The first 256 tokens of a text are read.

        Texts are filled up to one of few lengths and read in blocks of one size for each length, so that the very same products are
        taken for a text alone and among others.
        """
        made = np.empty((len(texts), self.width), np.float32)
        tokens = [each for start in range(0, len(texts), _PARTS)
                  for each in self._tokens([text[:_TOKENS * _SIGNS] for text in texts[start:start + _PARTS]])]
        lengths = np.searchsorted(_STEPS, [len(each) for each in tokens])
        for step in np.unique(lengths):
            places, size = np.flatnonzero(lengths == step), int(_STEPS[step])
            rows = max(1, _BLOCK // size)
            for start in range(0, len(places), rows):
                part = places[start:start + rows]
                block, count = torch.zeros(rows, size, dtype=torch.int64), torch.ones(rows, dtype=torch.int64)
                for i, place in enumerate(part):
                    block[i, :len(tokens[place])] = torch.tensor(tokens[place])
                    count[i] = len(tokens[place])
                made[part] = self.encoder(block, count)[:len(part)].numpy()
        return made


class _Stored(Sentences):
    """Weights and tokenizer of a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(stored.load(path), stored.digest(path))
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(min(_TOKENS, self.encoder.shape.places))

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        readable = [text.encode("utf-8", "replace").decode() for text in texts]  # half characters cannot be cut into tokens
        return [each.ids for each in self.tokenizer.encode_batch(readable)]


class _Random(Sentences):
    """A small network of random weights over words by their checksum: for tests, or where words alone tell enough."""

    SHAPE = Shape(tokens=4096, places=_TOKENS, width=64, inner=64, layers=1, heads=2)

    def __init__(self) -> None:
        net = first_weights(lambda: Encoder(self.SHAPE), 0)
        assert isinstance(net, Encoder)
        super().__init__(net.requires_grad_(False).eval(), "random 1")

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        cut = [re.findall(r"\w+|[^\w\s]", text.lower())[:_TOKENS - 1] for text in texts]
        return [[0, *(1 + zlib.crc32(word.encode("utf-8", "replace")) % (self.SHAPE.tokens - 1) for word in words)] for words in cut]


def sentences(weights: str | None = None) -> Sentences:
    """The encoder of ``weights``: a folder, None for the installed package, "random" for a small one of random weights.

    The last one loaded is kept, about 90 MB. Raises ConfigError TOC-218 for a folder of something else, MissingExtra TOC-501 when there
    is none.

    >>> made = sentences("random").vectors(["a red car", "a red car", "it rains"])
    >>> made.shape, bool((made[0] == made[1]).all())
    ((3, 64), True)
    """
    return _loaded(weights if weights == RANDOM else str(stored.folder(weights)))


@lru_cache(maxsize=2)
def _loaded(weights: str) -> Sentences:
    if weights == RANDOM:
        return _Random()
    try:
        return _Stored(Path(weights))
    except ConfigError:
        raise
    except Exception as error:  # the tokenizers package raises plain exceptions
        raise ConfigError("TOC-218", "the tokenizer of a sentence encoder cannot be read", came=f"{weights}: {error}"[:200],
                          todo="name a folder that holds the tokenizer.json of its weights") from error
