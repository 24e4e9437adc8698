"""Networks that learn from known anomalies: the labels travel with the rows, and the rare class is drawn often enough.

An author writes ``_guided(net, z, odd) → (b,)`` instead of ``_loss``: the loss of standardised rows z (b, d), of which odd (b,) says 1.0
for a known anomaly and 0.0 for every other row. Known anomalies are repeated until they make the author's ``share`` of an epoch.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.seed import generator
from tocsin.data.known import known
from tocsin.deep.detector import DeepDetector
from tocsin.deep.trainer import Examples

_FEW = 20  # known anomalies below which none can be spared to watch the training
_ROWS = 16384  # drawn for an epoch at most


class LabelledDetector(DeepDetector):
    """Abstract. A subclass's constructor stores ``share``: the share of known anomalies among the rows of an epoch, 0 leaves them as rare
    as they are."""

    share: float

    @abstractmethod
    def _guided(self, net: nn.Module, z: Tensor, odd: Tensor) -> Tensor:
        """(b,) what training makes small."""

    def _known(self, y: np.ndarray | None, n: int) -> np.ndarray:
        """(n,) bool: the known anomalies. Raises DataError TOC-185 for none, TOC-186 for nothing else."""
        return known(y, type(self).__name__)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._odd = self._known(y, len(X))
        try:
            super()._fit(X, y, groups)
        finally:
            del self._odd  # labels of training rows do not stay with the detector

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        return self._guided(net, z[:, 1:], z[:, 0])

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        """Batches (b, 1 + d) with the label first. Held out is the same share of both classes; nothing, when few anomalies are known:
        the rest alone would reward a network that calls everything normal."""
        rows = torch.cat([torch.from_numpy(self._odd).to(z)[:, None], z], dim=1)
        random = generator(training.seed, "held out")
        odd, rest = random.permutation(np.flatnonzero(self._odd)), random.permutation(np.flatnonzero(~self._odd))
        held = training.validation if len(odd) >= _FEW or not len(odd) else 0.0
        cut_odd, cut_rest = round(held * len(odd)), round(held * len(rest)) if len(rest) > 1 else 0
        learned = np.sort(np.concatenate([self._repeated(odd[cut_odd:], len(rest) - cut_rest), rest[cut_rest:]]))
        watched = np.sort(np.concatenate([self._repeated(odd[:cut_odd], cut_rest), rest[:cut_rest]]))
        return Examples(rows.__getitem__, torch.from_numpy(learned).to(z.device), torch.from_numpy(watched).to(z.device),
                        per_epoch=_ROWS, digest=self._digest(rows, groups))

    def _repeated(self, odd: np.ndarray, rest: int) -> np.ndarray:
        """``odd`` as often as it takes to make ``share`` of an epoch with ``rest`` others, and once at least."""
        if not len(odd):
            return odd
        wanted = round(self.share / (1 - self.share) * rest)
        return np.resize(odd, max(wanted, len(odd)))
