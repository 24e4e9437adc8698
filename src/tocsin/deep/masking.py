"""Networks that foretell hidden cells of a row from its other cells, together with how far off they may be.

Letters: b rows, d columns, e width of a token, h width of a layer, p passes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.deep.blocks import Drawing, EncoderBlock

_LOG_VARIANCE = 6.0  # between ±: a standard deviation of 0.05 to 20, in those of the column


class Masked(nn.Module):
    """Passes over a row that hide every column ``rounds`` times, each time with other columns: ``hide`` (p, d).

    In a round the columns fall at random into ``turns`` sets, and each pass hides one set. So a cell is never foretold from itself.
    """

    def __init__(self, d: int, net: nn.Module, turns: int, rounds: int) -> None:
        super().__init__()
        self.net, self.draw = net, Drawing()
        self.turns, self.rounds = min(turns, d), rounds if d > 1 else 1
        self.hide: Tensor
        self.usual: Tensor
        self.register_buffer("hide", torch.zeros(self.rounds * self.turns, d, dtype=torch.bool))
        self.register_buffer("usual", torch.zeros(d))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the sets of columns."""
        passes, d = self.hide.shape
        for number in range(passes):
            if number % self.turns == 0:
                turn = torch.randperm(d, generator=generator) % self.turns
            self.hide[number] = turn == number % self.turns
        self.usual.zero_()

    def foretold(self, z: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (b, d) of every cell, those ``hidden`` (b, d) unseen."""
        mean, log_variance = self.net(z, hidden.expand_as(z))
        return mean, _LOG_VARIANCE * torch.tanh(log_variance / _LOG_VARIANCE)

    def trained(self, z: Tensor, least: float, most: float) -> Tensor:
        """(b,) mean misfit of cells hidden at random, a share between ``least`` and ``most`` of each row, one at least."""
        share = least + (most - least) * self.draw.uniform(len(z), 1, device=z.device)
        rank = self.draw.uniform(*z.shape, device=z.device).argsort(1)
        hidden = rank < (share * z.shape[1]).ceil()
        return (misfit(z, *self.foretold(z, hidden)) * hidden).sum(1) / hidden.sum(1)

    def misfits(self, z: Tensor) -> Tensor:
        """(b, d) misfit of each cell when it is hidden, averaged over the rounds."""
        total = torch.zeros_like(z)
        for hidden in self.hide:
            total = total + torch.where(hidden, misfit(z, *self.foretold(z, hidden)), 0.0)
        return total / self.rounds

    def forward(self, z: Tensor) -> Tensor:
        """(b, d) the means of the hidden cells, averaged over the rounds."""
        total = torch.zeros_like(z)
        for hidden in self.hide:
            total = total + torch.where(hidden, self.foretold(z, hidden)[0], 0.0)
        return total / self.rounds


def misfit(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Negative log likelihood under normals, up to a constant: half of the log variance and of the squared residual in its units."""
    return (log_variance + (z - mean).square() * (-log_variance).exp()) / 2


class CellTransformer(nn.Module):
    """Attention among the columns of a row, each cell a token: (b, d) and what is hidden → mean and log variance, 2 × (b, d).

    After the feature tokenizer of Gorishniy et al. (2021): a cell's value times a vector of its column; a hidden cell has another vector.
    Each column reads its mean and variance off its token with weights of its own.
    """

    def __init__(self, d: int, e: int, heads: int, layers: int) -> None:
        super().__init__()
        self.value, self.hidden, self.place = (_Table(d, e, size=0.5) for _ in range(3))
        self.blocks = nn.Sequential(*(EncoderBlock(e, heads, 0.0) for _ in range(layers)))
        self.norm, self.head, self.bias = nn.LayerNorm(e), _Table(2, d, e, size=0.1 / e**0.5), _Table(2, d, size=0.0)

    def forward(self, z: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        tokens = torch.where(hidden[..., None], self.hidden.table, z[..., None] * self.value.table) + self.place.table  # (b, d, e)
        tokens = self.norm(self.blocks(tokens))
        mean, log_variance = ((tokens * self.head.table[i]).sum(2) + self.bias.table[i] for i in range(2))
        return mean, log_variance


class CellMLP(nn.Module):
    """Residual layers over the whole row, hidden cells set to 0 and marked: in and out as :class:`CellTransformer`."""

    def __init__(self, d: int, h: int, layers: int) -> None:
        super().__init__()
        self.into = nn.Linear(2 * d, h)
        self.norms = nn.ModuleList(nn.LayerNorm(h) for _ in range(layers))
        self.ups = nn.ModuleList(nn.Linear(h, h) for _ in range(layers))
        self.downs = nn.ModuleList(nn.Linear(h, h) for _ in range(layers))
        self.out = nn.Linear(h, 2 * d)

    def forward(self, z: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        h = self.into(torch.cat([z.masked_fill(hidden, 0.0), hidden.to(z.dtype)], 1))
        for norm, up, down in zip(self.norms, self.ups, self.downs):
            h = h + down(F.gelu(up(norm(h))))
        mean, log_variance = self.out(F.gelu(h)).chunk(2, 1)
        return mean, log_variance


class _Table(nn.Module):
    """Learned numbers, normal with deviation ``size`` at first."""

    def __init__(self, *shape: int, size: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(*shape))
        self.size = size

    def initialise(self, generator: torch.Generator) -> None:
        self.table.normal_(0, self.size, generator=generator)
