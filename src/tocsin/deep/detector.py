"""The abstract deep detector: an author states a network and its loss; standardising, training, scoring and writing down are here, once.

An author writes, on standardised float32 batches z (b, d):

    _build(shape) → Module               from the shape of one example: (d,) here, (l, c) for a series
    _loss(net, z) → (b,)                 what training makes small; may draw at random through ``blocks.Drawing`` modules
    _expect(net, z) → like z             what is normal in each cell, when the tags say ``gives_expected``
    _judge(network, z) → (b,)            the score; the mean of the cells' when there is ``_expect``
    _check()                             raises ConfigError for settings out of range

``net`` is the author's module in evaluation mode outside training; it must not hold anything that depends on batch mates.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import to_plain
from tocsin.deep import settings
from tocsin.deep.device import device, scoring_device
from tocsin.deep.initialise import first_weights
from tocsin.deep.network import Network
from tocsin.deep.processes import local
from tocsin.deep.trainer import Examples, train

_FLOOR = 0.02  # smallest usual residual, in standard deviations: a column foretold perfectly must not drown all others


class DeepDetector(Detector):
    """Abstract, for rows (n, d). A subclass's constructor stores ``training``: a Training, changes to ``DEFAULT`` as a mapping, or None."""

    DEFAULT: ClassVar[Training] = Training()
    training: Any
    net_: Network
    shape_: list[int]
    history_: list[dict[str, Any]]

    @abstractmethod
    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        """An untrained network for examples of this shape."""

    @abstractmethod
    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        """(b,) what training makes small."""

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        raise self._missing("_expect")

    def _check(self) -> None:
        """Raise ConfigError for settings out of range."""

    def _judge(self, net: Network, z: Tensor) -> Tensor:
        return self._cells(net, z).mean(-1)

    def _cells(self, net: Network, z: Tensor) -> Tensor:
        """Squared residuals of the cells, in units of their column's usual residual."""
        expected = self._expect(net.body, z)
        return ((z[..., -expected.shape[-2]:, :] - expected) / net.spread).square()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        training = settings.training(self.training, self.DEFAULT)
        place = local(device(training.device))
        shape = self._shape(X)
        net = first_weights(lambda: Network(shape, self._build(shape)), training.seed)
        assert isinstance(net, Network)
        net.inputs.learn(torch.tensor(X))
        z = torch.cat([net.inputs(part) for part in _parts(X)]).to(place)
        net.to(place)
        examples = self._examples(z, groups, shape, training)
        self.history_ = train(net.body, self._loss, examples, training, name=type(self).__name__)
        self.shape_ = list(shape)
        self.net_ = net.requires_grad_(False).eval()
        if self.tags.gives_expected:
            self._learn_spread(examples)

    def _shape(self, X: np.ndarray) -> tuple[int, ...]:
        return (X.shape[1],)

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        """Rows, a random share of them held out."""
        order = generator(training.seed, "held out").permutation(len(z))
        cut = round(training.validation * len(z)) if len(z) > 1 else 0
        positions = torch.from_numpy(order).to(z.device)
        return Examples(z.__getitem__, positions[cut:].sort().values, positions[:cut].sort().values, digest=self._digest(z, groups))

    @torch.inference_mode()
    def _learn_spread(self, examples: Examples) -> None:
        """The usual residual of each column on held-out examples (on training examples where none are held out)."""
        positions = examples.held_out if len(examples.held_out) else examples.train
        positions = positions[:: max(1, len(positions) // 4096)]
        squares = [self._cells(self.net_, examples.gather(part)).double().flatten(0, -2) for part in positions.split(256)]
        self.net_.spread.copy_(torch.cat(squares).mean(0).sqrt().clamp(min=_FLOOR))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._through(self._judge, X, groups)

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._through(self._cells, X, groups)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._in_units(self._through(lambda net, z: self._expect(net.body, z), X, groups))

    @torch.inference_mode()
    def _through(self, judge: Callable[[Network, Tensor], Tensor], X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """What ``judge`` makes of each row, in float64."""
        made = [judge(self.net_, z)[:count].double().cpu().numpy() for count, z in _filled(map(self._standardised, _parts(X)))]
        return np.concatenate(made)

    def _standardised(self, part: Tensor) -> Tensor:
        place = self.net_.spread.device
        z: Tensor = self.net_.inputs(part.to(place))
        return z

    def _in_units(self, z: np.ndarray) -> np.ndarray:
        inputs = self.net_.inputs
        return np.concatenate([inputs.inverse(part.to(inputs.mean.device)).cpu().numpy() for part in _parts(z)])

    def _digest(self, z: Tensor, groups: np.ndarray) -> str:
        """Names the data and the settings in a checkpoint."""
        if not settings.training(self.training, self.DEFAULT).checkpoint:
            return ""
        digest = hashlib.sha256(z.cpu().numpy().tobytes() + groups.tobytes())
        plain = {name: to_plain(value) for name, value in self.params().items() if name != "training"}
        digest.update(repr(sorted(plain.items())).encode())
        return digest.hexdigest()

    def _learned(self) -> dict[str, Any]:
        plain = {name: to_plain(value) for name, value in vars(self).items() if name.endswith("_") and name != "net_"}
        return {**plain, "net": self.net_.arrays()} if "net_" in vars(self) else plain

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned({name: value for name, value in learned.items() if name != "net"})
        if "net" not in learned:
            return
        shape = learned.get("shape_")
        if not (isinstance(shape, list) and shape and all(isinstance(size, int) and 0 < size < 2**31 for size in shape)):
            raise ArtifactError("TOC-410", "the stored shape of a network is not of the expected form", came=repr(shape)[:80],
                                todo="load a file that this version of tocsin wrote")
        try:
            self._check()
            with torch.device("meta"):
                net = Network(tuple(shape), self._build(tuple(shape)))
            place = scoring_device(settings.training(self.training, self.DEFAULT).device)
        except (ConfigError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError("TOC-410", "the network cannot be built from its stored settings", came=str(error)[:200],
                                todo="load a file that this version of tocsin wrote") from error
        net.fill(learned["net"])
        self.net_ = net.to(place).requires_grad_(False).eval()


_ROWS = 256


def _parts(X: np.ndarray) -> Iterator[Tensor]:
    """Copies of ``X`` (n, ...) in parts of equal size, the last one shorter."""
    for start in range(0, len(X), _ROWS):
        yield torch.tensor(X[start:start + _ROWS])


def _filled(parts: Iterator[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """(rows that count, part filled up with zeros to the full size).

    Matrix products pick their kernel by the batch's size and kernels differ in the last bit. One size for all keeps a row's score
    the same to the last bit, alone or among others.
    """
    for part in parts:
        missing = part.new_zeros(_ROWS - len(part), *part.shape[1:])
        yield len(part), torch.cat([part, missing]) if len(missing) else part
