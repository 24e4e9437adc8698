"""A small network that turns short patches of a series into unit vectors, and the losses that teach it without labels.

Letters: b patches in a batch, l patch length, c channels, e embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.deep.blocks import Drawing, mlp

FLOOR = 0.05  # of a channel's standard deviation: a flat patch is not blown up to full size
_MARGIN = 0.5
_JITTER = 0.05


class PatchEmbedding(nn.Module):
    """Patches (b, l, c) → (b, e) of length 1.

    Each channel of a patch is first brought to mean 0 and standard deviation 1, so that shape alone counts.
    """

    def __init__(self, length: int, channels: int, hidden: int, size: int) -> None:
        super().__init__()
        self.length = length
        self.convs = nn.ModuleList([nn.Conv1d(channels, hidden, 7, 2, 3), nn.Conv1d(hidden, 2 * hidden, 5, 2, 2),
                                    nn.Conv1d(2 * hidden, 2 * hidden, 3, 2, 1)])
        self.out = nn.Linear(2 * hidden * -(-length // 8), size)
        self.pair = mlp(2 * size, 2 * size, 1)  # in training only: does one patch follow the other?
        self.draw = Drawing()

    def forward(self, z: Tensor) -> Tensor:
        h = shape_of(z).transpose(1, 2)  # (b, c, l)
        for conv in self.convs:
            h = F.gelu(conv(h))
        return F.normalize(self.out(h.flatten(1)), dim=1)


def shape_of(z: Tensor) -> Tensor:
    """Patches (b, l, c) without their level and size."""
    return (z - z.mean(1, keepdim=True)) / (z.std(1, keepdim=True, correction=0) + FLOOR)


def patch_losses(net: PatchEmbedding, stretches: Tensor) -> Tensor:
    """(b,) the triplet losses and the neighbour-or-not loss of ``stretches`` (b, s, c), s = 2l + 2m: what is around two patches in a row.

    Triplets: the first patch (the anchor) is to lie nearer to one that starts up to m steps from it and is a little noisy than to the patch
    of another stretch that is least like it, and nearer than to itself when spoiled (see :func:`spoiled`). The first keeps the shapes
    of the series apart; the second makes the embedding see what faults look like.
    Neighbours: from two embeddings it is to be told whether one patch follows the other.
    """
    length, b = net.length, len(stretches)
    most = (stretches.shape[1] - 2 * length) // 2
    steps = torch.arange(length, device=stretches.device)
    anchor, following = stretches[:, most:most + length], stretches[:, most + length:most + 2 * length]
    shift = (net.draw.uniform(b, 1, device=stretches.device) * (2 * most + 1)).long()  # 0 to 2m
    near = _at(stretches, shift + steps)
    near = near + _JITTER * near.std(1, keepdim=True, correction=0) * net.draw.normal(near)
    a, p, q, r = net(torch.cat([anchor, near, following, spoiled(anchor, net.draw)])).split(b)  # (b, e) each
    gap = (a - p).square().sum(1)
    far = (2 - 2 * a @ a.T).amax(1)  # (b,) squared distance to the least alike anchor
    triplets = F.relu(_MARGIN + gap - far) + F.relu(_MARGIN + gap - (a - r).square().sum(1))
    follows, other = net.pair(torch.cat([a, q], 1))[:, 0], net.pair(torch.cat([a, q.roll(1, 0)], 1))[:, 0]
    return triplets + (F.softplus(-follows) + F.softplus(other)) / 2


def spoiled(patches: Tensor, draw: Drawing) -> Tensor:
    """A copy of ``patches`` (b, l, c) in which a quarter to three quarters of each is spoiled in one of six ways, drawn anew for each:
    run backwards, standing still, with noise, with a spike of one to three steps, taken from another patch, run slower or faster."""
    b, length, _ = patches.shape
    steps = torch.arange(length, device=patches.device)
    kind, size, place, sign, strength, pace = draw.uniform(6, b, 1, device=patches.device)  # (b, 1) each
    size = (length * (0.25 + size / 2)).long().clamp(min=2)
    first = (place * (length - size + 1)).long()
    on = (steps >= first) & (steps < first + size)  # (b, l)
    here = on[..., None]
    unit = (patches.std((1, 2), correction=0)[:, None, None] + 0.1) * (0.5 + 1.5 * strength[..., None])
    peak = (steps >= first) & (steps < first + 1 + size % 3)
    pace = torch.where(pace < 0.5, 0.5 + pace / 2, 1 + pace)  # 0.5 to 0.75, or 1.5 to 2
    paced = torch.where(on, (first + (steps - first) * pace).round().long(), steps)
    ways = [_at(patches, torch.where(on, 2 * first + size - 1 - steps, steps)),
            torch.where(here, _at(patches, first.expand(-1, length)), patches),
            patches + here * unit * draw.normal(patches) / 2,
            patches + peak[..., None] * 2 * unit * torch.where(sign < 0.5, -1.0, 1.0)[..., None],
            torch.where(here, patches.roll(1, 0), patches),
            _at(patches, torch.where(paced < length, paced, 2 * (length - 1) - paced))]
    chosen = (kind[:, 0] * len(ways)).long().clamp(max=len(ways) - 1)
    return torch.stack(ways)[chosen, torch.arange(b, device=patches.device)]


def _at(patches: Tensor, rows: Tensor) -> Tensor:
    """(b, k, c) rows ``rows`` (b, k) of ``patches`` (b, l, c)."""
    return patches.gather(1, rows.clamp(0, patches.shape[1] - 1)[..., None].expand(-1, -1, patches.shape[2]))
