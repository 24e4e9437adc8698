"""See :class:`Classifier`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import mlp
from tocsin.deep.labelled import LabelledDetector
from tocsin.deep.network import Network
from tocsin.deep.table import bent


class Classifier(LabelledDetector):
    """Network on labelled rows: a multi-layer perceptron with the focal loss, for few anomalies among many rows.

    The score is the log-odds of being a labelled anomaly, as the network sees its balanced batches. After Lin et al. (2017, "Focal loss for
    dense object detection"): a row counts by (1 − chance of its true label)^focus, so that the many rows that are told apart easily do not
    drown the few that are not. Known anomalies are repeated until they make ``share`` of an epoch, so every batch holds some.

    Works from some dozens of known anomalies on, when what tells them is smooth in the columns; trees (``boosting``) are better where it is
    a cut in a few columns. Blind to kinds that were never labelled: with few labels take ``guided_fusion``.

    Parameters
        hidden    width of the two layers
        focus     exponent of the focal loss; 0 is plain cross-entropy
        share     share of known anomalies in an epoch, from 0 (as rare as they are) to below 1
        dropout   share of hidden values dropped while training
        training  a Training, a mapping of changes to the default, or None

    Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing else; ConfigError TOC-220 to TOC-225 for settings out of
    range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(300, 2))
    >>> odd = rows.sum(axis=1) > 2
    >>> beyond, within = Classifier(hidden=16, training={"epochs": 20}).fit(rows, odd).anomaly_score([[2.0, 2.0], [-1.0, 0.0]])
    >>> bool(beyond > 0 > within)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, supervised=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8, weight_decay=1e-2)

    def __init__(self, hidden: int = 128, focus: float = 2.0, share: float = 0.3, dropout: float = 0.2,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.focus, self.share, self.dropout, self.training = hidden, focus, share, dropout, training

    @classmethod
    def small(cls) -> Classifier:
        return cls(hidden=32, training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(1, hidden=self.hidden)
        settings.at_least(0.0, focus=self.focus)
        settings.share(share=self.share, dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return mlp(shape[0], self.hidden, self.hidden, 1, dropout=self.dropout)

    def _guided(self, net: nn.Module, z: Tensor, odd: Tensor) -> Tensor:
        return focal(net(bent(z))[:, 0], odd, self.focus)

    def _judge(self, network: Network, z: Tensor) -> Tensor:
        odds: Tensor = network.body(bent(z))[:, 0]
        return odds


def focal(odds: Tensor, odd: Tensor, focus: float) -> Tensor:
    """(b,) focal loss of log-odds (b,) for labels (b,) of 0.0 and 1.0.

    >>> import torch
    >>> [round(loss, 3) for loss in focal(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0]), 2.0).tolist()]
    [0.173, 0.173]
    """
    plain = F.binary_cross_entropy_with_logits(odds, odd, reduction="none")
    wrong = (odds * (1 - 2 * odd)).sigmoid().clamp(min=1e-12)  # the chance of the other label; a power below 1 has no slope at 0
    return plain * wrong ** focus if focus else plain
