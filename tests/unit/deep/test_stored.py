from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tocsin.core.errors import ArtifactError
from tocsin.deep.stored import Stored


class _Small(Stored):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 2)


def _filled(value: float) -> _Small:
    net = _Small()
    net.fill({name: np.full_like(array, value) for name, array in net.arrays().items()})
    return net


def test_weights_go_out_and_come_back() -> None:
    other = _Small()
    other.fill(_filled(0.25).arrays())
    assert torch.equal(other.line(torch.ones(1, 3)), torch.ones(1, 2))


@pytest.mark.parametrize("spoil", [lambda a: {**a, "more": np.zeros(1)}, lambda a: {k: v.astype(np.float64) for k, v in a.items()},
                                   lambda a: {k: v[:1] for k, v in a.items()}, lambda a: {}, lambda a: None])
def test_other_weights_are_refused(spoil) -> None:
    net = _filled(0.5)
    with pytest.raises(ArtifactError, match="TOC-410"):
        net.fill(spoil(net.arrays()))
