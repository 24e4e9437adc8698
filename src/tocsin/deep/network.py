"""What a fitted deep detector holds: standardisation, the author's network, and the usual size of a residual in each column."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tocsin.deep.blocks import Standardise
from tocsin.deep.stored import Stored


class Network(Stored):
    """``inputs`` (raw → standardised z), ``body`` (the author's, on z) and ``spread`` (columns,), all of it in one ``state_dict``."""

    def __init__(self, shape: tuple[int, ...], body: nn.Module) -> None:
        super().__init__()
        self.inputs = Standardise(shape[-1])
        self.body = body
        self.spread: Tensor
        self.register_buffer("spread", torch.ones(shape[-1]))

    def forward(self, x: Tensor) -> Any:
        return self.body(self.inputs(x))

    def initialise(self, generator: torch.Generator) -> None:
        """Every residual counts alike until the held-out rows have shown their spread."""
        self.spread.fill_(1)
