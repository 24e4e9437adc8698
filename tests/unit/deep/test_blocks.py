"""Parts of networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.deep.blocks import Attention, CausalConv, Dropout, Standardise, lend, mlp


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_dropout_scales_up_what_it_keeps_and_rests_in_evaluation() -> None:
    layer, x = Dropout(0.25), torch.ones(4000)
    lend(layer, _generator())
    made = layer(x)
    assert made.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert made.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(layer.eval()(x), x)


def test_dropout_draws_from_the_lent_generator_alone() -> None:
    layer, x = Dropout(0.5), torch.ones(50)
    before = torch.get_rng_state()
    made = []
    for _ in range(2):
        lend(layer, _generator(3))
        made.append(layer(x))
    assert torch.equal(*made)
    assert torch.equal(torch.get_rng_state(), before)


def test_lend_takes_back() -> None:
    net = mlp(2, 3, 1, dropout=0.5)
    lend(net, _generator())
    lend(net, None)
    assert all(getattr(module, "generator", None) is None for module in net.modules())


def test_standardise_learns_mean_and_deviation() -> None:
    x = torch.tensor(np.random.default_rng(0).normal(5, 3, (500, 2)))
    layer = Standardise(2)
    layer.learn(x)
    z = layer(x)
    assert z.dtype == torch.float32
    assert torch.allclose(z.mean(0), torch.zeros(2), atol=1e-5) and torch.allclose(z.std(0, correction=0), torch.ones(2), atol=1e-5)
    assert torch.allclose(layer.inverse(z), x, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_standardise_survives_any_magnitude(size: float) -> None:
    layer = Standardise(1)
    layer.learn(torch.tensor([[-size], [size], [0.0]], dtype=torch.float64))
    z = layer(torch.tensor([[1.7e308], [-1.7e308], [size], [0.0]], dtype=torch.float64))
    assert torch.isfinite(z).all() and torch.isfinite(layer.inverse(z)).all()


def test_standardise_keeps_far_values_in_order() -> None:
    values = torch.tensor([[1.0], [9e3], [1.1e4], [1e6], [1e100], [1e300]], dtype=torch.float64)
    z = Standardise(1)(values)[:, 0]
    assert (z.diff() > 0).all()
    assert torch.equal(Standardise(1)(-values)[:, 0], -z)


def test_a_constant_column_has_scale_one() -> None:
    layer = Standardise(2)
    layer.learn(torch.tensor([[0.1, 7.0]] * 9, dtype=torch.float64))
    assert layer.scale.tolist() == [1, 1]
    assert layer(torch.tensor([[0.1, 9.0]], dtype=torch.float64)).tolist() == [[0, 2]]


def test_a_causal_convolution_never_looks_ahead() -> None:
    layer = CausalConv(2, 4, kernel=3, dilation=2, dropout=0.0)
    x = torch.zeros(1, 2, 20)
    changed = x.clone()
    changed[0, :, 12] = 1
    difference = (layer(changed) - layer(x)).abs().sum((0, 1))
    assert (difference[:12] == 0).all() and difference[12] > 0


def test_attention_keeps_the_form_and_mixes_tokens() -> None:
    layer, x = Attention(8, 2), torch.zeros(2, 5, 8)
    changed = x.clone()
    changed[0, 4] = 1
    difference = (layer(changed) - layer(x)).abs().sum(2)
    assert difference.shape == (2, 5)
    assert (difference[0] > 0).all() and (difference[1] == 0).all()
