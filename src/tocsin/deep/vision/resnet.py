"""ResNet-50 (He et al., 2016) as a plan, with the stride in the 3 × 3 convolution; names as in torchvision's weights."""

from __future__ import annotations

from tocsin.deep.vision.block import Block, Layer, Plan

_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width inside, blocks, stride of the first


def plan() -> Plan:
    """Block 0 is the stem with its pooling; 1-3, 4-7, 8-13 and 14-16 are ``layer1`` to ``layer4``.

    >>> len(plan().blocks), plan().blocks[7].channels, plan().blocks[13].channels
    (17, 512, 1024)
    """
    blocks = [Block((Layer("conv1", "bn1", 3, 64, 7, 2, 1, "relu"),), pool=True)]
    width = 64
    for stage, (inside, count, stride) in enumerate(_STAGES, start=1):
        for i in range(count):
            blocks.append(_bottleneck(f"layer{stage}.{i}", width, inside, stride if i == 0 else 1, i == 0))
            width = 4 * inside
    return Plan("resnet50", tuple(blocks), taps=(7, 13))


def _bottleneck(name: str, c_in: int, inside: int, stride: int, first: bool) -> Block:
    layers = (Layer(f"{name}.conv1", f"{name}.bn1", c_in, inside, bend="relu"),
              Layer(f"{name}.conv2", f"{name}.bn2", inside, inside, 3, stride, 1, "relu"),
              Layer(f"{name}.conv3", f"{name}.bn3", inside, 4 * inside))
    around = Layer(f"{name}.downsample.0", f"{name}.downsample.1", c_in, 4 * inside, 1, stride) if first else "same"
    return Block(layers, around, bend="relu")
