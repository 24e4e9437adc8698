"""A small convolution net with fixed random weights: features without any weights file, for tests and for judging what training brings.

Random filters keep local texture and colour (Saxe et al., 2011), but know nothing of objects: pretrained weights tell far more.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tocsin.deep.vision.block import Block, Layer, Plan

_HALVING = (0, 2, 6)


def plan() -> Plan:
    """Blocks 0 to 17, so that a tap which fits MobileNetV2 fits here; an eighth of the size from block 6 on.

    >>> len(plan().blocks), plan().blocks[10].channels
    (18, 24)
    """
    blocks: list[Block] = []
    width = 3
    for i in range(18):
        channels, halves = 16 if i < 6 else 24, i in _HALVING
        layer = Layer(f"block.{i}", f"block.{i}", width, channels, 3, 2 if halves else 1, 1, "relu" if width != channels or halves else "")
        blocks.append(Block((layer,), None if width != channels or halves else "same", bend="relu"))
        width = channels
    return Plan("random", tuple(blocks), taps=(6, 10))


def draw(last: int, seed: int) -> dict[str, Tensor]:
    """Weights of the blocks up to ``last``, in the form of ``block.folded``: normal, with a spread that keeps values of one size."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, Tensor] = {}
    for i, block in enumerate(plan().blocks[: last + 1]):
        layer = block.layers[0]
        gain = (2.0 if layer.bend else 0.1) / (layer.c_in * layer.kernel**2)
        made[f"blocks.{i}.0.weight"] = torch.empty(layer.shape).normal_(0, gain**0.5, generator=generator)
        made[f"blocks.{i}.0.bias"] = torch.zeros(layer.c_out)
    return made
