"""Networks that foretell or give back windows (b, s, c) of standardised values."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.deep.blocks import CausalConv, Drawing, Dropout, EncoderBlock, Position


class RecurrentForecaster(nn.Module):
    """The next row at every step: (b, s, c) → (b, s, c), row i foretold from rows up to and including i."""

    def __init__(self, cell: str, channels: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cells = _cells(cell, channels, hidden, layers)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(hidden, channels)

    def forward(self, z: Tensor) -> Tensor:
        h = z
        for layer in self.cells:
            h = self.dropout(layer(h)[0])
        return self.out(h)


class RecurrentAutoencoder(nn.Module):
    """A window given back from the encoder's last state alone (Malhotra et al., 2016): (b, l, c) → (b, l, c).

    The decoder gets the code and the place in the window at each step, so that it needs no loop over its own outputs.
    """

    def __init__(self, cell: str, channels: int, hidden: int, layers: int, dropout: float, length: int) -> None:
        super().__init__()
        self.encoder = _cells(cell, channels, hidden, layers)
        self.decoder = _cells(cell, hidden, hidden, layers)
        self.place = Position(length, hidden)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(hidden, channels)

    def forward(self, z: Tensor) -> Tensor:
        h = z
        for layer in self.encoder:
            h = self.dropout(layer(h)[0])
        h = self.place(h[:, -1:].expand(-1, z.shape[1], -1))
        for layer in self.decoder:
            h = self.dropout(layer(h)[0])
        return self.out(h)


class ConvForecaster(nn.Module):
    """The next row at every step, by dilated causal convolutions: (b, s, c) → (b, s, c). Each layer doubles how far it looks back."""

    def __init__(self, channels: int, hidden: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        widths = [channels] + [hidden] * layers
        self.layers = nn.Sequential(*(CausalConv(a, b, kernel, 2**i, dropout) for i, (a, b) in enumerate(pairwise(widths))))
        self.out = nn.Linear(hidden, channels)

    def forward(self, z: Tensor) -> Tensor:
        return self.out(self.layers(z.transpose(1, 2)).transpose(1, 2))


class ConvAutoencoder(nn.Module):
    """A window squeezed into a few numbers by convolutions that halve its length, and given back: (b, l, c) → (b, l, c).

    ``length`` is a multiple of 2 to the number of ``layers``.
    """

    def __init__(self, length: int, channels: int, hidden: int, latent: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.short = length >> layers
        self.narrow = nn.ModuleList(nn.Conv1d(hidden if i else channels, hidden, 5, 2, 2) for i in range(layers))
        self.dropout = Dropout(dropout)
        self.code, self.opened = nn.Linear(hidden * self.short, latent), nn.Linear(latent, hidden * self.short)
        self.widen = nn.ModuleList(Widen(hidden) for _ in range(layers))
        self.out = nn.Conv1d(hidden, channels, 3, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = z.transpose(1, 2)
        for layer in self.narrow:
            h = F.gelu(layer(h))
        h = self.opened(self.dropout(self.code(h.flatten(1)))).unflatten(1, (-1, self.short))
        for layer in self.widen:
            h = layer(h)
        return self.out(h).transpose(1, 2)


class Widen(nn.Module):
    """(b, h, s) → (b, h, 2s): a convolution makes two steps of each (Shi et al., 2016: nothing is stretched, so nothing checkers)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(hidden, 2 * hidden, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        pairs = self.conv(F.gelu(x)).unflatten(1, (2, -1))  # (b, 2, h, s)
        return pairs.permute(0, 2, 3, 1).flatten(2)


class PatchForecaster(nn.Module):
    """The next patch after every patch, by attention to it and to those before: (b, s, c) → (b, s, c), s whole patches.

    Row i of what comes out is the forecast of row i from the patches before its own; those of the first patch, which nothing comes before,
    are zeros. The last patch is foretold, never looked at.
    """

    def __init__(self, length: int, channels: int, patch: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.patch, self.count = patch, 2 * length // patch - 1  # patches looked at
        self.tokens = nn.Linear(patch * channels, width)
        self.places = Position(self.count, width)
        self.blocks = nn.Sequential(*(EncoderBlock(width, heads, dropout, causal=True) for _ in range(layers)))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, patch * channels)

    def forward(self, z: Tensor) -> Tensor:
        b, _, c = z.shape
        seen = z[:, :self.count * self.patch].reshape(b, self.count, self.patch * c)
        made = self.out(self.norm(self.blocks(self.places(self.tokens(seen)))))
        return F.pad(made.reshape(b, -1, c), (0, 0, self.patch, 0))


class PatchEncoder(nn.Module):
    """Windows cut into patches, some of them hidden, given back by an encoder over the patches (Nie et al., 2023).

    ``forward`` hides every fourth patch in turn, so that each is given back from its surroundings only, never from itself.
    """

    TURNS = 4

    def __init__(self, length: int, channels: int, patch: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.patch, self.count = patch, length // patch
        self.draw = Drawing()
        self.tokens = nn.Linear(patch * channels, width)
        self.hidden_token = Hidden(width)
        self.places = Position(self.count, width)
        self.blocks = nn.Sequential(*(EncoderBlock(width, heads, dropout) for _ in range(layers)))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, patch * channels)

    def filled(self, z: Tensor, hidden: Tensor) -> Tensor:
        """(b, l, c) given back, where the patches ``hidden`` (b, p) of ``z`` were not seen."""
        b, l, c = z.shape
        tokens = self.hidden_token(self.tokens(z.reshape(b, self.count, self.patch * c)), hidden)
        return self.out(self.norm(self.blocks(self.places(tokens)))).reshape(b, l, c)

    def forward(self, z: Tensor) -> Tensor:
        place = torch.arange(self.count, device=z.device)
        made = torch.zeros_like(z)
        for turn in range(min(self.TURNS, self.count)):
            hidden = (place % self.TURNS == turn).expand(len(z), -1)
            made = torch.where(hidden.repeat_interleave(self.patch, 1)[..., None], self.filled(z, hidden), made)
        return made


class Hidden(nn.Module):
    """A learned token that stands in for hidden ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        return torch.where(hidden[..., None], self.token, tokens)

    def initialise(self, generator: torch.Generator) -> None:
        """Small normal numbers."""
        self.token.normal_(0, 0.02, generator=generator)


def layers_for(length: int, kernel: int) -> int:
    """How many doubling layers see just under ``length`` rows back, 1 at least.

    >>> layers_for(32, 3)
    4
    """
    return max(1, int(math.log2(length / (kernel - 1) + 1)))


def _cells(cell: str, width: int, hidden: int, layers: int) -> nn.ModuleList:
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    # One module a layer: PyTorch's own dropout between stacked layers would read the global random state.
    return nn.ModuleList(kind(hidden if i else width, hidden, batch_first=True) for i in range(layers))
