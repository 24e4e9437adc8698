"""See :class:`TokenTransformer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing, EncoderBlock, Position
from tocsin.deep.vision.features import Features
from tocsin.deep.vision.layers import Standardised, pooled
from tocsin.deep.vision.training import PictureNetwork, joined
from tocsin.deep.vision.usual import Body

_TURNS = 4  # masks that a picture is judged with: each hides a quarter of the cells, together they hide all


class TokenTransformer(PictureNetwork):
    """A small vision transformer that foretells hidden patches from those around them; a patch it cannot foretell is odd.

    The backbone makes a token of each patch (a cell of its map). While training, a random half of the tokens is hidden and a transformer
    encoder (Dosovitskiy et al., 2021, trained as in He et al., 2022, "Masked autoencoders") foretells them; it has a learned place for each
    token, so it knows what belongs where. To judge, four masks in turn each hide a quarter of the cells, in 2 × 2 blocks of neighbours with
    a gap, so that every cell is foretold once without itself being seen. Its error is judged by its Mahalanobis distance among the errors
    of normal cells, in units of what is usual at its place.

    A second channel judges the picture as a whole: mean and spread of its tokens, by their distance from those of normal pictures.

    Works from about fifty pictures; well for aligned scenes and for surfaces. A fault as large as the picture foretells itself, and only
    the second channel sees it. On surfaces where patches tell little about their neighbours it is hardly better than a Gaussian of them.

    Parameters
        backbone  that makes the tokens: see ``Features``
        taps      its blocks; None for the usual ones
        weights   path of its weights, or None for an installed package
        size      both sides of the square that pictures are brought to
        width     numbers of a token inside, a multiple of 4
        depth     layers
        training  a Training, a mapping of changes to the default, or None

    X (n,) pictures. Raises ConfigError TOC-222, TOC-223, TOC-272 to TOC-274, MissingExtra TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> detector = TokenTransformer(backbone="random", size=48, width=16, depth=1, training={"epochs": 5}).fit(data.train)
    >>> scores = detector.anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True,
                extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, batch_size=16, lr=2e-3, validation=0.2, patience=12)
    WHAT: ClassVar[str] = "is not what its surroundings foretell"

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, weights: str | None = None, size: int = 256,
                 width: int = 64, depth: int = 2, training: Training | Mapping[str, Any] | None = None) -> None:
        self.backbone, self.taps, self.weights, self.size, self.width, self.depth = backbone, taps, weights, size, width, depth
        self.training = training

    @classmethod
    def small(cls) -> TokenTransformer:
        return cls(backbone="random", size=48, width=16, depth=1, training={"epochs": 10})

    def _check(self) -> None:
        settings.at_least(1, depth=self.depth)
        settings.at_least(4, width=self.width)
        settings.at_least(32, size=self.size)
        settings.multiple(4, width=self.width)

    def _features(self) -> Features:
        return Features(self.backbone, None if self.taps is None else tuple(self.taps), self.size, self.weights)

    def _inputs(self, picture: np.ndarray) -> tuple[Tensor, ...]:
        assert self.features_ is not None
        return (joined(self.features_, picture),)

    def _body(self) -> Body:
        assert self.features_ is not None
        return _Foreteller(sum(self.features_.channels), self.features_.grids[0], self.width, self.depth)


class _Foreteller(Body):
    """Input: the backbone's map (b, c, g, g)."""

    def __init__(self, c: int, g: int, width: int, depth: int) -> None:
        super().__init__()
        self.cells = (("patches", c, g),)
        self.c, self.g = c, g
        self.wholes = (("picture", 2 * c),)
        self.tokens = Standardised(c, g, places=True)
        self.enter, self.place, self.hidden = nn.Linear(c, width), Position(g * g, width), _Hidden(width)
        self.layers = nn.Sequential(*(EncoderBlock(width, 4, 0.0) for _ in range(depth)))
        self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, c)

    def learn(self, *inputs: Tensor) -> None:
        self.tokens.learn(inputs[0])

    def loss(self, *inputs: Tensor) -> Tensor:
        tokens = self._tokens(inputs[0])
        mask = self.hidden.draw(tokens)  # (b, s)
        error = (self._foretold(tokens, mask) - tokens).square().mean(2)
        return (error * mask).sum(1) / mask.sum(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        tokens = self._tokens(inputs[0])
        left = torch.zeros_like(tokens)
        for turn in range(_TURNS):
            mask = self._mask(turn, tokens.device).expand(len(tokens), -1)
            left = left + (self._foretold(tokens, mask) - tokens) * mask[..., None]
        return [left.transpose(1, 2).view(-1, self.c, self.g, self.g)], [pooled(self.tokens(inputs[0]))]

    def _tokens(self, maps: Tensor) -> Tensor:
        made: Tensor = self.tokens(maps).flatten(2).transpose(1, 2)
        return made

    def _foretold(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(b, s, c) from the tokens that ``mask`` (b, s), 1 for hidden, leaves to see."""
        seen = self.hidden(self.enter(tokens), mask)
        made: Tensor = self.leave(self.norm(self.layers(self.place(seen))))
        return made

    def _mask(self, turn: int, place: torch.device) -> Tensor:
        """(s,) 1 for the cells hidden in this turn: blocks of 2 × 2, every second block along and across."""
        at = torch.arange(self.g, device=place) // 2 % 2
        mask = (at[:, None] == turn // 2) & (at[None, :] == turn % 2)
        return mask.flatten().float()


class _Hidden(Drawing):
    """The token that stands where one is hidden, and the choice of which are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(width))

    def initialise(self, generator: torch.Generator) -> None:
        """Small normal numbers."""
        self.token.normal_(0, 0.02, generator=generator)

    def draw(self, tokens: Tensor) -> Tensor:
        """(b, s) of 0 and 1: a random half of each picture's tokens."""
        drawn = self.uniform(*tokens.shape[:2], device=tokens.device)
        return (drawn <= drawn.median(1, keepdim=True).values).float()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask[..., None] > 0, self.token, tokens)
