"""Networks whose weights are written down as plain arrays and read back only where every name, shape and type fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from tocsin.core.errors import ArtifactError


class Stored(nn.Module):
    """A network that can be written down; abstract in all but name."""

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
        self.load_state_dict({name: torch.tensor(array) for name, array in given.items()})
