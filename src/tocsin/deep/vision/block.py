"""What backbones are made of: convolutions with their batch normalisation folded in, and the shortcut around them.

A backbone is stated as plain data, a :class:`Plan` of blocks with the names that the published weights give to each layer. From it and the
weights :func:`folded` makes arrays, and :class:`Backbone` the network, both only as far as the last block that is asked for.

A batch normalisation that only infers is an affine map of each channel, so it goes into the convolution before it:
w' = w γ / √(σ² + ε),  b' = β - μ γ / √(σ² + ε).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.errors import ConfigError


@dataclass(frozen=True)
class Layer:
    """A convolution and the normalisation after it, by their names in the weights file. ``bend``: "relu6", "relu" or "" (linear)."""

    conv: str
    norm: str
    c_in: int
    c_out: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    bend: str = ""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (self.c_out, self.c_in // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True)
class Block:
    """Layers one after another. ``around``: None, "same" (the input is added) or a layer that the added input goes through.

    ``bend`` comes after the addition; ``pool`` halves the size by the maximum of 3 × 3 cells at the end.
    """

    layers: tuple[Layer, ...]
    around: Layer | str | None = None
    bend: str = ""
    pool: bool = False

    @property
    def all(self) -> tuple[Layer, ...]:
        return self.layers + ((self.around,) if isinstance(self.around, Layer) else ())

    @property
    def channels(self) -> int:
        return self.layers[-1].c_out

    @property
    def stride(self) -> int:
        made = 2 if self.pool else 1
        for layer in self.layers:
            made *= layer.stride
        return made


@dataclass(frozen=True)
class Plan:
    """A backbone as data.

    taps       the blocks that detectors read unless told otherwise
    mean, std  of the colours it was trained with, for pictures in [0, 1]
    even       a convolution of stride 2 pads right and below only, where the size is even (TensorFlow's "same"), not all around
    epsilon    of its batch normalisations
    """

    name: str
    blocks: tuple[Block, ...]
    taps: tuple[int, ...]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    even: bool = False
    epsilon: float = 1e-5


def folded(plan: Plan, last: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights and biases of the layers up to block ``last``, named as in :class:`Backbone`, from the published ``weights``.

    Raises ConfigError TOC-274 when a layer is missing or has another shape.
    """
    made: dict[str, Tensor] = {}
    for i, block in enumerate(plan.blocks[: last + 1]):
        for j, layer in enumerate(block.all):
            found = {part: weights.get(f"{name}.{part}") for name, part in
                     ((layer.conv, "weight"), *((layer.norm, part) for part in ("bias", "running_mean", "running_var")))}
            scale = weights.get(f"{layer.norm}.weight")
            kernel = found["weight"]
            if kernel is None or scale is None or any(part is None for part in found.values()) or tuple(kernel.shape) != layer.shape:
                raise ConfigError("TOC-274", f"these are not the weights of {plan.name}",
                                  came=f"{layer.conv}: {'missing' if kernel is None else tuple(kernel.shape)}, {layer.shape} needed",
                                  todo="pass a file with the published names, or another backbone")
            beta, mean, variance = (found[part].double() for part in ("bias", "running_mean", "running_var"))  # type: ignore[union-attr]
            factor = scale.double() / (variance + plan.epsilon).sqrt()
            made[f"blocks.{i}.{j}.weight"] = (kernel.double() * factor[:, None, None, None]).float().contiguous()
            made[f"blocks.{i}.{j}.bias"] = (beta - mean * factor).float().contiguous()
    return made


class Backbone(nn.Module):
    """(b, 3, size, size) in [0, 1], or uint8, to one map (b, c, g, g) for each tap. ``padding``: "zeros" or "reflect"."""

    def __init__(self, plan: Plan, taps: tuple[int, ...], padding: str) -> None:
        super().__init__()
        self.taps = taps
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(plan.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", (1 / torch.tensor(plan.std)).view(1, 3, 1, 1), persistent=False)
        self.blocks = nn.ModuleList(_Block(block, plan.even, padding) for block in plan.blocks[: max(taps) + 1])

    def forward(self, x: Tensor) -> list[Tensor]:
        x = x / 255 if x.dtype == torch.uint8 else x
        x = (x - self.mean) * self.scale
        kept: dict[int, Tensor] = {}
        for i, block in enumerate(self.blocks):
            x = block(x)
            kept[i] = x
        return [kept[tap] for tap in self.taps]


class _Block(nn.ModuleList):
    def __init__(self, block: Block, even: bool, padding: str) -> None:
        super().__init__(_Convolution(layer, even, padding) for layer in block.all)
        self.count, self.around, self.bend, self.pool = len(block.layers), block.around, block.bend, block.pool

    def forward(self, x: Tensor) -> Tensor:
        made = x
        for layer in list(self)[: self.count]:
            made = layer(made)
        if self.around is not None:
            made = made + (self[self.count](x) if isinstance(self.around, Layer) else x)
        made = _bent(made, self.bend)
        return F.max_pool2d(made, 3, 2, 1) if self.pool else made


class _Convolution(nn.Module):
    def __init__(self, layer: Layer, even: bool, padding: str) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups, self.bend = layer.kernel, layer.stride, layer.groups, layer.bend
        self.even, self.padding = even, padding
        self.weight = nn.Parameter(torch.zeros(layer.shape), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(layer.c_out), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        left, right, top, bottom = self._rim(x.shape[-1]) + self._rim(x.shape[-2])
        inside = self.padding == "zeros" and left == right == top == bottom
        if not inside and max(left, right, top, bottom):
            x = F.pad(x, (left, right, top, bottom), mode="constant" if self.padding == "zeros" else "reflect")
        return _bent(F.conv2d(x, self.weight, self.bias, self.stride, left if inside else 0, 1, self.groups), self.bend)

    def _rim(self, size: int) -> tuple[int, int]:
        """Cells to add before and after."""
        if not self.even:
            return self.kernel // 2, self.kernel // 2
        size = int(size)
        whole = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return whole // 2, whole - whole // 2


def _bent(x: Tensor, bend: str) -> Tensor:
    return x.clamp(0, 6) if bend == "relu6" else x.relu() if bend == "relu" else x
