"""MobileNetV2 (Sandler et al., 2018) as a plan: inverted residual blocks, names as in torchvision's weights."""

from __future__ import annotations

from tocsin.deep.vision.block import Block, Layer, Plan

# times wider inside, channels, repeats, stride of the first
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def plan() -> Plan:
    """Blocks 0 to 18 are torchvision's ``features[0]`` to ``features[18]``.

    >>> [(block.channels, block.stride) for block in plan().blocks[:3]]
    [(32, 2), (16, 1), (24, 2)]
    """
    blocks = [Block((Layer("features.0.0", "features.0.1", 3, 32, 3, 2, 1, "relu6"),))]
    width = 32
    for wider, channels, repeats, stride in _STAGES:
        for i in range(repeats):
            blocks.append(_inverted(f"features.{len(blocks)}.conv", width, channels, wider, stride if i == 0 else 1))
            width = channels
    blocks.append(Block((Layer("features.18.0", "features.18.1", width, 1280, bend="relu6"),)))
    return Plan("mobilenet_v2", tuple(blocks), taps=(10, 13))


def _inverted(name: str, c_in: int, c_out: int, wider: int, stride: int) -> Block:
    inside = c_in * wider
    wide = (Layer(f"{name}.0.0", f"{name}.0.1", c_in, inside, bend="relu6"),) if wider > 1 else ()
    k = len(wide)
    each = Layer(f"{name}.{k}.0", f"{name}.{k}.1", inside, inside, 3, stride, inside, "relu6")
    narrow = Layer(f"{name}.{k + 1}", f"{name}.{k + 2}", inside, c_out)
    return Block((*wide, each, narrow), "same" if stride == 1 and c_in == c_out else None)
