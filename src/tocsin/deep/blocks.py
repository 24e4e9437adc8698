"""The parts that networks are built of. Nothing here touches the global random state.

What draws at random is a :class:`Drawing`: it holds the generator that the trainer lends to it and has none otherwise. PyTorch's own
``nn.Dropout`` reads the global generator, so it is not used. There is no batch normalisation: a row's score must not depend on its batch
mates.

Letters: b rows or windows in a batch, d features, t time steps, c channels, e width inside.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Drawing(nn.Module):
    """Abstract: a module that draws random numbers from a lent generator. A fitted network holds none."""

    generator: torch.Generator | None = None

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the form of ``like``."""
        return torch.empty(like.shape, dtype=torch.float32, device=like.device).normal_(generator=self.generator)

    def uniform(self, *shape: int, device: torch.device) -> Tensor:
        """Numbers in [0, 1)."""
        return torch.empty(shape, device=device).uniform_(generator=self.generator)


def lend(net: nn.Module, generator: torch.Generator | None) -> None:
    """Give ``generator`` to everything in ``net`` that draws; None takes it back."""
    for module in net.modules():
        if isinstance(module, Drawing):
            module.generator = generator


class Dropout(Drawing):
    """Zeroes a share ``p`` of the values while training and scales up the rest; does nothing in evaluation (Srivastava et al., 2014)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        keep = torch.empty(x.shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.p, generator=self.generator)
        return x * keep / (1 - self.p)


class Standardise(nn.Module):
    """Raw values to standardised ones, inside the network so that a saved or exported network carries them.

    ``z = (x - mean) / scale`` in float64, then float32. Beyond ±1e4 standard deviations z grows with the logarithm: still strictly
    monotone and finite for every finite double, so a huge outlier neither overflows nor ties with another.
    A column that was constant in training has scale 1.
    """

    LIMIT = 1e4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(width, dtype=torch.float64))

    def learn(self, x: Tensor) -> None:
        """Take mean and standard deviation from ``x`` (n, d) float64; values up to the largest double are fine."""
        top = x.abs().amax(0).clamp(min=1e-300)  # squares of values near 1e300 would overflow without it
        unit = x / top
        mean, deviation = unit.mean(0), unit.std(0, correction=0)
        constant = deviation <= 1e-12  # of a column's largest magnitude: rounding noise, not variation
        self.mean.copy_(mean * top)
        self.scale.copy_(torch.where(constant, torch.ones_like(top), (deviation * top).clamp(min=1e-300)))

    def forward(self, x: Tensor) -> Tensor:
        largest = torch.finfo(torch.float64).max
        z = ((x.to(torch.float64) - self.mean) / self.scale).clamp(-largest, largest)
        size = z.abs()
        far = z.sign() * self.LIMIT * (1 + (size.clamp(min=self.LIMIT) / self.LIMIT).log())
        return torch.where(size <= self.LIMIT, z, far).to(torch.float32)

    def inverse(self, z: Tensor) -> Tensor:
        """Standardised values back to float64 in the data's units, kept within the finite doubles."""
        largest = torch.finfo(torch.float64).max
        return (z.to(torch.float64) * self.scale + self.mean).clamp(-largest, largest)

    def initialise(self, generator: torch.Generator) -> None:
        """Mean 0 and scale 1 until :meth:`learn`."""
        self.mean.zero_()
        self.scale.fill_(1)


class Position(nn.Module):
    """A learned vector for each place (s,) in a sequence, added to the tokens (b, s, e)."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(places, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table

    def initialise(self, generator: torch.Generator) -> None:
        """Small normal numbers."""
        self.table.normal_(0, 0.02, generator=generator)


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017) over tokens (b, s, e); ``causal``: a token sees itself and earlier ones only."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, s, e = x.shape
        q, k, v = self.query_key_value(x).view(b, s, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4)  # 3 × (b, h, s, e/h)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(b, s, e))


class EncoderBlock(nn.Module):
    """Attention, then two linear layers, each after a layer norm and added to what came in (norms first: Xiong et al., 2020)."""

    def __init__(self, width: int, heads: int, dropout: float, causal: bool = False) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads, causal)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x)))))


class CausalConv(nn.Module):
    """A dilated convolution over (b, c, t) that sees the present and the past only, with a shortcut (Bai, Kolter & Koltun, 2018)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.lead = (kernel - 1) * dilation
        self.conv = nn.Conv1d(c_in, c_out, kernel, dilation=dilation)
        self.shortcut: Any = nn.Identity() if c_in == c_out else nn.Conv1d(c_in, c_out, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.dropout(F.gelu(self.conv(F.pad(x, (self.lead, 0)))))


def mlp(*widths: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of these widths with GELU (and dropout) between them; the last one is linear.

    >>> sum(p.numel() for p in mlp(4, 8, 2).parameters())
    58
    """
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(widths)):
        if i:
            layers.append(nn.GELU())
            if dropout:
                layers.append(Dropout(dropout))
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)
