"""See :class:`Contrastive`."""

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
from tocsin.deep.blocks import Drawing, mlp
from tocsin.deep.table import bent, bounded
from tocsin.deep.trainer import Examples
from tocsin.deep.whitening import CodedDetector, Whitening

_ROWS, _PARTS = 4096, 61_440  # rows and windows of an epoch at most
_WINDOWS = 32  # of a row at most, in each order of the columns
_CELLS = 2048  # of all windows and what is around them together; wide tables get fewer windows, 8 at least
_CODE = 512  # coordinates that a row is judged by, at most


class Contrastive(CodedDetector):
    """Internal contrastive learning: which part of a row belongs to which rest of it? Where part and rest disagree, the row is odd.

    After Shenkar & Wolf (2022, "Anomaly detection for tabular data with internal contrastive learning"). A window of a few columns and
    the row's other columns go through two networks to points on a sphere. Training makes a window's point lie nearer to that of its own
    rest than to those of the other windows of the same row: never of other rows, for that would call dense regions odd. The networks do
    not know which window they see, so they have to find out from the values. Windows run around the end of the row, and since
    neighbourhood of columns means little in a table, ``orders`` random orders of the columns are used.

    The score is the squared distance of (point of the rest - point of the window), over all windows and orders, from what it is for
    normal rows, each direction in units of its spread there; much of that an untrained network sees, too, and training moves it little.
    ``whitened=False`` is the paper's score, the contrastive loss: it is upside down for rows far out (they are easy to contrast), 27
    points of AUROC worse over seven tables.

    Works when columns depend on each other, for tables of three columns to some hundreds, from about a hundred rows. With one or two
    columns there is nothing to contrast: two curves of each column are then added as columns, and the score is little more than a
    distance. Not when columns are independent.

    Parameters
        window        columns in a window; None: 2 up to 40 columns, else 10 or more. At most all but one
        hidden        width of the layers; the network of the rest has one layer of twice this width
        latent        coordinates of a point
        orders        random orders of the columns
        temperature   how sharp the contrast is while training, above 0
        whitened      judge by the points' distances in units of their usual spread, not by the loss
        training      a Training, a mapping of changes to the default, or None

    An epoch sees at most 4,096 rows and 61,440 windows, a row has at most 32 windows, so the time of training does not grow with the table.
    Shapes: X (n, d).
    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x, -x]) + np.random.default_rng(1).normal(size=(200, 3)) / 10
    >>> detector = Contrastive(hidden=16, latent=8, training={"epochs": 10}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
    >>> bool(odd > 5 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8)

    def __init__(self, window: int | None = None, hidden: int = 64, latent: int = 32, orders: int = 3, temperature: float = 0.1,
                 whitened: bool = True, training: Training | Mapping[str, Any] | None = None) -> None:
        self.window, self.hidden, self.latent, self.orders = window, hidden, latent, orders
        self.temperature, self.whitened, self.training = temperature, whitened, training

    @classmethod
    def small(cls) -> Contrastive:
        return cls(hidden=32, latent=16, orders=2, training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(1, window=self.window, hidden=self.hidden, latent=self.latent, orders=self.orders)
        settings.at_least(1e-3, temperature=self.temperature)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Windows(shape[0], self.window, self.hidden, self.latent, self.orders)

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        rows = min(_ROWS, _PARTS // min(shape[0], _WINDOWS))
        return bounded(super()._examples(z, groups, shape, training), rows)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Windows)
        number = int(net.draw.uniform(1, device=z.device) * self.orders)  # one order for a batch
        return self._contrast(*net(z, number))

    def _contrast(self, windows: Tensor, rests: Tensor) -> Tensor:
        """(b,) cross entropy of finding each rest's own window among the m of the row; points (b, m, e)."""
        alike = rests @ windows.transpose(1, 2) / self.temperature  # (b, m, m)
        return -F.log_softmax(alike, 2).diagonal(dim1=1, dim2=2).mean(1)

    def _code(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Windows)
        gaps = [rests - windows for windows, rests in (net(z, number) for number in range(self.orders))]
        return torch.cat([gap[..., :net.judged].flatten(1) for gap in gaps], 1)

    def _plain(self, net: nn.Module, z: Tensor) -> Tensor:
        return torch.stack([self._contrast(*net(z, number)) for number in range(self.orders)]).mean(0)


class _Windows(nn.Module):
    """Rows (b, d) → points of m windows and of what is around them, 2 × (b, m, e), in one of several orders of the columns."""

    def __init__(self, d: int, window: int | None, h: int, e: int, orders: int) -> None:
        super().__init__()
        self.d = 3 * d if d < 3 else d
        self.count = min(self.d, _WINDOWS, max(8, _CELLS // self.d))
        wanted = window or max(2 if self.d <= 40 else 10, -(-self.d // self.count))
        self.width = min(wanted, self.d - 1)
        self.judged = max(1, min(e, _CODE // (orders * self.count)))  # coordinates of each point
        self.window, self.rest = mlp(self.width, h, h, e), mlp(self.d - self.width, 2 * h, h, e)
        self.usual = Whitening(orders * self.count * self.judged)
        self.draw = Drawing()
        self.order: Tensor
        self.register_buffer("order", torch.zeros(orders, self.d, dtype=torch.int64))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the orders of the columns."""
        for row in self.order:
            row.copy_(torch.randperm(self.d, generator=generator))

    def forward(self, z: Tensor, number: int) -> tuple[Tensor, Tensor]:
        z = bent(z)
        if z.shape[1] < self.d:
            z = torch.cat([z, z.abs() - 1, torch.sin(2 * z)], 1)
        first = torch.arange(self.count, device=z.device) * self.d // self.count
        at = (first[:, None] + torch.arange(self.d, device=z.device)) % self.d  # (m, d): each window's columns come first
        turned = z[:, self.order[number][at]]  # (b, m, d)
        windows, rests = self.window(turned[..., :self.width]), self.rest(turned[..., self.width:])
        return F.normalize(windows, dim=2), F.normalize(rests, dim=2)
