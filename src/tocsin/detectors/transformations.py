"""See :class:`Transformations`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import mlp
from tocsin.deep.table import bent, bounded
from tocsin.deep.trainer import Examples
from tocsin.deep.whitening import CodedDetector, Whitening

_ROWS = 4096  # of an epoch at most
_LANES = 16  # products of odd widths end in another kernel, whose last bit depends on a row's place in the batch


class Transformations(CodedDetector):
    """Neural transformation learning: learned views of a row that stay like it and unlike each other; rows whose views do not are odd.

    After Qiu et al. (2021, "Neural transformation learning for deep anomaly detection beyond images"). ``count`` small networks each move
    a row, by up to a standard deviation in each column, to make a view; an encoder sends row and views to points on a sphere. All are
    trained together so that each view lies near its row and away from the row's other views (the deterministic contrastive loss: no
    chance, no other rows). So the views have to tell different things of the row.

    The score is the squared distance of the encoder's points, of the row and its views together, from what they are for normal rows, each
    direction in units of its spread there. ``whitened=False`` is the paper's score, the loss, six points of AUROC worse over seven
    tables: for rows far out it is at times upside down, as directions on a sphere say nothing of lengths.

    Works for any number of columns, from about a hundred rows, where views can be made from relations between columns. With few columns it
    is little more than a distance.

    Parameters
        count         views of a row, 2 at least
        hidden        width of the layers; the encoder's first is twice as wide
        latent        coordinates of a point
        temperature   how sharp the contrast is, above 0
        whitened      judge by the points' distances in units of their usual spread, not by the loss
        training      a Training, a mapping of changes to the default, or None

    An epoch sees at most 4,096 rows, so the time of training does not grow with the table. Shapes: X (n, d).
    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x, -x]) + np.random.default_rng(1).normal(size=(200, 3)) / 10
    >>> detector = Transformations(count=4, hidden=16, latent=8, training={"epochs": 10}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
    >>> bool(odd > 5 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8)

    def __init__(self, count: int = 8, hidden: int = 64, latent: int = 32, temperature: float = 0.1, whitened: bool = True,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.count, self.hidden, self.latent, self.temperature = count, hidden, latent, temperature
        self.whitened, self.training = whitened, training

    @classmethod
    def small(cls) -> Transformations:
        return cls(count=4, hidden=32, latent=16, training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(2, count=self.count)
        settings.at_least(1, hidden=self.hidden, latent=self.latent)
        settings.at_least(1e-3, temperature=self.temperature)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Views(shape[0], self.count, self.hidden, self.latent)

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        return bounded(super()._examples(z, groups, shape, training), _ROWS)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        points = F.normalize(net(z), dim=2)
        alike = points[:, 1:] @ points.transpose(1, 2) / self.temperature  # (b, k, 1 + k): each view with the row and all views
        alike.diagonal(1, 1, 2).fill_(float("-inf"))  # but not with itself
        return -F.log_softmax(alike, 2)[..., 0].mean(1)

    def _code(self, net: nn.Module, z: Tensor) -> Tensor:
        points: Tensor = net(z)
        return points.flatten(1)

    def _plain(self, net: nn.Module, z: Tensor) -> Tensor:
        return self._loss(net, z)


class _Views(nn.Module):
    """Rows (b, d) → what the encoder makes of them and of their k views: (b, 1 + k, e)."""

    def __init__(self, d: int, k: int, h: int, e: int) -> None:
        super().__init__()
        self.into, self.out = _Bundle(k, d, h), _Bundle(k, h, d)
        self.encoder = mlp(d, 2 * h, h, e)
        self.usual = Whitening((1 + k) * e)

    def forward(self, z: Tensor) -> Tensor:
        z = bent(z)
        d = z.shape[1]
        views = [z + torch.tanh((F.gelu(z @ into) @ F.pad(out, (0, -d % _LANES)))[:, :d])
                 for into, out in zip(self.into.weight, self.out.weight)]
        made: Tensor = self.encoder(torch.stack([z, *views], 1))  # (b, 1 + k, d) → (b, 1 + k, e)
        return made


class _Bundle(nn.Module):
    """The weights of k linear maps without biases. They are multiplied one by one: a product over all of them at once takes another kernel,
    whose last bit depends on a row's place in the batch."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, inputs, outputs))

    def initialise(self, generator: torch.Generator) -> None:
        """Uniform within ± 1 / sqrt(inputs), as of any linear layer."""
        bound = self.weight.shape[1] ** -0.5
        self.weight.uniform_(-bound, bound, generator=generator)
