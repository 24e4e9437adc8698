"""See :class:`DeepSAD`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError
from tocsin.core.tags import Tags
from tocsin.data.known import known
from tocsin.deep import settings
from tocsin.deep.initialise import first_weights
from tocsin.deep.labelled import LabelledDetector
from tocsin.deep.network import Network
from tocsin.deep.table import bent
from tocsin.deep.trainer import Examples

_APART = 0.1  # no coordinate of the centre is nearer to 0, where a network without biases would collapse to
_FLOOR = 1e-2  # added to a known anomaly's distance before it is inverted


class DeepSAD(LabelledDetector):
    """Deep SAD: rows are drawn together around a point, known anomalies are pushed away from it.

    After Ruff et al. (2020, "Deep semi-supervised anomaly detection"). A network without biases (so that it cannot send every row to the
    same place) maps rows to ``latent`` numbers; the centre is the mean of what the untrained network makes of the rows. Rows that are not
    labelled lose by their squared distance to it, known anomalies by ``strength`` over theirs. The score is the squared distance, a mean
    over the coordinates. Without a labelled anomaly this is Deep SVDD (Ruff et al., 2018), as the paper defines it.

    Works when usual rows form one body and a few anomalies are known; unlike a classifier it still calls unusual what is unlike
    everything. The paper trains an autoencoder first; this one starts from first weights.

    Parameters
        hidden    width of the two layers
        latent    how many numbers a row is mapped to
        strength  weight of the known anomalies (the paper's eta)
        share     share of known anomalies in an epoch, from 0 (as rare as they are) to below 1
        training  a Training, a mapping of changes to the default, or None

    Raises DataError TOC-186 when every row is labelled an anomaly; ConfigError TOC-220 to TOC-225 for settings out of range, StateError
    TOC-320 when training diverges, ArtifactError TOC-410 for a damaged state.

    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(300, 2))
    >>> odd = rows.sum(axis=1) > 3                           # three of 300
    >>> like, usual = DeepSAD(hidden=16, training={"epochs": 20}).fit(rows, odd).anomaly_score([[2.5, 2.5], [-1.0, 0.0]])
    >>> bool(like > 2 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, supervised=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8, weight_decay=1e-3)
    centre_: np.ndarray

    def __init__(self, hidden: int = 128, latent: int = 32, strength: float = 1.0, share: float = 0.1,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.latent, self.strength, self.share, self.training = hidden, latent, strength, share, training

    @classmethod
    def small(cls) -> DeepSAD:
        return cls(hidden=64, latent=16, training={"epochs": 40})

    def _check(self) -> None:
        settings.at_least(1, hidden=self.hidden, latent=self.latent)
        settings.at_least(0.0, strength=self.strength)
        settings.share(share=self.share)

    def _known(self, y: np.ndarray | None, n: int) -> np.ndarray:
        return known(y, type(self).__name__) if y is not None and y.any() else np.zeros(n, dtype=bool)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Mapped(shape[0], self.hidden, self.latent)

    @torch.no_grad()
    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        first = first_weights(lambda: Network(shape, self._build(shape)), training.seed)
        assert isinstance(first, Network)
        rows = z[torch.from_numpy(np.flatnonzero(~self._odd)).to(z.device)]
        centre = torch.stack([first.body(part.cpu()).double().sum(0) for part in rows.split(4096)]).sum(0) / len(rows)
        centre = torch.where(centre < 0, centre.clamp(max=-_APART), centre.clamp(min=_APART))
        self.centre_ = centre.float().numpy()
        return super()._examples(z, groups, shape, training)

    def _guided(self, net: nn.Module, z: Tensor, odd: Tensor) -> Tensor:
        distance = self._distance(net, z)
        return (1 - odd) * distance + odd * self.strength / (distance + _FLOOR)

    def _judge(self, network: Network, z: Tensor) -> Tensor:
        return self._distance(network.body, z)

    def _distance(self, net: nn.Module, z: Tensor) -> Tensor:
        """(b,) mean squared distance to the centre."""
        return (net(z) - torch.from_numpy(self.centre_).to(z.device)).square().mean(1)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        centre = learned.get("centre_")
        if learned and not (isinstance(centre, np.ndarray) and centre.dtype == np.float32 and centre.shape == (self.latent,)
                            and np.isfinite(centre).all()):
            raise ArtifactError("TOC-410", "the stored centre is not of the expected form", came=repr(centre)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned(learned)


class _Mapped(nn.Module):
    """d → h → h → e without biases."""

    def __init__(self, d: int, h: int, e: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise((d, h, h, e)))

    def forward(self, z: Tensor) -> Tensor:
        made = bent(z)
        for i, layer in enumerate(self.layers):
            made = layer(F.leaky_relu(made, 0.1) if i else made)
        return made
