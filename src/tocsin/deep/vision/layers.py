"""Small convolution layers for networks trained on few pictures. Group normalisation looks at one picture at a time, so batch mates do not
matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_POOLED = 10.0  # pictures' weight of the mean everywhere in each place's own


def convolution(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """(b, c_in, h, w) to (b, c_out, h / stride, w / stride): convolution, norm of groups of eight channels or so, ReLU."""
    groups = max(1, c_out // 8)
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.GroupNorm(groups if c_out % groups == 0 else 1, c_out),
                         nn.ReLU())


class Twice(nn.Module):
    """Each cell becomes 2 × 2, bilinear, then a convolution smooths it."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.smooth = convolution(c_in, c_out)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.smooth(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        return made


class Standardised(nn.Module):
    """Maps (b, c, g, g) with each channel's mean and deviation taken out; ``places``: the mean of each place, not of the whole map."""

    def __init__(self, c: int, g: int, places: bool = False) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.places = places
        self.register_buffer("mean", torch.zeros(1, c, g, g))
        self.register_buffer("scale", torch.ones(1, c, 1, 1))

    def initialise(self, generator: torch.Generator) -> None:
        """As it comes, until :meth:`learn`."""
        self.mean.zero_()
        self.scale.fill_(1)

    def learn(self, x: Tensor) -> None:
        """Mean and deviation of ``x`` (n, c, g, g); a channel that never varies keeps its unit. With few pictures a place's mean is drawn
        to that of all places."""
        everywhere = x.mean((0, 2, 3), keepdim=True, dtype=torch.float64)
        here = (x.sum(0, keepdim=True, dtype=torch.float64) + _POOLED * everywhere) / (len(x) + _POOLED)
        self.mean.copy_(here if self.places else everywhere.expand_as(self.mean))
        square = (x - self.mean).square().mean((0, 2, 3), keepdim=True, dtype=torch.float64)
        self.scale.copy_(torch.where(square > 1e-10, 1 / square.sqrt(), torch.ones_like(square)))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) * self.scale


def pooled(x: Tensor) -> Tensor:
    """(b, c, h, w) to (b, 2c): each channel's mean and deviation over the picture."""
    return torch.cat([x.mean((2, 3)), x.std((2, 3), correction=0)], dim=1)
