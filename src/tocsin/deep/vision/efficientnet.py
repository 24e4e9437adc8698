"""EfficientNet-Lite0 as a plan (Tan & Le, 2019; the Lite variant has no squeeze-and-excitation and bends by ReLU6)."""

from __future__ import annotations

from tocsin.deep.vision.block import Block, Layer, Plan

# times wider inside, channels, repeats, stride of the first, kernel
_STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))


def plan() -> Plan:
    """Block i is ``_blocks.i`` of the published weights, 0 to 15; the stem belongs to block 0.

    >>> len(plan().blocks), plan().blocks[10].channels
    (16, 112)
    """
    stem = Layer("_conv_stem", "_bn0", 3, 32, 3, 2, 1, "relu6")
    blocks: list[Block] = []
    width = 32
    for wider, channels, repeats, stride, kernel in _STAGES:
        for i in range(repeats):
            blocks.append(_inverted(f"_blocks.{len(blocks)}", width, channels, wider, stride if i == 0 else 1, kernel))
            width = channels
    first = Block((stem, *blocks[0].layers))
    return Plan("efficientnet_lite0", (first, *blocks[1:]), taps=(7, 10), mean=(0.498, 0.498, 0.498), std=(0.502, 0.502, 0.502),
                even=True, epsilon=1e-3)


def _inverted(name: str, c_in: int, c_out: int, wider: int, stride: int, kernel: int) -> Block:
    inside = c_in * wider
    wide = (Layer(f"{name}._expand_conv", f"{name}._bn0", c_in, inside, bend="relu6"),) if wider > 1 else ()
    each = Layer(f"{name}._depthwise_conv", f"{name}._bn1", inside, inside, kernel, stride, inside, "relu6")
    narrow = Layer(f"{name}._project_conv", f"{name}._bn2", inside, c_out)
    return Block((*wide, each, narrow), "same" if stride == 1 and c_in == c_out else None)
