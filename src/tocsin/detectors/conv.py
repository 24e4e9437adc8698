"""See :class:`Conv`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.backbones import ConvForecaster, layers_for
from tocsin.deep.series import DeepSeriesDetector


class Conv(DeepSeriesDetector):
    """Dilated causal convolutions that foretell each step of a series from those before it; the misfit is the score.

    After Munir et al. (2019, "DeepAnT") with the network of Bai, Kolter & Koltun (2018, temporal convolutions): every layer doubles how
    far back it looks. Usually the fastest of the series networks, and easy to run elsewhere. Sharp at sudden changes and broken rhythms;
    later rows never change a score. Not for a slow drift, which is easy to foretell, nor for what only shows over more than a window. The
    score is the mean over channels and the last ``smooth`` steps of the squared residual, in units of the channel's usual residual on
    held-out steps.

    Parameters
        window    steps that a forecast looks back; None: one period of the training series
        hidden    width of the layers
        layers    how many; None: as many as look back over the window
        kernel    steps that a layer sees
        dropout   share of values dropped while training
        training  a Training, a mapping of changes to the default, or None
        smooth    steps that a score is the mean of: the last ones; None: half a window; 0: none

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> detector = Conv(window=16, hidden=8, training={"epochs": 8}).fit(wave)
    >>> odd = wave.copy(); odd[200] += 3
    >>> int(detector.anomaly_score(odd).argmax()) in range(200, 208)
    True
    """

    tags = Tags(modality="series", min_rows=8, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, lr=3e-3, batch_size=32)

    def __init__(self, window: int | None = None, hidden: int = 32, layers: int | None = None, kernel: int = 3, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None, smooth: int | None = None) -> None:
        self.window, self.hidden, self.layers, self.kernel, self.dropout = window, hidden, layers, kernel, dropout
        self.training, self.smooth = training, smooth

    @classmethod
    def small(cls) -> Conv:
        return cls(window=12, hidden=12, training={"epochs": 20})

    def _check(self) -> None:
        settings.at_least(0, smooth=self.smooth)
        settings.at_least(2, window=self.window, kernel=self.kernel)
        settings.at_least(1, hidden=self.hidden, layers=self.layers)
        settings.share(dropout=self.dropout)

    def _forecasts(self) -> bool:
        return True

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        return ConvForecaster(channels, self.hidden, self.layers or layers_for(length, self.kernel), self.kernel, self.dropout)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z[:, :-1])[:, -(z.shape[1] // 2):]
        return made
