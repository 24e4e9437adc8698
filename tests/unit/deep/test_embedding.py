"""Embeddings of patches, and what teaches them."""

from __future__ import annotations

import numpy as np
import torch

from tocsin.deep.blocks import Drawing, lend
from tocsin.deep.embedding import PatchEmbedding, patch_losses, spoiled
from tocsin.deep.initialise import first_weights


def _net(length: int = 24, channels: int = 2) -> PatchEmbedding:
    net = first_weights(lambda: PatchEmbedding(length, channels, 6, 5), 0)
    assert isinstance(net, PatchEmbedding)
    lend(net, torch.Generator().manual_seed(1))
    return net


def _patches(b: int, length: int, channels: int = 2) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(0).normal(size=(b, length, channels)), dtype=torch.float32)


def test_an_embedding_has_length_one_and_knows_no_level_and_little_of_size() -> None:
    net, patches = _net(), _patches(7, 24)
    made = net(patches)
    assert made.shape == (7, 5) and torch.allclose(made.norm(dim=1), torch.ones(7))
    assert torch.allclose(net(patches + 100), made, atol=1e-4)
    assert (net(50 * patches) - made).norm(dim=1).max() < 0.1


def test_any_length_from_four_on() -> None:
    for length in (4, 5, 7, 8, 9, 33):
        assert _net(length, 1)(_patches(3, length, 1)).shape == (3, 5)


def test_one_loss_for_each_stretch() -> None:
    losses = patch_losses(_net(), _patches(9, 2 * 24 + 4))
    assert losses.shape == (9,) and torch.isfinite(losses).all() and (losses > 0).all()
    assert torch.isfinite(patch_losses(_net(), _patches(1, 2 * 24 + 2))).all()
    assert torch.isfinite(patch_losses(_net(), torch.zeros(4, 2 * 24 + 2, 2))).all()


def test_a_part_of_each_patch_is_spoiled() -> None:
    draw = Drawing()
    draw.generator = torch.Generator().manual_seed(3)
    patches = _patches(400, 32, 1)
    changed = (spoiled(patches, draw) != patches)[..., 0]  # (b, l)
    share = changed.float().mean(1)
    assert (share > 0).float().mean() > 0.98 and share.max() <= 0.8
    inside = [(row.nonzero()[-1] - row.nonzero()[0] + 1) <= 0.75 * 32 + 1 for row in changed if row.any()]
    assert all(inside)
    alone = changed.sum(1) <= 3
    assert 0.05 < alone.float().mean() < 0.35  # spikes are one way of six


def test_what_is_drawn_is_drawn_from_the_generator_alone() -> None:
    made = [patch_losses(_net(), _patches(9, 52)) for _ in range(2)]
    assert torch.equal(*made)
