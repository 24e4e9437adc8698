"""A BERT encoder (Devlin et al., 2019): the tokens of a text become one vector, the mean over them (Reimers and Gurevych, 2019).

Letters: b texts in a block, s tokens of a text (filled up), e width, h heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """Sizes of an encoder: ``tokens`` known, ``places`` in the longest text, ``width``, ``inner`` width, ``layers``, ``heads``."""

    tokens: int
    places: int
    width: int
    inner: int
    layers: int
    heads: int


class Table(nn.Module):
    """A learned vector for each number."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, width))

    def forward(self, index: Tensor) -> Tensor:
        return F.embedding(index, self.weight)

    def initialise(self, generator: torch.Generator) -> None:
        """Normal numbers of spread 1: texts that share no token then lie about at right angles."""
        self.weight.normal_(generator=generator)


class Layer(nn.Module):
    """Self-attention, then two linear layers; a layer norm after each sum."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, e = shape.heads, shape.width
        self.query_key_value, self.out, self.norm1 = nn.Linear(e, 3 * e), nn.Linear(e, e), nn.LayerNorm(e, eps=1e-12)
        self.up, self.down, self.norm2 = nn.Linear(e, shape.inner), nn.Linear(shape.inner, e), nn.LayerNorm(e, eps=1e-12)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        b, s, e = x.shape
        q, k, v = self.query_key_value(x).view(b, s, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4)  # 3 × (b, h, s, e/h)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])
        x = self.norm1(x + self.out(seen.transpose(1, 2).reshape(b, s, e)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    """Token numbers (b, s) and how many of them are there (b,) → (b, e) vectors of length 1."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words, self.places = Table(shape.tokens, shape.width), Table(shape.places, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, tokens: Tensor, count: Tensor) -> Tensor:
        steps = torch.arange(tokens.shape[1], device=tokens.device)
        there = steps < count[:, None]  # (b, s); what only fills up is neither attended to nor counted
        x = self.norm(self.words(tokens) + self.places(steps))
        for layer in self.layers:
            x = layer(x, there)
        return F.normalize((x * there[..., None]).sum(1) / count[:, None], dim=-1)
