"""AdamW over one flat gradient."""

from __future__ import annotations

import pytest
import torch

from tocsin.deep.blocks import mlp
from tocsin.deep.initialise import first_weights
from tocsin.deep.optimiser import AdamW


def _net() -> torch.nn.Module:
    return first_weights(lambda: mlp(3, 5, 1), 0)


def test_the_first_step_is_the_learning_rate_against_the_sign() -> None:
    net = _net()
    before = [p.detach().clone() for p in net.parameters()]
    optimiser = AdamW(net, 0.0)
    net(torch.ones(4, 3)).sum().backward()
    signs = [p.grad.sign() for p in net.parameters()]
    optimiser.step(0.01)
    for old, new, sign in zip(before, net.parameters(), signs):
        assert torch.allclose(new, old - 0.01 * sign, atol=1e-5)


def test_decay_spares_biases() -> None:
    net = _net()
    weight, bias = net[0].weight.detach().clone(), net[0].bias.detach().clone()
    AdamW(net, 0.5).step(0.1)  # the gradient is zero
    assert torch.allclose(net[0].weight, weight * 0.95)
    assert torch.equal(net[0].bias, bias)


def test_clip_shortens_long_gradients_only() -> None:
    net = _net()
    optimiser = AdamW(net, 0.0)
    optimiser.gradient.fill_(10)
    optimiser.clip(1.0)
    assert optimiser.gradient.norm() == pytest.approx(1, rel=1e-4)
    optimiser.gradient.fill_(0.001)
    optimiser.clip(1.0)
    assert torch.equal(optimiser.gradient, torch.full_like(optimiser.gradient, 0.001))
    optimiser.gradient.fill_(10)
    optimiser.clip(0)
    assert optimiser.gradient.max() == 10


def test_it_learns_a_line() -> None:
    net, x = _net(), torch.linspace(-1, 1, 90).view(30, 3)
    optimiser = AdamW(net, 0.0)
    for _ in range(400):
        (net(x)[:, 0] - x.sum(1)).square().mean().backward()
        optimiser.step(0.01)
    assert (net(x)[:, 0] - x.sum(1)).square().mean() < 0.05  # 3.0 without learning
