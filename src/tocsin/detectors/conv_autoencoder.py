"""See :class:`ConvAutoencoder`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.backbones import ConvAutoencoder as Squeezed
from tocsin.deep.series import DeepSeriesDetector


class ConvAutoencoder(DeepSeriesDetector):
    """Convolutions that squeeze a window of a series into a few numbers and give it back; the misfit is the score.

    The window's length is halved by each layer down to a short code, then doubled again: what normal windows have in common fits into the
    code, what is odd does not. After the convolutional autoencoders of images (Masci et al., 2011), for series as in Zhang et al. (2019,
    "A deep neural network for unsupervised anomaly detection and diagnosis in multivariate time series data"), without their recurrence.

    Works on series whose windows are variations of few shapes, also of many channels; the cheapest of the networks to run over long
    windows. Not on noise; a code too wide gives anomalies back, too. A step's score is final when a window has passed. It is the mean over
    channels and ``smooth`` steps around it of the squared residual, in units of the channel's usual residual on held-out steps.

    Parameters
        window    steps in a window, rounded up to a multiple of 2 to the number of layers; None: one period of the training series
        hidden    channels inside
        latent    numbers in the code; None: a sixteenth of those in a window, within 4 and 32
        layers    how often the length is halved, as long as there are two steps
        dropout   share of the code dropped while training
        training  a Training, a mapping of changes to the default, or None
        smooth    steps that a score is the mean of; None: half a window; 0: none

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> detector = ConvAutoencoder(window=16, hidden=8, training={"epochs": 8}).fit(wave)
    >>> odd = wave.copy(); odd[200] += 3
    >>> abs(int(detector.anomaly_score(odd).argmax()) - 200) <= 4
    True
    """

    tags = Tags(modality="series", min_rows=8, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, lr=3e-3, batch_size=32)

    def __init__(self, window: int | None = None, hidden: int = 24, latent: int | None = None, layers: int = 3, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None, smooth: int | None = None) -> None:
        self.window, self.hidden, self.latent, self.layers, self.dropout = window, hidden, latent, layers, dropout
        self.training, self.smooth = training, smooth

    @classmethod
    def small(cls) -> ConvAutoencoder:
        return cls(window=16, hidden=8, training={"epochs": 20})

    def _check(self) -> None:
        settings.at_least(2, window=self.window)
        settings.at_least(1, hidden=self.hidden, latent=self.latent, layers=self.layers)
        settings.at_least(0, smooth=self.smooth)
        settings.share(dropout=self.dropout)

    def _forecasts(self) -> bool:
        return False

    def _span(self, length: int) -> int:
        step = 2**self._halvings(length)
        return -(-length // step) * step

    def _halvings(self, length: int) -> int:
        return min(self.layers, int(math.log2(length)))  # the same for the length rounded up

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        latent = self.latent or min(32, max(4, length * channels // 16))
        return Squeezed(length, channels, self.hidden, latent, self._halvings(length), self.dropout)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made
