"""See :class:`ConvAutoencoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing
from tocsin.deep.vision.layers import Twice, convolution, pooled
from tocsin.deep.vision.training import PictureNetwork
from tocsin.deep.vision.usual import Body

_BLUR, _CELL, _STEP = 2, 4, 2  # errors of 2 × 2 pixels are averaged; 4 × 4 of those are judged together, from every second one on
_NOISE, _HOLES = 0.05, 4  # added while training: deviation, and squares painted over


class ConvAutoencoder(PictureNetwork):
    """A convolutional autoencoder learned from scratch: what it cannot draw again from a narrow code is odd. Needs no pretrained weights.

    For pictures unlike photographs: scans, spectrograms, maps of numbers. The encoder halves the picture four times, down to ``code``
    channels; while training, noise and painted-over squares must be mended (Vincent et al., 2008; Zavrtanik et al., 2021), so the identity
    is no solution. Three channels judge, cells in units of what is usual at their place: the form of the error of 8 × 8 pixels, by its
    Mahalanobis distance among those of normal pictures (a faint error in a form that normal errors never have is odd); its size; and the
    code's distance from normal codes, for pictures that are odd as a whole.

    Works from about fifty aligned or texture-like pictures. On photographs of objects and surfaces a detector with a pretrained backbone is
    better.

    Parameters
        size      both sides of the square that pictures are brought to, a multiple of 16
        width     channels of the first layer, a multiple of 8
        code      channels of the narrow code, at a sixteenth of the size
        training  a Training, a mapping of changes to the default, or None

    X (n,) pictures. Raises ConfigError TOC-222, TOC-223 for settings out of range.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> detector = ConvAutoencoder(size=48, width=8, training={"epochs": 5}).fit(data.train)
    >>> scores = detector.anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True,
                extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, batch_size=16, lr=3e-3, validation=0.2, patience=12)
    WHAT: ClassVar[str] = "cannot be drawn again from what normal pictures have in common"

    def __init__(self, size: int = 128, width: int = 16, code: int = 8, training: Training | Mapping[str, Any] | None = None) -> None:
        self.size, self.width, self.code, self.training = size, width, code, training

    @classmethod
    def small(cls) -> ConvAutoencoder:
        return cls(size=48, width=8, training={"epochs": 8})

    def _check(self) -> None:
        settings.at_least(1, code=self.code)
        settings.at_least(32, size=self.size)
        settings.at_least(8, width=self.width)
        settings.multiple(16, size=self.size)
        settings.multiple(8, width=self.width)

    def _body(self) -> Body:
        return _Autoencoder(self.size, self.width, self.code)


class _Autoencoder(Body):
    """Input: pixels (b, 3, s, s) uint8."""

    def __init__(self, size: int, width: int, code: int) -> None:
        super().__init__()
        g = (size // _BLUR - _CELL) // _STEP + 1
        self.g = g
        self.cells = (("form of the error", 3 * _CELL**2, g), ("size of the error", 1, g))
        self.wholes = (("code", 2 * code),)
        w, self.spoil = width, _Spoil()
        self.encoder = nn.Sequential(convolution(3, w, 5, 2), convolution(w, 2 * w, 3, 2), convolution(2 * w, 4 * w, 3, 2),
                                     convolution(4 * w, 4 * w, 3, 2), nn.Conv2d(4 * w, code, 1))
        self.decoder = nn.Sequential(convolution(code, 4 * w, 1), Twice(4 * w, 4 * w), Twice(4 * w, 4 * w),
                                     nn.Conv2d(4 * w, 3 * 16, 3, 1, 1), nn.PixelShuffle(4))

    def loss(self, *inputs: Tensor) -> Tensor:
        x = _unit(inputs[0])
        made = self.decoder(self.encoder(self.spoil(x)))
        return (made - x).square().flatten(1).mean(1) + (made - x).abs().flatten(1).mean(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        x = _unit(inputs[0])
        code = self.encoder(x)
        error = F.unfold(F.avg_pool2d(self.decoder(code) - x, _BLUR), _CELL, stride=_STEP)  # (b, 3 · 16, g · g)
        error = error.view(len(x), -1, self.g, self.g)
        return [error, error.square().mean(1, keepdim=True).sqrt()], [pooled(code)]


def _unit(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1


class _Spoil(Drawing):
    """Noise, and squares painted over with one grey, while training."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        b, _, s, _ = x.shape
        spoilt = x + _NOISE * self.normal(x)
        at = torch.arange(s, device=x.device) / s
        for _ in range(_HOLES):
            left, top, side, grey = self.uniform(4, b, device=x.device)
            side = 0.05 + 0.2 * side

            def within(start: Tensor, side: Tensor = side) -> Tensor:
                return (at >= start[:, None]) & (at < (start + side)[:, None])

            hole = (within(top)[:, :, None] & within(left)[:, None, :])[:, None]
            spoilt = torch.where(hole, (2 * grey - 1)[:, None, None, None], spoilt)
        return spoilt
