"""See :class:`RecurrentAutoencoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.backbones import RecurrentAutoencoder as Squeezed
from tocsin.deep.series import DeepSeriesDetector


class RecurrentAutoencoder(DeepSeriesDetector):
    """LSTM or GRU that squeezes a window of a series into one state and gives it back; the misfit is the score.

    After Malhotra et al. (2016, "LSTM-based encoder-decoder for multi-sensor anomaly detection"). The decoder gets the state and the place
    in the window at each step, not its own last output, so that no error feeds the next. Finds odd shapes that start smoothly, and
    channels that no longer go together; each step is scored by all windows over it.

    Works on series whose windows are few kinds of shape: seasons, machine cycles. Not on noise, nor where windows differ in ways that one
    state cannot hold (long windows of rough series come back as their mean); slower to train than ``conv_autoencoder``. A step's score is
    final when a window has passed. It is the mean over channels and ``smooth`` steps around it of the squared residual, in units of the
    channel's usual residual on held-out steps.

    Parameters
        cell      "lstm", or "gru" (fewer weights, but slower to train on a CPU)
        window    steps in a window; None: one period of the training series
        hidden    width of the state, which is all that the decoder learns of the window
        layers    recurrent layers, of the encoder and of the decoder
        dropout   share of the state dropped while training
        training  a Training, a mapping of changes to the default, or None
        smooth    steps that a score is the mean of; None: half a window; 0: none

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> detector = RecurrentAutoencoder(window=16, hidden=8, training={"epochs": 8}).fit(wave)
    >>> odd = wave.copy(); odd[200] += 3
    >>> abs(int(detector.anomaly_score(odd).argmax()) - 200) <= 4
    True
    """

    tags = Tags(modality="series", min_rows=8, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, lr=3e-3, batch_size=32)

    def __init__(self, cell: Literal["lstm", "gru"] = "lstm", window: int | None = None, hidden: int = 32, layers: int = 1,
                 dropout: float = 0.0, training: Training | Mapping[str, Any] | None = None, smooth: int | None = None) -> None:
        self.cell, self.window, self.hidden, self.layers = cell, window, hidden, layers
        self.dropout, self.training, self.smooth = dropout, training, smooth

    @classmethod
    def small(cls) -> RecurrentAutoencoder:
        return cls(window=12, hidden=12, training={"epochs": 20})

    def _check(self) -> None:
        settings.one_of("lstm", "gru", cell=self.cell)
        settings.at_least(2, window=self.window)
        settings.at_least(1, hidden=self.hidden, layers=self.layers)
        settings.at_least(0, smooth=self.smooth)
        settings.share(dropout=self.dropout)

    def _forecasts(self) -> bool:
        return False

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        return Squeezed(self.cell, channels, self.hidden, self.layers, self.dropout, length)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made
