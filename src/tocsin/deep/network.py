"""What a fitted deep detector holds: standardisation, the author's network, and the usual size of a residual in each column."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.errors import ArtifactError
from tocsin.deep.blocks import Standardise


class Network(nn.Module):
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

    def arrays(self) -> dict[str, np.ndarray]:
        """All weights and buffers by name."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    def fill(self, arrays: Any) -> None:
        """The inverse of :meth:`arrays`. Raises ArtifactError TOC-410 unless names, shapes and types are exactly this network's."""
        wanted = {name: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in self.state_dict().items()}
        given = arrays if isinstance(arrays, dict) else {}
        came = {name: (tuple(a.shape), str(a.dtype)) for name, a in given.items() if isinstance(a, np.ndarray)}
        if wanted != came:
            odd = sorted(set(wanted.items()) ^ set(came.items()))[:3]
            raise ArtifactError("TOC-410", "the stored weights are not those of this network", came=str(odd)[:200],
                                todo="load a file that this version of tocsin wrote")
        self.to_empty(device="cpu")
        self.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
