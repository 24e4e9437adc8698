"""What the detectors that learn from noise share: how much noise, a network that is told the amount, and what it is given to see.

Letters: b rows in a batch, d columns, h width inside, k levels of noise.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError
from tocsin.data.scale import Scale
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing, Dropout
from tocsin.deep.detector import DeepDetector
from tocsin.deep.trainer import Examples

_CLIP = 4.0  # standard deviations
_WAVES = 8
_STEPS = 32  # batches an epoch at most: time is bounded for any number of rows
_WATCHED = 1024  # rows held out at most; fewer than a quarter of it are looked at several times, each time under other noise
_RANKS = ("center_", "knots_", "normal_", "spread_", "value_")


def soft_clip(z: Tensor, limit: float = _CLIP) -> Tensor:
    """``z`` within ±limit; beyond it grows with the logarithm, without a step or a bend: one wild cell must not rule a whole network.

    >>> [round(value, 3) for value in soft_clip(torch.tensor([1.0, -8.0]), 4.0).tolist()]
    [1.0, -6.773]
    """
    size = z.abs()
    far = z.sign() * limit * (1 + (size.clamp(min=limit) / limit).log())
    return torch.where(size <= limit, z, far)


def beyond(z: Tensor, limit: float = _CLIP) -> Tensor:
    """(b,) mean over columns of the logarithm of how many times a cell is further out than ``limit``; 0 within."""
    return (z.abs().clamp(min=limit) / limit).log().mean(1)


def ladder(count: int, lowest: float, highest: float) -> list[float]:
    """``count`` standard deviations of noise from ``lowest`` to ``highest``, each the same factor above the one before.

    >>> ladder(3, 0.1, 0.4)
    [0.1, 0.2, 0.4]
    """
    if count == 1 or highest == 0:
        return [float(highest)] * count
    return [round(lowest * (highest / lowest) ** (i / (count - 1)), 12) for i in range(count)]


class Told(nn.Module):
    """A residual network over rows (b, d) that is told one number in [0, 1] for each row, such as a time or a level of noise.

    Linear to h; ``blocks`` times layer norm, GELU and two linear layers added to what came in; layer norm and linear to the output.
    The number enters each block as waves of doubling frequency. Inputs are soft-clipped first.
    """

    def __init__(self, d: int, h: int, out: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.enter, self.told = nn.Linear(d, h), nn.Linear(2 * _WAVES, h)
        self.norms = nn.ModuleList([nn.LayerNorm(h) for _ in range(blocks)])
        self.ups = nn.ModuleList([nn.Linear(h, h) for _ in range(blocks)])
        self.downs = nn.ModuleList([nn.Linear(h, h) for _ in range(blocks)])
        self.last, self.leave, self.dropout = nn.LayerNorm(h), nn.Linear(h, out), Dropout(dropout)

    def inside(self, z: Tensor, number: Tensor) -> Tensor:
        """(b, h) what is known of each row before the last layer."""
        told = self.told(waves(number))
        x = self.enter(soft_clip(z))
        for norm, up, down in zip(self.norms, self.ups, self.downs, strict=True):
            x = x + down(self.dropout(F.gelu(up(norm(x)) + told)))
        made: Tensor = self.last(x)
        return made

    def forward(self, z: Tensor, number: Tensor) -> Tensor:
        made: Tensor = self.leave(self.inside(z, number))
        return made


def waves(number: Tensor) -> Tensor:
    """(b,) in [0, 1] → (b, 16) sines and cosines of π/2, π, 2π, … times it."""
    rates = math.pi / 2 * 2.0 ** torch.arange(_WAVES, device=number.device, dtype=torch.float32)
    angles = number[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def drawn(noise: Drawing, z: Tensor, count: int) -> Tensor:
    """(b,) one of ``count`` levels for each row, spread evenly over the batch: less chance in the loss than with free draws."""
    b = len(z)
    places = (torch.arange(b, device=z.device) + noise.uniform(1, device=z.device)) / b  # each row its own stretch of [0, 1)
    order = noise.uniform(b, device=z.device).argsort()
    return (places[order] * count).long().clamp(max=count - 1)


def contrast(first: Tensor, second: Tensor, heat: float = 0.2) -> Tensor:
    """(b,) how hard it is to find a row's second view (b, e) among those of all rows of the batch (van den Oord et al., 2018)."""
    alike = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / heat  # (b, b)
    return F.cross_entropy(alike, torch.arange(len(first), device=first.device), reduction="none")


