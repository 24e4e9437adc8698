"""See :class:`PatchMemory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, spread, window_ends
from tocsin.deep import settings
from tocsin.deep.detector import DeepDetector
from tocsin.deep.embedding import PatchEmbedding, patch_losses, shape_of
from tocsin.deep.trainer import Examples
from tocsin.memory.coreset import coreset
from tocsin.memory.neighbours import mean_distance, nearest
from tocsin.memory.piece import full_ends, places

_FEWEST, _MOST = 200, 2000  # patches in the memory
_BATCH = 256  # patches embedded at once
_EPOCH = 1024  # stretches in an epoch
_STILL = 0.1  # standard deviations: how much smaller a patch's size is below it does not matter


class PatchMemory(DeepDetector):
    """Short patches of a series, embedded by a small network that taught itself, against a memory of normal ones.

    After Park and Kang (2026, "PaAno: patch-based representation learning for time-series anomaly detection", ICLR, arXiv 2602.01359). A
    one-dimensional CNN of some 20,000 weights learns in a few hundred steps, without labels: patches a few steps apart are to lie close
    together, other shapes and patches spoiled on purpose far off, and it is to be told whether one patch follows another. A coreset of the
    training patches is remembered. The score of a patch is its mean distance to the nearest remembered ones; a step takes the mean over
    the patches that cover it. Beside the embedding a patch is compared by its plain shape, which keeps what the network overlooks, and by
    its level and size, which the network does not see; both are ours, as are the spoiled patches.

    Works on series with shapes that come again, regular or not, and on short training series; light on one core. Not for a slow drift (see
    ``level``), for one odd step in strong noise, or where normal behaviour is new all the time. Many channels share one embedding: what is
    wrong in a single one of fifty is faint.

    Parameters
        window      steps in a patch; None: one period of the training series, within 32 and 96 (and a sixth of the series)
        hidden      channels of the first convolution
        embedding   numbers that stand for a patch
        share       of the training patches that is remembered, within 200 and 2,000 patches
        neighbours  remembered patches that a patch is compared with
        level       weight of level and size; 0: a patch at another level is no surprise
        training    a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> odd = wave.copy(); odd[200:215] = odd[200]
    >>> int(PatchMemory(training={"epochs": 2}).fit(wave).anomaly_score(odd).argmax()) in range(190, 225)
    True
    """

    tags = Tags(modality="series", min_rows=16, slow_fit=True, judges_own=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=10, lr=2e-3, batch_size=64, validation=0.0)
    memory_: np.ndarray
    at_: np.ndarray
    centre_: np.ndarray
    scale_: np.ndarray

    def __init__(self, window: int | None = None, hidden: int = 16, embedding: int = 32, share: float = 0.1, neighbours: int = 3,
                 level: float = 0.1, training: Training | Mapping[str, Any] | None = None) -> None:
        self.window, self.hidden, self.embedding, self.share, self.neighbours = window, hidden, embedding, share, neighbours
        self.level, self.training = level, training

    @classmethod
    def small(cls) -> PatchMemory:
        return cls(window=16, hidden=8, training={"epochs": 3})

    def _check(self) -> None:
        settings.at_least(4, window=self.window)
        settings.at_least(1, hidden=self.hidden, embedding=self.embedding, neighbours=self.neighbours)
        settings.share(share=self.share)
        settings.at_least(0.0, level=self.level)

    def _shape(self, X: np.ndarray) -> tuple[int, ...]:
        return self.window or min(max(window_length(X), 32), 96, max(4, len(X) // 6)), X.shape[1]

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        length, channels = shape
        return PatchEmbedding(length, channels, self.hidden, self.embedding)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, PatchEmbedding)
        return patch_losses(net, z)

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        """Stretches that hold two patches in a row and a little on both sides; in segments shorter than that, the last row is repeated."""
        length = shape[0]
        steps = torch.arange(2 * length + 2 * max(1, length // 16), device=z.device)
        ends = full_ends(groups, length)
        first = np.maximum(ends - length + 1, first_rows(groups)[ends])
        stop = np.searchsorted(groups, groups[ends], side="right") - 1  # last row of the segment
        starts, stops = torch.from_numpy(np.stack([first, stop])).to(z.device)
        everything = torch.arange(len(ends), device=z.device)
        cut = round(training.validation * len(ends))  # the last stretches are held out

        def gather(at: Tensor) -> Tensor:
            return z[torch.minimum(starts[at, None] + steps, stops[at, None])]

        return Examples(gather, everything[:len(ends) - cut], everything[len(ends) - cut:], _EPOCH, self._digest(z, groups))

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        super()._fit(X, y, groups)
        ends = full_ends(groups, self.shape_[0])
        shapes, levels = self._embedded(X, groups, ends)
        self.centre_, self.scale_ = levels.mean(axis=0), np.maximum(levels.std(axis=0), 1e-3)
        rows = self._joined(shapes, levels)
        kept = coreset(rows, int(min(max(self.share * len(rows), _FEWEST), _MOST)), settings.training(self.training, self.DEFAULT).seed)
        self.memory_, self.at_ = rows[kept], places(ends[kept], groups, self.shape_[0])

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._judged(X, groups, own=False)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Each patch without those remembered that overlap it."""
        return self._judged(X, groups, own=True)

    def _judged(self, X: np.ndarray, groups: np.ndarray, own: bool) -> np.ndarray:
        length = self.shape_[0]
        ends = window_ends(groups, length)
        rows = self._joined(*self._embedded(X, groups, ends))
        at, zone = (places(ends, groups, length), length) if own else (None, 0)
        squared, _ = nearest(rows, self.memory_, self.neighbours, at=at, places=self.at_ if own else None, zone=zone)
        return spread(mean_distance(squared), ends, groups, length)

    def _joined(self, shapes: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """(w, e + l·c + 2c) float32: embedding and shape, each of length about 1, and how many usual spreads the levels are off.

        The logarithm of these: on a series that drifts, one that is ten spreads off is not to drown the shape.
        """
        off = (levels - self.centre_) / self.scale_
        weight = self.level / np.sqrt(levels.shape[1] / 2)
        return np.concatenate([shapes, weight * np.sign(off) * np.log1p(np.abs(off))], axis=1, dtype=np.float32)

    @torch.inference_mode()
    def _embedded(self, X: np.ndarray, groups: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the patches that end at ``ends`` (w,): embeddings and shapes (w, e + l·c); means and logarithms of deviations (w, 2c)."""
        z = torch.cat([self._standardised(torch.tensor(X[at:at + 4096])) for at in range(0, len(X), 4096)])
        steps = torch.arange(1 - self.shape_[0], 1, device=z.device)
        low = torch.from_numpy(first_rows(groups)[ends]).to(z.device)
        last = torch.from_numpy(ends).to(z.device)
        shapes, levels = [], []
        for at in range(0, len(ends), _BATCH):
            part = torch.arange(at, at + _BATCH, device=z.device).clamp(max=len(ends) - 1)  # filled up: see detector._filled
            patches = z[torch.maximum(last[part, None] + steps, low[part, None])]
            count = min(_BATCH, len(ends) - at)
            plain = shape_of(patches).flatten(1) / (patches.shape[1] * patches.shape[2]) ** 0.5
            shapes.append(torch.cat([self.net_.body(patches), plain], 1)[:count])
            wide = patches[:count].double()
            levels.append(torch.cat([wide.mean(1), (wide.std(1, correction=0) + _STILL).log()], 1))
        return torch.cat(shapes).cpu().numpy(), torch.cat(levels).cpu().numpy()
