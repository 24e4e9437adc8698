"""What the detectors that learn from noise share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ArtifactError
from tocsin.core.state import build
from tocsin.deep.blocks import Drawing
from tocsin.deep.diffusion import Told, beyond, contrast, drawn, ladder, soft_clip, waves
from tocsin.deep.initialise import first_weights
from tocsin.detectors.denoising_autoencoder import DenoisingAutoencoder


def test_the_clip_is_odd_increasing_and_without_a_bend() -> None:
    z = torch.linspace(-100, 100, 4001, dtype=torch.float64)
    made = soft_clip(z)
    assert (made.diff() > 0).all() and torch.allclose(made, -soft_clip(-z))
    assert (made[z.abs() <= 4] == z[z.abs() <= 4]).all() and made.diff().diff().abs().max() < 1e-3


def test_beyond_is_zero_within_and_grows_outside() -> None:
    made = beyond(torch.tensor([[4.0, -4.0], [8.0, 0.0], [-80.0, 0.0]]))
    assert made[0] == 0 and 0 < made[1] < made[2]


def test_a_ladder_of_one_or_of_nothing() -> None:
    assert ladder(1, 0.1, 0.7) == [0.7]
    assert ladder(2, 0.0, 0.0) == [0.0, 0.0]


def test_levels_are_spread_evenly_over_a_batch() -> None:
    noise = Drawing()
    noise.generator = torch.Generator().manual_seed(0)
    levels = drawn(noise, torch.zeros(100, 2), 10)
    assert torch.bincount(levels, minlength=10).tolist() == pytest.approx([10] * 10, abs=1)
    assert not (levels.diff() >= 0).all()


def test_waves_tell_numbers_apart() -> None:
    made = waves(torch.tensor([0.0, 0.001, 1.0]))
    assert made.shape == (3, 16) and torch.cdist(made, made)[0, 1:].min() > 0.1


def test_the_contrast_is_low_for_two_views_of_a_row() -> None:
    first = torch.eye(8)
    assert contrast(first, first).max() < contrast(first, first.roll(1, 0)).min()


def test_the_network_hears_the_number() -> None:
    net = first_weights(lambda: Told(3, 8, 3, 1, 0.0), 0)
    z = torch.ones(2, 3)
    made = net(z, torch.tensor([0.0, 1.0]))
    assert not torch.allclose(made[0], made[1])


@pytest.mark.parametrize("name", ["knots_", "spread_", "center_"])
def test_tampered_ranks_are_refused(name: str) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    state = DenoisingAutoencoder(hidden=4, inputs="ranks", training={"epochs": 1}).fit(rows).state()
    state["learned"]["ranks_"][name] = state["learned"]["ranks_"][name][:, None]
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(DenoisingAutoencoder, state)


def test_missing_ranks_are_refused() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    state = DenoisingAutoencoder(hidden=4, inputs="both", training={"epochs": 1}).fit(rows).state()
    del state["learned"]["ranks_"]
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(DenoisingAutoencoder, state)
