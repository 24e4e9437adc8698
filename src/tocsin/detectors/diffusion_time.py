"""See :class:`DiffusionTime`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing, mlp
from tocsin.deep.diffusion import NoiseDetector, Told, beyond, drawn
from tocsin.deep.network import Network

_LOWEST = 0.05  # standard deviations: the inverse gamma's logarithm of a size needs one above 0
_HIGHEST = 2.0
_FINE = 1000
_STEEP = 15.0  # exponents above are cut: the first guesses of an untrained network must not overflow
_FLAT = 1e-6


class DiffusionTime(NoiseDetector):
    """Diffusion time: a network learns to tell how much noise was put on a normal row; a row that seems to bear much is odd.

    Normal rows are put under noise of sizes from none to twice the columns' spread, and from the noisy row alone the network tells the
    size. A strange row looks like a normal one under much noise, wherever it lies, so the size told is a smooth distance from the
    normal rows at large. Inside, the network also guesses the clean row, and reads the size of what is left beside what it knows of the
    place: without that the size is hard to see in many columns. Cells beyond four standard deviations add to the score by the
    logarithm of their excess, so rows far outside stay in order.

    Works where anomalies lie between or around normal rows in a few columns (2 to 10), with the inverse-gamma head also in a hole that
    normal rows surround, where the residual of a denoiser is zero. Not for anomalies of which only one or two of many columns are odd,
    and not where normal rows form several narrow lines. There, and on most small tables, ``knn`` is better, and it was on average of the
    tables measured. No map.
    Training takes at most 32 batches an epoch: a few seconds for any number of rows.

    Parameters
        hidden    width of the layers
        blocks    residual blocks, two layers each
        head      "categories": the network tells which of ``levels`` sizes it was, the score the mean share of the highest;
                  "inverse_gamma": it tells the scale of an inverse gamma distribution of the variance, the score is half its logarithm
        levels    sizes of noise that the categories know; the inverse gamma knows every size
        dropout   share of hidden values dropped while training
        inputs    "standard", "ranks" (columns mapped to a normal by their ranks in training) or "both" side by side
        training  a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges. Shapes: X (n, d).
    Source: Livernoche, Jain, Hezaveh and Ravanbakhsh (2023, "On Diffusion Modeling for Anomaly Detection"). Its variant without a network,
    the mean of the variance over the nearest rows, ranks much as ``knn`` does with few neighbours.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x])                        # the second column is twice the first
    >>> detector = DiffusionTime(hidden=16, training={"epochs": 20}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0], [1.0, -2.0]])
    >>> bool(odd > usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, exportable=True, extra="deep")

    def __init__(self, hidden: int = 128, blocks: int = 2, head: str = "categories", levels: int = 10, dropout: float = 0.0,
                 inputs: str = "standard", training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.blocks, self.head, self.levels = hidden, blocks, head, levels
        self.dropout, self.inputs, self.training = dropout, inputs, training

    @classmethod
    def small(cls) -> DiffusionTime:
        return cls(hidden=32, training={"epochs": 30})

    def _settings(self) -> None:
        settings.at_least(1, hidden=self.hidden, blocks=self.blocks)
        settings.at_least(2, levels=self.levels)
        settings.one_of("categories", "inverse_gamma", head=self.head)
        settings.share(dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Clock(shape[0], self.hidden, self.levels if self.head == "categories" else 1, self.blocks, self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        """How badly the size is told, and how badly the clean row is guessed."""
        assert isinstance(net, _Clock)
        steps = self.levels if self.head == "categories" else _FINE
        level = drawn(net.noise, z, steps)
        lowest = 0.0 if self.head == "categories" else _LOWEST
        size = lowest + (_HIGHEST - lowest) * level / (steps - 1)
        told, clean = net(z + size[:, None] * net.noise.normal(z))
        misfit = (clean - z).square().mean(1)
        if self.head == "categories":
            return F.cross_entropy(told, level, reduction="none") + misfit
        gap = 2 * (told[:, 0] - size.log())  # log of (scale told / variance): the likelihood in units of the shape
        return gap.clamp(max=_STEEP).exp() - gap - 1 + misfit

    def _judge(self, net: Network, z: Tensor) -> Tensor:
        assert isinstance(net.body, _Clock)
        told = net.body(z)[0]
        if self.head != "categories":
            return told[:, 0] + beyond(z)
        shares = torch.arange(self.levels, dtype=told.dtype, device=told.device) / (self.levels - 1)
        return (told.softmax(1) * shares).sum(1) + beyond(z)


class _Clock(nn.Module):
    """d → what is told of the size of noise (out), and a guess of the clean row (d)."""

    def __init__(self, d: int, h: int, out: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.noise = Drawing()
        self.net = Told(d, h, d, blocks, dropout)
        self.read = mlp(h + 1, h, out)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        inside = self.net.inside(z, torch.zeros_like(z[:, 0]))  # (b, h); no number is told: it is what is sought
        clean = self.net.leave(inside)
        rest = ((z - clean).square().mean(1, keepdim=True) + _FLAT).log() / 2  # (b, 1) log of a standard deviation
        return self.read(torch.cat([inside, rest], 1)), clean
