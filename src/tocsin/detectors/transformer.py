"""See :class:`Transformer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.backbones import PatchEncoder, PatchForecaster
from tocsin.deep.series import DeepSeriesDetector


class Transformer(DeepSeriesDetector):
    """Small transformer over patches that fills in hidden ones or foretells the next; the misfit is the score.

    A window is cut into patches as by Nie et al. (2023, "A time series is worth 64 words"), all channels in one token.
    ``task="fill"``: while training, a random third of the patches is hidden and given back from the rest; when scoring, every patch is
    hidden once. So a patch never explains itself, and both its past and its future tell what belongs there: better than a forecast at odd
    shapes, while a score is final only when the window has passed.
    ``task="forecast"``: each patch is foretold whole from one to two windows of patches before it (attention to the past only, as by Das et
    al., 2024, "A decoder-only foundation model for time-series forecasting"). Later rows never change a score; an odd step within a patch
    does not lead its neighbours astray, as it does one-step forecasters.

    Works on series with a repeating shape, with several periods to learn from. Not for single odd steps in noise, and slower than ``conv``.
    The score is the mean over channels of the squared residual in units of the channel's usual residual on held-out steps, and of half a
    window of steps (to fill: around the step; to forecast: the last).

    Parameters
        window    steps in a window, rounded up to whole patches; None: two periods of the training series to fill, one to forecast
        patch     steps in a patch; None: an eighth of the window
        width     width of a token; a multiple of ``heads``
        heads     attention heads
        layers    encoder blocks
        dropout   share of values dropped while training
        training  a Training, a mapping of changes to the default, or None
        task      "fill" or "forecast"

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> detector = Transformer(window=32, width=16, heads=2, training={"epochs": 8}).fit(wave)
    >>> odd = wave.copy(); odd[200] += 3
    >>> int(detector.anomaly_score(odd).argmax()) in range(192, 209)
    True
    """

    tags = Tags(modality="series", min_rows=8, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    FEWEST = 512  # a window is cheap here, and one hiding of its patches teaches little
    DEFAULT: ClassVar[Training] = Training(epochs=100, lr=2e-3, batch_size=32, patience=20)

    def __init__(self, window: int | None = None, patch: int | None = None, width: int = 32, heads: int = 4, layers: int = 2,
                 dropout: float = 0.0, training: Training | Mapping[str, Any] | None = None,
                 task: Literal["fill", "forecast"] = "fill") -> None:
        self.window, self.patch, self.width, self.heads, self.layers = window, patch, width, heads, layers
        self.dropout, self.training, self.task = dropout, training, task

    @classmethod
    def small(cls) -> Transformer:
        return cls(window=16, width=16, heads=2, layers=1, training={"epochs": 30})

    def _check(self) -> None:
        settings.one_of("fill", "forecast", task=self.task)
        settings.at_least(2, window=self.window)
        settings.at_least(1, patch=self.patch, width=self.width, heads=self.heads, layers=self.layers)
        settings.multiple(self.heads, width=self.width)
        settings.share(dropout=self.dropout)

    def _forecasts(self) -> bool:
        return self.task == "forecast"

    def _span(self, length: int) -> int:
        length = length if self.window or self._forecasts() else 2 * length
        patch = self._patch(length)
        return max(2, -(-length // patch)) * patch

    def _patch(self, length: int) -> int:
        return self.patch or -(-length // 8)  # the same for the length rounded up to whole patches

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        network = PatchForecaster if self._forecasts() else PatchEncoder
        return network(length, channels, self._patch(length), self.width, self.heads, self.layers, self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        if isinstance(net, PatchForecaster):
            # every row that is foretold, not the last l only: as many again to learn from, at no cost
            return (net(z) - z)[:, net.patch:].square().mean((1, 2))
        assert isinstance(net, PatchEncoder)
        rank = net.draw.uniform(len(z), net.count, device=z.device).argsort(1)
        hidden = rank < max(1, round(net.count / 3))  # (b, p): the same number in every window
        misfit = (net.filled(z, hidden) - z).square().mean(2).unflatten(1, (net.count, net.patch)).mean(2)  # (b, p)
        return (misfit * hidden).sum(1) / hidden.sum(1)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made[:, -(z.shape[1] // 2):] if self._forecasts() else made
