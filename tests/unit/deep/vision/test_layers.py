"""Small convolution layers."""

from __future__ import annotations

import numpy as np
import torch

from tocsin.deep.initialise import first_weights
from tocsin.deep.vision.layers import Standardised, Twice, convolution, pooled


def test_batch_mates_do_not_matter() -> None:
    layer = first_weights(lambda: convolution(3, 16, 3, 2), 0)
    x = torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    assert layer(x).shape == (4, 16, 5, 5)
    torch.testing.assert_close(layer(x)[2:3], layer(x[2:3]), rtol=1e-5, atol=1e-6)


def test_widths_that_eight_does_not_divide() -> None:
    for width in (1, 5, 12, 20):
        assert first_weights(lambda width=width: convolution(3, width), 0)(torch.zeros(1, 3, 4, 4)).shape == (1, width, 4, 4)


def test_twice_the_size() -> None:
    assert first_weights(lambda: Twice(3, 8), 0)(torch.zeros(1, 3, 4, 5)).shape == (1, 8, 8, 10)


def test_standardised_channels_and_one_that_never_varies() -> None:
    layer = first_weights(lambda: Standardised(3, 4), 0)
    assert isinstance(layer, Standardised)
    x = torch.randn(50, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 7.0, 0.0]).view(1, 3, 1, 1) + 5
    layer.learn(x)
    made = layer(x)
    np.testing.assert_allclose(made.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(made.std((0, 2, 3)), [1, 1, 0], atol=1e-2)


def test_each_place_has_its_own_mean() -> None:
    layer = first_weights(lambda: Standardised(2, 3, places=True), 0)
    assert isinstance(layer, Standardised)
    x = torch.randn(400, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    x[:, :, 0, 0] += 20
    layer.learn(x)
    assert float(layer(x).mean((0, 1)).abs().max()) < 1.0
    assert float((x * layer.scale).mean((0, 1)).abs().max()) > 10


def test_pooled_is_mean_and_deviation() -> None:
    x = torch.tensor([[[[1.0, 3.0]]]])
    assert pooled(x).tolist() == [[2.0, 1.0]]
