"""See :class:`Recurrent`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.backbones import RecurrentAutoencoder, RecurrentForecaster
from tocsin.deep.series import DeepSeriesDetector


class Recurrent(DeepSeriesDetector):
    """LSTM or GRU that foretells each step of a series, or gives whole windows back; the misfit is the score.

    ``task="forecast"`` (Malhotra et al., 2015, "Long short term memory networks for anomaly detection in time series"): each row is
    foretold from those before it; sharp at sudden changes and usable on a stream, since later rows never change a score.
    ``task="reconstruct"`` (Malhotra et al., 2016, "LSTM-based encoder-decoder for multi-sensor anomaly detection"): a window is squeezed
    into one state and given back; finds odd shapes that start smoothly, and scores each step by all windows over it.

    Works on series with memory: seasons, machines, traffic. Not on white noise, and not for a slow drift, which is easy to foretell.
    The score is the mean over channels and the last ``smooth`` steps of the squared residual, in units of the channel's usual residual on
    held-out steps.

    Parameters
        cell      "lstm", or "gru" (fewer weights, but several times slower to train on a CPU)
        task      "forecast" or "reconstruct"
        window    steps in a window; None: one period of the training series
        hidden    width of the state
        layers    recurrent layers
        dropout   share of the state dropped while training
        training  a Training, a mapping of changes to the default, or None
        smooth    steps that a score is the mean of: the last ones (to reconstruct: those around it); None: half a window; 0: none

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> detector = Recurrent(window=16, hidden=8, training={"epochs": 8}).fit(wave)
    >>> odd = wave.copy(); odd[200] += 3
    >>> int(detector.anomaly_score(odd).argmax()) in range(200, 208)
    True
    """

    tags = Tags(modality="series", min_rows=8, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, lr=3e-3, batch_size=32)

    def __init__(self, cell: Literal["lstm", "gru"] = "lstm", task: Literal["forecast", "reconstruct"] = "forecast",
                 window: int | None = None, hidden: int = 32, layers: int = 1, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None, smooth: int | None = None) -> None:
        self.cell, self.task, self.window, self.hidden, self.layers = cell, task, window, hidden, layers
        self.dropout, self.training, self.smooth = dropout, training, smooth

    @classmethod
    def small(cls) -> Recurrent:
        return cls(window=12, hidden=12, training={"epochs": 20})

    def _check(self) -> None:
        settings.at_least(0, smooth=self.smooth)
        settings.one_of("lstm", "gru", cell=self.cell)
        settings.one_of("forecast", "reconstruct", task=self.task)
        settings.at_least(2, window=self.window)
        settings.at_least(1, hidden=self.hidden, layers=self.layers)
        settings.share(dropout=self.dropout)

    def _forecasts(self) -> bool:
        return self.task == "forecast"

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        if self._forecasts():
            return RecurrentForecaster(self.cell, channels, self.hidden, self.layers, self.dropout)
        return RecurrentAutoencoder(self.cell, channels, self.hidden, self.layers, self.dropout, length)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z[:, :-1])[:, -(z.shape[1] // 2):] if self._forecasts() else net(z)
        return made
