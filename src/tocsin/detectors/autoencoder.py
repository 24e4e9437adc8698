"""See :class:`Autoencoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing, mlp
from tocsin.deep.detector import DeepDetector


class Autoencoder(DeepDetector):
    """Denoising autoencoder: learns to take noise off normal rows; what it cannot give back is odd.

    After Vincent et al. (2008, "Extracting and composing robust features with denoising autoencoders"). Noise is added to standardised
    rows and the network gives the clean row back, so it learns where normal rows lie; no bottleneck is needed, which would blur small but
    real structure. The score is the mean over columns of the squared residual in units of the column's usual residual on held-out rows.

    Works when columns depend on each other, from about a hundred rows and for any number of columns. Not when columns are independent
    (``baseline`` or ``iforest`` see as much), nor when many training rows are anomalies of one kind: they are learned, too.

    Parameters
        hidden    width of the layers
        latent    width of the narrowest layer; None: as wide as ``hidden``, no bottleneck
        noise     standard deviation of the noise, in standard deviations of a column; 0 needs a small ``latent``
        dropout   share of hidden values dropped while training
        training  a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x])                        # the second column is twice the first
    >>> detector = Autoencoder(hidden=16, training={"epochs": 20}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0], [1.0, -2.0]])
    >>> bool(odd > 10 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training()

    def __init__(self, hidden: int = 128, latent: int | None = None, noise: float = 0.2, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.latent, self.noise, self.dropout, self.training = hidden, latent, noise, dropout, training

    @classmethod
    def small(cls) -> Autoencoder:
        return cls(hidden=32, training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(1, hidden=self.hidden, latent=self.latent)
        settings.at_least(0.0, noise=self.noise)
        settings.share(dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Denoiser(shape[0], self.hidden, self.latent or self.hidden, self.noise, self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Denoiser)
        return (net(z + net.level * net.noise.normal(z)) - z).square().mean(1)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made


class _Denoiser(nn.Module):
    """d → h → e → h → d."""

    def __init__(self, d: int, h: int, e: int, level: float, dropout: float) -> None:
        super().__init__()
        self.level, self.noise = level, Drawing()
        self.layers = mlp(d, h, e, h, d, dropout=dropout)

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.layers(z)
        return made
