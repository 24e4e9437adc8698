"""See :class:`DenoisingAutoencoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing
from tocsin.deep.diffusion import NoiseDetector, Told, contrast, drawn, ladder

_LOWEST = 0.15  # of the largest noise


class DenoisingAutoencoder(NoiseDetector):
    """Denoising autoencoder that learns many strengths of noise at once: what it would change in a row is odd.

    Rows are put under noise of ``levels`` strengths, from faint to as large as the columns' own spread, and a residual network that is told
    the strength gives the clean row back (a diffusion model's training). Strong noise teaches where normal rows lie at large, faint
    noise the fine relations. Judging needs no chance: the row as it is goes through once, told that it bears the faintest noise. The
    score is the mean over columns of the squared residual in units of the column's usual residual on held-out rows.

    Works when columns depend on each other, from about a hundred rows and for any number of columns. The score is fair between columns of
    unlike noise. Not when columns are independent (``baseline`` sees as much); on tables of heavy tails and odd shapes nearest
    neighbours of ranks are better than any network measured here; anomalies of one kind among the training rows are learned, too.
    Training takes at most 32 batches an epoch, so 10,000 rows take no longer than 5,000: a few seconds.

    Parameters
        hidden    width of the layers
        blocks    residual blocks, two layers each
        levels    strengths of noise
        noise     the largest strength, in standard deviations of a column; the smallest is 0.15 of it, the others between
        contrast  weight of a second aim: two noisy views of a row are to be alike inside the network, views of other rows unlike. 0: none;
                  doubles the time of training
        dropout   share of hidden values dropped while training
        inputs    "standard", "ranks" (columns mapped to a normal by their ranks in training) or "both" side by side
        training  a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges. Shapes: X (n, d).
    Source: Vincent et al. (2008); the ladder of noise and the contrast: "Diffusion-Scheduled Denoising Autoencoders for Anomaly Detection
    in Tabular Data" (arXiv 2508.00758, 2025).

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x])                        # the second column is twice the first
    >>> detector = DenoisingAutoencoder(hidden=16, training={"epochs": 20}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0], [1.0, -2.0]])
    >>> bool(odd > 10 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")

    def __init__(self, hidden: int = 128, blocks: int = 2, levels: int = 10, noise: float = 1.0, contrast: float = 0.0,
                 dropout: float = 0.0, inputs: str = "standard", training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.blocks, self.levels, self.noise = hidden, blocks, levels, noise
        self.contrast, self.dropout, self.inputs, self.training = contrast, dropout, inputs, training

    @classmethod
    def small(cls) -> DenoisingAutoencoder:
        return cls(hidden=32, training={"epochs": 30})

    def _settings(self) -> None:
        settings.at_least(1, hidden=self.hidden, blocks=self.blocks, levels=self.levels)
        settings.at_least(0.0, noise=self.noise, contrast=self.contrast)
        settings.share(dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Denoiser(shape[0], self.hidden, self.blocks, ladder(self.levels, _LOWEST * self.noise, self.noise), self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Denoiser)
        inside = net.net.inside(*net.noisy(z))
        misfit = (net.net.leave(inside) - z).square().mean(1)
        if not self.contrast:
            return misfit
        return misfit + self.contrast * contrast(inside, net.net.inside(*net.noisy(z)))

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made


class _Denoiser(nn.Module):
    """d → d: takes noise of a stated level off."""

    def __init__(self, d: int, h: int, blocks: int, sizes: list[float], dropout: float) -> None:
        super().__init__()
        self.sizes, self.noise = sizes, Drawing()
        self.net = Told(d, h, d, blocks, dropout)

    def noisy(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The rows under noise of levels drawn for each of them, and the levels as numbers in [0, 1]."""
        level = drawn(self.noise, z, len(self.sizes))
        size = torch.tensor(self.sizes, device=z.device)[level]
        return z + size[:, None] * self.noise.normal(z), level / max(1, len(self.sizes) - 1)

    def forward(self, z: Tensor) -> Tensor:
        """Rows without noise, taken to be at the lowest level."""
        made: Tensor = self.net(z, torch.zeros_like(z[:, 0]))
        return made
