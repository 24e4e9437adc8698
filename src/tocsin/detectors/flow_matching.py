"""See :class:`FlowMatching`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing
from tocsin.deep.diffusion import NoiseDetector, Told


class FlowMatching(NoiseDetector):
    """Flow matching in one step: a network learns the way that leads each normal row to the origin; who is led astray is odd.

    For a row and a time drawn from [0, 1] the network foretells the vector that contracts the row to the origin along a straight line. It
    learns this for normal rows only; elsewhere it points aside. One look, at one time, gives the score: the mean over columns of the
    squared difference between the vector foretold and the true one, in units of the column's usual difference on held-out rows. The map
    therefore says which columns lead astray. ``noise`` shakes the row that the network sees, not the vector it has to tell: without it the
    network also learns to lead rows that are only near to normal ones.

    Works for many columns and rows where speed counts: a score is one pass. Not when columns are independent, nor for relations so fine
    that ``noise`` hides them: then make it smaller. Anomalies of one kind among the training rows are learned, too.
    Training takes at most 32 batches an epoch: a few seconds for any number of rows.

    Parameters
        hidden    width of the layers
        blocks    residual blocks, two layers each
        noise     standard deviation of the shaking, in standard deviations of a column; 0 as published
        dropout   share of hidden values dropped while training
        inputs    "standard", "ranks" (columns mapped to a normal by their ranks in training) or "both" side by side
        training  a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges. Shapes: X (n, d).
    Source: Li et al. (2025, "Scalable, Explainable and Provably Robust Anomaly Detection with One-Step Flow Matching").

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x])                        # the second column is twice the first
    >>> detector = FlowMatching(hidden=16, training={"epochs": 20}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0], [1.0, -2.0]])
    >>> bool(odd > 10 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")

    def __init__(self, hidden: int = 128, blocks: int = 2, noise: float = 0.2, dropout: float = 0.0, inputs: str = "standard",
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.blocks, self.noise = hidden, blocks, noise
        self.dropout, self.inputs, self.training = dropout, inputs, training

    @classmethod
    def small(cls) -> FlowMatching:
        return cls(hidden=32, training={"epochs": 30})

    def _settings(self) -> None:
        settings.at_least(1, hidden=self.hidden, blocks=self.blocks)
        settings.at_least(0.0, noise=self.noise)
        settings.share(dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Flow(shape[0], self.hidden, self.blocks, self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Flow)
        time = net.draw.uniform(len(z), device=z.device)
        seen = z + self.noise * net.draw.normal(z)
        return (net.net(seen, time) + z).square().mean(1)  # the way from z to the origin is -z

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return -made


class _Flow(nn.Module):
    """d → d: the vector that leads a row to the origin."""

    def __init__(self, d: int, h: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.draw = Drawing()
        self.net = Told(d, h, d, blocks, dropout)

    def forward(self, z: Tensor) -> Tensor:
        """At the start of the way."""
        made: Tensor = self.net(z, torch.zeros_like(z[:, 0]))
        return made
