"""What is usual of the codes that a network makes of normal pictures: in each cell, and of the whole picture.

Letters: b pictures, c numbers of a cell's code, g cells a side, e numbers of a picture's code, k channels (kinds of codes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from tocsin.deep.stored import Stored
from tocsin.deep.whitening import Whitening

_TOP = 0.03  # share of a picture's cells, the oddest, that judge it: one cell is chance, all of them drown a small fault
_POOLED = 10.0  # pictures' weight of the mean level in each place's own
_FLOOR = 1e-9


class Body(nn.Module, ABC):
    """Abstract: a network of pictures. ``cells``: (name, c, g) of each kind of cell code it makes; ``wholes``: (name, e) of a picture's."""

    cells: tuple[tuple[str, int, int], ...]
    wholes: tuple[tuple[str, int], ...] = ()

    def learn(self, *inputs: Tensor) -> None:
        """Take from the training pictures what training needs to know before it begins."""

    @abstractmethod
    def loss(self, *inputs: Tensor) -> Tensor:
        """(b,) what training makes small."""

    @abstractmethod
    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Cell codes (b, c, g, g) and whole codes (b, e); of residuals, what normal pictures leave is near 0."""


class Cells(nn.Module):
    """Squared Mahalanobis distance of each cell's code, divided by the usual one at its place: about 1 for a normal cell."""

    def __init__(self, c: int, g: int) -> None:
        super().__init__()
        self.whitening = Whitening(c)
        self.level: Tensor
        self.register_buffer("level", torch.ones(g, g, dtype=torch.float64))

    def initialise(self, generator: torch.Generator) -> None:
        """Every place alike until the training pictures have shown their levels."""
        self.level.fill_(1)

    def distance(self, codes: Tensor) -> Tensor:
        """(b, c, g, g) to (b, g, g)."""
        made: Tensor = self.whitening(codes.permute(0, 2, 3, 1).reshape(-1, codes.shape[1]))
        return made.view(codes.shape[0], *codes.shape[2:])

    def learn_level(self, sums: Tensor, count: int) -> None:
        """From the sum (g, g) of :meth:`distance` over ``count`` pictures."""
        mean = sums.mean() / count
        self.level.copy_(((sums + _POOLED * mean) / (count + _POOLED)).clamp(min=_FLOOR))

    def forward(self, codes: Tensor) -> Tensor:
        return self.distance(codes) / self.level


class Judge(Stored):
    """A trained :class:`Body` and what is usual of its codes: pictures in, maps and one value a channel out."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.cells = nn.ModuleList(Cells(c, g) for _, c, g in body.cells)
        self.wholes = nn.ModuleList(Whitening(e) for _, e in body.wholes)
        self.names = (*(name for name, _, _ in body.cells), *(name for name, _ in body.wholes))
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(len(self.names), dtype=torch.float64))
        self.register_buffer("spread", torch.ones(len(self.names), dtype=torch.float64))

    def initialise(self, generator: torch.Generator) -> None:
        """Channels count as they are until held-out pictures have shown their spread."""
        self.centre.zero_()
        self.spread.fill_(1)

    def forward(self, *inputs: Tensor) -> tuple[list[Tensor], Tensor]:
        """Maps [(b, g, g)], about 1 where all is usual, and values (b, k), a distance for each channel."""
        cells, wholes = self.body.codes(*inputs)
        maps: list[Tensor] = [usual(codes) for usual, codes in zip(self.cells, cells)]
        values = [_top(each) for each in maps] + [usual(codes) for usual, codes in zip(self.wholes, wholes)]
        return maps, torch.stack(values, dim=1).sqrt()

    def cell_usuals(self) -> list[Cells]:
        """What is usual of each kind of cell code, in the body's order."""
        return [usual for usual in self.cells if isinstance(usual, Cells)]

    def whole_usuals(self) -> list[Whitening]:
        """The same of whole codes."""
        return [usual for usual in self.wholes if isinstance(usual, Whitening)]

    def odds(self, values: Tensor) -> Tensor:
        """(b, k) values in spreads above their centre, of normal pictures that were not trained on."""
        return (values - self.centre) / self.spread

    def calibrate(self, values: Tensor) -> None:
        """Learn centre and spread of each channel from the ``values`` (m, k) of pictures that were not trained on."""
        self.centre.copy_(values.mean(0))
        spread = values.std(0, correction=0) if len(values) > 1 else torch.zeros_like(self.spread)
        self.spread.copy_(spread.clamp(min=0.02 * float(self.centre.abs().mean()) + _FLOOR))


def _top(cells: Tensor) -> Tensor:
    """(b, g, g) to (b,): the mean of the oddest cells."""
    flat = cells.flatten(1)
    return flat.topk(max(1, round(_TOP * flat.shape[1])), dim=1).values.mean(1)
