"""First weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tocsin.core.errors import ConfigError
from tocsin.deep.blocks import EncoderBlock, mlp
from tocsin.deep.initialise import first_weights
from tocsin.deep.network import Network


def test_same_seed_same_weights_and_no_global_draw() -> None:
    before = torch.get_rng_state()
    a, b, other = (first_weights(lambda: mlp(4, 8, 2), seed) for seed in (0, 0, 1))
    assert torch.equal(a[0].weight, b[0].weight)
    assert not torch.equal(a[0].weight, other[0].weight)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("build", [lambda: nn.LSTM(3, 8), lambda: nn.GRU(3, 8), lambda: nn.Conv1d(3, 8, 5), lambda: EncoderBlock(8, 2, 0.1),
                                   lambda: Network((3,), mlp(3, 3))])
def test_every_weight_is_filled(build: object) -> None:
    net = first_weights(build, 0)
    assert all(torch.isfinite(t).all() and t.abs().max() < 5 for t in net.state_dict().values())
    assert not any(t.is_meta for t in net.state_dict().values())


def test_norms_start_as_the_identity() -> None:
    norm = first_weights(lambda: nn.LayerNorm(4), 0)
    assert norm.weight.tolist() == [1] * 4 and norm.bias.tolist() == [0] * 4


def test_a_module_without_a_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"TOC-224.*Bilinear"):
        first_weights(lambda: nn.Sequential(nn.Bilinear(2, 2, 2)), 0)
