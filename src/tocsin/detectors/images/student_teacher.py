"""See :class:`StudentTeacher`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.vision.features import Features
from tocsin.deep.vision.layers import Standardised, Twice, convolution, pooled
from tocsin.deep.vision.training import PictureNetwork, eight_bits, joined
from tocsin.deep.vision.usual import Body

_SMALL = 64  # pixels a side that the autoencoder sees
_HARD = 0.9  # quantile of the errors from which on they count a second time


class StudentTeacher(PictureNetwork):
    """Student and teacher: a small network learns to foretell what a large one sees in normal pictures; where it fails, a picture is odd.

    After EfficientAD (Batzner et al., 2024). The teacher is the frozen backbone, tapped. The student sees the same picture through few
    layers and is trained on normal pictures alone, so it imitates the teacher on what they hold and on nothing else; its hardest errors
    count twice. An autoencoder that must squeeze the whole picture through a narrow code foretells the teacher, too: that tells wrong
    arrangements of right parts. Instead of the paper's plain squared errors, each cell's error is judged by its Mahalanobis distance among
    the errors of normal cells, in units of what is usual at its place; so the autoencoder's ordinary blur counts for nothing, and the
    paper's second head of the student, which is there against it, is not needed. A third channel judges the picture as a whole: mean and
    spread of what the teacher sees, by their distance from those of normal pictures.

    Works from about fifty pictures of one kind of object or surface. Fast and small once fitted, since it holds networks and no memory of
    patches; fitting takes a minute or so for a hundred pictures on one core. With few pictures a patch memory finds more.

    Parameters
        backbone  of the teacher: see ``Features``
        taps      its blocks; None for the usual ones
        weights   path of its weights, or None for an installed package
        size      both sides of the square that pictures are brought to
        width     channels of the student's first layer
        code      numbers of the autoencoder's narrow code
        training  a Training, a mapping of changes to the default, or None

    X (n,) pictures. Raises ConfigError TOC-222, TOC-223, TOC-272 to TOC-274, MissingExtra TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> detector = StudentTeacher(backbone="random", size=48, width=8, code=8, training={"epochs": 5}).fit(data.train)
    >>> scores = detector.anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True,
                extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=30, batch_size=16, lr=2e-3, validation=0.2, patience=8)
    WHAT: ClassVar[str] = "is not what a network that knows normal pictures foretells"

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, weights: str | None = None, size: int = 256,
                 width: int = 16, code: int = 32, training: Training | Mapping[str, Any] | None = None) -> None:
        self.backbone, self.taps, self.weights, self.size, self.width, self.code = backbone, taps, weights, size, width, code
        self.training = training

    @classmethod
    def small(cls) -> StudentTeacher:
        return cls(backbone="random", size=48, width=8, code=8, training={"epochs": 6})

    def _check(self) -> None:
        settings.at_least(1, width=self.width, code=self.code)
        settings.at_least(32, size=self.size)
        settings.multiple(8, width=self.width)

    def _features(self) -> Features:
        return Features(self.backbone, None if self.taps is None else tuple(self.taps), self.size, self.weights)

    def _inputs(self, picture: np.ndarray) -> tuple[Tensor, ...]:
        assert self.features_ is not None
        return eight_bits(picture, self.size), joined(self.features_, picture)

    def _body(self) -> Body:
        assert self.features_ is not None
        return _Pair(sum(self.features_.channels), self.features_.grids[0], self.size, self.width, self.code)


class _Pair(Body):
    """Student and autoencoder. Inputs: pixels (b, 3, s, s) uint8, the teacher's map (b, c, g, g)."""

    def __init__(self, c: int, g: int, size: int, width: int, code: int) -> None:
        super().__init__()
        self.cells = (("student", c, g), ("autoencoder", c, g))
        self.c, self.g = c, g
        self.wholes = (("picture", 2 * c),)
        self.teacher = Standardised(c, g)
        self.student = _student(c, size, g, width)
        self.squeeze = _Squeeze(c, g, code)

    def learn(self, *inputs: Tensor) -> None:
        self.teacher.learn(inputs[1])

    def loss(self, *inputs: Tensor) -> Tensor:
        goal, imitated, recalled = self._seen(*inputs)
        error = (imitated - goal).square().flatten(1)
        hard = torch.where(error >= error.detach().quantile(_HARD, dim=1, keepdim=True), error, torch.zeros_like(error)).mean(1)
        return error.mean(1) + hard / (1 - _HARD) * 0.5 + (recalled - goal).square().flatten(1).mean(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        goal, imitated, recalled = self._seen(*inputs)
        return [imitated - goal, recalled - goal], [pooled(goal)]

    def _seen(self, pixels: Tensor, goal: Tensor) -> tuple[Tensor, ...]:
        x = pixels.float() / 127.5 - 1
        made = self.student(x)
        if made.shape[-1] != self.g:
            made = F.interpolate(made, (self.g, self.g), mode="bilinear", align_corners=False)
        return self.teacher(goal), made, self.squeeze(x)


def _student(c: int, size: int, g: int, width: int) -> nn.Sequential:
    """Halves the picture until its cells are the teacher's, then foretells c numbers of each."""
    halvings = max(1, round(math.log2(size / g)))
    widths = [3, *(min(width * 2**i, 8 * width) for i in range(halvings))]
    layers: list[nn.Module] = [convolution(a, b, 5 if a == 3 else 3, 2) for a, b in pairwise(widths)]
    return nn.Sequential(*layers, convolution(widths[-1], widths[-1]), nn.Conv2d(widths[-1], c, 1))


class _Squeeze(nn.Module):
    """The whole picture, small, through a narrow code to the teacher's map."""

    def __init__(self, c: int, g: int, code: int) -> None:
        super().__init__()
        self.g = g
        self.down = nn.Sequential(convolution(3, 16, 3, 2), convolution(16, 32, 3, 2), convolution(32, 32, 3, 2), convolution(32, 32, 3, 2))
        self.code, self.open = nn.Linear(32 * (_SMALL // 16) ** 2, code), nn.Linear(code, 64 * 16)
        self.up = nn.Sequential(Twice(64, 64), Twice(64, 64))
        self.out = nn.Conv2d(64, c, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, (_SMALL, _SMALL), mode="area")
        x = self.open(self.code(self.down(x).flatten(1))).view(-1, 64, 4, 4)
        x = F.interpolate(self.up(x), (self.g, self.g), mode="bilinear", align_corners=False)
        made: Tensor = self.out(x)
        return made
