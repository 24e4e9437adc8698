"""See :class:`CutPaste`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing
from tocsin.deep.vision.layers import convolution, pooled
from tocsin.deep.vision.training import PictureNetwork
from tocsin.deep.vision.usual import Body

_JITTER = 0.2  # most that a pasted piece's brightness changes, of the whole range


class CutPaste(PictureNetwork):
    """A network learns to find pieces that were cut out and pasted elsewhere; real faults look to it like those. Needs no pretrained
    weights.

    After CutPaste (Li et al., 2021). A rectangle, or a thin turned strip ("scar"), of a normal picture is pasted at another place with its
    brightness changed. The paper asks the network which was done to the whole picture; here it must say so for every cell (8 × 8 pixels of
    the square), which teaches it where as well and needs fewer pictures. Three channels judge: how sure the network is that a cell was
    pasted; its codes of the cells, and those of the whole picture, by their distance from a Gaussian of normal ones, as in the paper. Cells
    are judged in units of what is usual at their place.

    Works from about fifty pictures with texture or fixed form; for faults that break the picture locally (scratches, holes, pieces out of
    place) and are larger than a few pixels of the square, not for slow changes of light. With pretrained weights, patch memories are
    usually better on photographs.

    Parameters
        size      both sides of the square that pictures are brought to, a multiple of 16
        width     channels of the first layer, a multiple of 8
        code      numbers of a cell's code
        training  a Training, a mapping of changes to the default, or None

    X (n,) pictures. Raises ConfigError TOC-222, TOC-223 for settings out of range.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> detector = CutPaste(size=48, width=8, code=8, training={"epochs": 5}).fit(data.train)
    >>> scores = detector.anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True,
                extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=60, batch_size=16, lr=2e-3, validation=0.2, patience=15)
    WHAT: ClassVar[str] = "looks out of place"

    def __init__(self, size: int = 128, width: int = 16, code: int = 32, training: Training | Mapping[str, Any] | None = None) -> None:
        self.size, self.width, self.code, self.training = size, width, code, training

    @classmethod
    def small(cls) -> CutPaste:
        return cls(size=48, width=8, code=8, training={"epochs": 20})

    def _check(self) -> None:
        settings.at_least(2, code=self.code)
        settings.at_least(32, size=self.size)
        settings.at_least(8, width=self.width)
        settings.multiple(16, size=self.size)
        settings.multiple(8, width=self.width)

    def _body(self) -> Body:
        return _Finder(self.size, self.width, self.code)


class _Finder(Body):
    """Input: pixels (b, 3, s, s) uint8. Codes at an eighth of the size."""

    def __init__(self, size: int, width: int, code: int) -> None:
        super().__init__()
        g, w = size // 8, width
        self.cells = (("pasted", 1, g), ("cells", code, g))
        self.wholes = (("picture", 2 * code),)
        self.paste = _Paste()
        self.body = nn.Sequential(convolution(3, w, 5, 2), convolution(w, 2 * w, 3, 2), convolution(2 * w, 4 * w, 3, 2),
                                  convolution(4 * w, 4 * w), convolution(4 * w, 4 * w), nn.Conv2d(4 * w, code, 1))
        self.head = nn.Conv2d(code, 3, 1)

    def loss(self, *inputs: Tensor) -> Tensor:
        x = inputs[0].float() / 127.5 - 1
        pasted, kind = self.paste(x)  # kind (b, s, s): 0 as it was, 1 rectangle, 2 scar
        said = self.head(F.relu(self.body(pasted)))
        share = torch.stack([(kind == i).float() for i in range(3)], dim=1)
        wanted = F.interpolate(share, said.shape[-2:], mode="area")  # how much of each cell is what
        cross = -(wanted * said.log_softmax(1)).sum(1)
        weight = 1 + 4 * (1 - wanted[:, 0])  # most cells are as they were
        return (cross * weight).flatten(1).sum(1) / weight.flatten(1).sum(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        code = self.body(inputs[0].float() / 127.5 - 1)
        said = self.head(F.relu(code)).log_softmax(1)
        odds = said[:, 1:].logsumexp(1, keepdim=True) - said[:, :1]
        return [F.softplus(odds), code], [pooled(code)]


class _Paste(Drawing):
    """Cuts a piece out of each picture and pastes it elsewhere: a rectangle, a scar, or nothing, a third each."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b, _, s, _ = x.shape
        which, area, form, turn, across, down, from_x, from_y, light, contrast = self.uniform(10, b, device=x.device)
        kind = (which * 3).long()
        scar = kind == 2
        height = torch.where(scar, 0.05 + 0.20 * area, (0.02 + 0.13 * area).sqrt() * (form * 2.4 - 1.2).exp().sqrt())
        width = torch.where(scar, 0.015 + 0.05 * form, (0.02 + 0.13 * area).sqrt() / (form * 2.4 - 1.2).exp().sqrt())
        angle = torch.where(scar, (turn - 0.5) * math.pi, torch.zeros_like(turn))
        at = (torch.arange(s, device=x.device) + 0.5) / s
        dy, dx = at[None, :, None] - down[:, None, None], at[None, None, :] - across[:, None, None]  # from the piece's centre
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        along, aside = dy * cos - dx * sin, dy * sin + dx * cos
        mask = (along.abs() < height[:, None, None] / 2) & (aside.abs() < width[:, None, None] / 2) & (kind > 0)[:, None, None]
        # where each pixel of the piece was cut: unturned, around another centre that keeps it inside
        y = (0.2 + 0.6 * from_y)[:, None, None] + along
        z = (0.2 + 0.6 * from_x)[:, None, None] + aside
        source = F.grid_sample(x, torch.stack([2 * z - 1, 2 * y - 1], dim=-1), mode="bilinear", padding_mode="border", align_corners=False)
        change = 1 + _JITTER * 2 * (contrast - 0.5)
        source = source * change[:, None, None, None] + 4 * _JITTER * (light - 0.5)[:, None, None, None]
        return torch.where(mask[:, None], source.clamp(-1, 1), x), mask.long() * kind[:, None, None]
