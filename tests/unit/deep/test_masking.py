"""Hidden cells are foretold from the others, never from themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tocsin.deep.blocks import lend
from tocsin.deep.initialise import first_weights
from tocsin.deep.masking import CellMLP, CellTransformer, Masked, misfit

D = 7


def _masked(kind: str, d: int = D, turns: int = 3, rounds: int = 2) -> Masked:
    def build() -> nn.Module:
        return Masked(d, CellMLP(d, 16, 1) if kind == "mlp" else CellTransformer(d, 16, 4, 1), turns, rounds)

    made = first_weights(build, 0)
    assert isinstance(made, Masked)
    return made.eval()


def test_every_column_is_hidden_once_a_round() -> None:
    hide = _masked("mlp").hide.view(2, 3, D)
    assert (hide.sum(1) == 1).all()
    assert not torch.equal(hide[0], hide[1])


def test_one_column_needs_one_pass() -> None:
    assert _masked("mlp", d=1).hide.tolist() == [[True]]


@pytest.mark.parametrize("kind", ["mlp", "transformer"])
def test_no_cell_is_foretold_from_itself(kind: str) -> None:
    net, z = _masked(kind), torch.randn(5, D, generator=torch.Generator().manual_seed(0))
    changed = z.clone()
    changed[:, 2] += 3
    before, after = net(z), net(changed)
    assert torch.equal(before[:, 2], after[:, 2])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("kind", ["mlp", "transformer"])
def test_the_loss_has_gradients_for_every_weight(kind: str) -> None:
    net = _masked(kind)
    lend(net, torch.Generator().manual_seed(0))
    losses = net.trained(torch.randn(64, D, generator=torch.Generator().manual_seed(1)), 0.1, 0.6)
    losses.mean().backward()
    assert losses.shape == (64,)
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_a_sure_forecast_that_fails_costs_more() -> None:
    z, mean = torch.tensor([1.0]), torch.tensor([0.0])
    assert misfit(z, mean, torch.tensor([-4.0])) > misfit(z, mean, torch.tensor([0.0])) > misfit(mean, mean, torch.tensor([-4.0]))