class NoiseDetector(DeepDetector):
    """Abstract: a deep detector for tables that chooses what its network sees, and whose training has a bounded number of steps.

    ``inputs``: "standard" for standardised columns; "ranks" for columns mapped to a normal by their ranks in training, which evens out
    heavy tails and odd shapes; "both" for the two side by side: the network then has 2d columns, and a cell counts by the mean of its two.
    """

    INPUTS: ClassVar[tuple[str, ...]] = ("standard", "ranks", "both")
    DEFAULT: ClassVar[Training] = Training(patience=15)
    inputs: str
    ranks_: dict[str, Any]

    @abstractmethod
    def _settings(self) -> None:
        """Raise ConfigError for settings out of range, those of ``inputs`` apart."""

    def _check(self) -> None:
        settings.one_of(*self.INPUTS, inputs=self.inputs)
        self._settings()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        if self.inputs != "standard":
            scale = Scale("quantile").fit(X)
            self.ranks_ = {name: np.asarray(getattr(scale, name)) for name in _RANKS}
        super()._fit(self._seen(X), y, groups)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return super()._score(self._seen(X), groups)

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = super()._map(self._seen(X), groups)
        d = X.shape[1]
        return (made[:, :d] + made[:, d:]) / 2 if self.inputs == "both" else made

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = super()._expected(self._seen(X), groups)[:, :X.shape[1]]
        return np.asarray(self._scale().inverse(made)) if self.inputs == "ranks" else made

    def _seen(self, X: np.ndarray) -> np.ndarray:
        if self.inputs == "standard":
            return X
        ranked = self._scale().transform(X)
        return np.hstack([X, ranked]) if self.inputs == "both" else ranked

    def _scale(self) -> Scale:
        scale = Scale("quantile")
        for name in _RANKS:
            setattr(scale, name, self.ranks_[name])
        return scale

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        """As for any rows, but with an epoch of a bounded number of batches and a bounded number of rows held out."""
        usual = super()._examples(z, groups, shape, training)
        spare, held_out = usual.held_out[_WATCHED:], usual.held_out[:_WATCHED]
        if len(held_out):
            held_out = held_out.repeat(max(1, _WATCHED // 4 // len(held_out)))
        return Examples(usual.gather, torch.cat([usual.train, spare]).sort().values, held_out, _STEPS * training.batch_size, usual.digest)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned(learned)
        if not self.is_fitted() or self.inputs == "standard":
            return
        ranks, shape = learned.get("ranks_"), learned.get("shape_")
        d = shape[0] // (2 if self.inputs == "both" else 1) if isinstance(shape, list) and shape else 0
        if not (isinstance(ranks, dict) and sorted(ranks) == sorted(_RANKS) and _ranks_fit(ranks, d)):
            raise ArtifactError("TOC-410", "the stored ranks are not those of this network", came=repr(type(ranks).__name__),
                                todo="load a file that this version of tocsin wrote")


def _ranks_fit(ranks: dict[str, Any], d: int) -> bool:
    if not all(isinstance(ranks[name], np.ndarray) and np.isfinite(ranks[name]).all() for name in _RANKS):
        return False
    knots, normal = ranks["knots_"], ranks["normal_"]
    columns = all(ranks[name].shape == (d,) for name in ("center_", "spread_", "value_"))
    return bool(columns and knots.ndim == 2 and knots.shape[0] > 0 and knots.shape[1] == d and normal.shape == knots.shape
                and (ranks["spread_"] > 0).all() and (np.diff(knots, axis=0) >= 0).all())
