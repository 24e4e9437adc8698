"""See :class:`DeviationNetwork`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import mlp
from tocsin.deep.labelled import LabelledDetector
from tocsin.deep.network import Network
from tocsin.deep.table import bent


class DeviationNetwork(LabelledDetector):
    """Deviation network: a few known anomalies are pushed far above the usual score, all other rows are held around it.

    After Pang, Shen and van den Hengel (2019, "Deep anomaly detection with deviation networks"). A network gives each row one number. Rows
    that are not labelled lose by how far they are from 0; a known anomaly loses by what it lacks to ``margin`` standard deviations above 0.
    The score is that number: about 0 for usual rows, ``margin`` for rows like the known anomalies. The paper draws 5,000 numbers from the
    standard normal distribution for the mean and deviation to compare with; here these are 0 and 1, which the draws estimate.

    Works with a handful of known anomalies (the paper: 30) among many rows that are mostly normal. The absolute loss is mild with anomalies
    hidden among the rows that are not labelled. Kinds of anomalies that are unlike all known ones are found by chance only:
    ``guided_fusion`` looks for them, too.

    Parameters
        hidden    width of the layer
        margin    how far known anomalies are pushed, in standard deviations of a usual score
        share     share of known anomalies in an epoch, from 0 (as rare as they are) to below 1; the paper takes half
        dropout   share of hidden values dropped while training
        training  a Training, a mapping of changes to the default, or None

    Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing else; ConfigError TOC-220 to TOC-225 for settings out of
    range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(300, 2))
    >>> odd = rows.sum(axis=1) > 3                           # three of 300
    >>> like, usual = DeviationNetwork(training={"epochs": 20}).fit(rows, odd).anomaly_score([[2.5, 2.5], [-1.0, 0.0]])
    >>> bool(like > usual + 1)
    True
    """

    tags = Tags(modality="vector", min_rows=2, slow_fit=True, supervised=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8, weight_decay=1e-2)

    def __init__(self, hidden: int = 64, margin: float = 5.0, share: float = 0.5, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.margin, self.share, self.dropout, self.training = hidden, margin, share, dropout, training

    @classmethod
    def small(cls) -> DeviationNetwork:
        return cls(training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(1, hidden=self.hidden)
        settings.at_least(0.0, margin=self.margin)
        settings.share(share=self.share, dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return mlp(shape[0], self.hidden, 1, dropout=self.dropout)

    def _guided(self, net: nn.Module, z: Tensor, odd: Tensor) -> Tensor:
        deviation = net(bent(z))[:, 0]
        return (1 - odd) * deviation.abs() + odd * (self.margin - deviation).relu()

    def _judge(self, network: Network, z: Tensor) -> Tensor:
        deviation: Tensor = network.body(bent(z))[:, 0]
        return deviation
