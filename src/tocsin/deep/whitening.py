"""Rows judged by a code that a network makes of them: how far it lies from normal codes, each direction in units of its spread there.

What a self-supervised loss says of a row is often upside down: a row far from all others may be easy to contrast, and gets a low loss.
Its code still lies where no normal row's does.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.deep.detector import DeepDetector
from tocsin.deep.network import Network

_ROWS = 4096  # that mean and spread are learned from, at most
_RIDGE = 1e-3  # of the mean variance, added to each direction's: what no training row varies in must not drown all else
_FLOOR = 1e-12


class Whitening(nn.Module):
    """Mahalanobis distance in a space of codes (b, e), in float64: squared, divided by e, so that a normal row has about 1."""

    def __init__(self, e: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.axes: Tensor
        self.register_buffer("mean", torch.zeros(e, dtype=torch.float64))
        self.register_buffer("axes", torch.zeros(e, e, dtype=torch.float64))

    def initialise(self, generator: torch.Generator) -> None:
        """The squared length of the code, until something has been learned."""
        self.mean.zero_()
        self.axes.copy_(torch.eye(len(self.mean)))

    def learn(self, codes: Tensor) -> None:
        """Take mean and spread from the ``codes`` (n, e) float64 of normal rows."""
        n, e = codes.shape
        self.mean.copy_(codes.mean(0))
        away = codes - self.mean
        variance, directions = torch.linalg.eigh(away.T @ away / n)
        variance = variance.clamp(min=0.0)
        self.axes.copy_(directions / (variance + _RIDGE * (1 + e / n) * variance.mean() + _FLOOR).sqrt())

    def forward(self, codes: Tensor) -> Tensor:
        return ((codes.to(torch.float64) - self.mean) @ self.axes).square().mean(1)


class CodedDetector(DeepDetector):
    """Abstract. A subclass's constructor stores ``whitened``, and the network it builds has ``usual``: a Whitening of its codes."""

    whitened: bool

    @abstractmethod
    def _code(self, net: nn.Module, z: Tensor) -> Tensor:
        """(b, e) where a row lies for the network."""

    @abstractmethod
    def _plain(self, net: nn.Module, z: Tensor) -> Tensor:
        """(b,) the score when it is not to be whitened."""

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        super()._fit(X, y, groups)
        if self.whitened:
            step = -(-len(X) // _ROWS)
            codes = self._through(lambda net, z: self._code(net.body, z), X[::step], groups[::step])
            usual = _usual(self.net_.body)
            usual.learn(torch.from_numpy(codes).to(usual.mean.device))

    def _judge(self, net: Network, z: Tensor) -> Tensor:
        if not self.whitened:
            return self._plain(net.body, z)
        judged: Tensor = _usual(net.body)(self._code(net.body, z))
        return judged


def _usual(body: nn.Module) -> Whitening:
    usual = body.usual
    assert isinstance(usual, Whitening)
    return usual
