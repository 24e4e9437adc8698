"""The abstract detector of pictures by a network that is trained on normal ones; an author writes the network alone.

An author states a ``usual.Body`` in ``_body``: what training makes small, and the codes by which a picture is judged. Here, once for all:
pictures become inputs, a share is held out, the one training loop runs, and what is usual of the codes is learned.

    score = mean over channels of (value - centre) / spread
    value of a channel of cells = root of the mean of the oddest 3 % of cells; of a whole code = its Mahalanobis distance

Held-out scores. A network cannot be trained again for each picture, so a share of the pictures (``Training.validation``, 0.2 by default;
also watched for early stopping) is not trained on: their scores are those of unseen ones. The scores of trained pictures are a little too
low. They are brought to the held-out ones' mean and spread. With fewer than 50 pictures the held-out ones are too few for that:
``fit_held_out`` then trains three more networks, each without a third of the pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import to_plain
from tocsin.core.types import Part, Reason
from tocsin.deep import settings
from tocsin.deep.device import device, scoring_device
from tocsin.deep.initialise import first_weights
from tocsin.deep.processes import local
from tocsin.deep.trainer import Examples, train
from tocsin.deep.vision.features import Features
from tocsin.deep.vision.preprocess import own_size, square
from tocsin.deep.vision.region import regions
from tocsin.deep.vision.usual import Body, Judge

_MOST = 1000  # pictures in memory to train on; further ones are held out
_FEW = 50  # pictures below which held-out scores come from further networks
_FOLDS = 3
_PART = 16  # pictures in a network at once where nothing is learned
_ROWS = 20_000  # cells that their usual spread is learned from


class PictureNetwork(Detector):
    """Abstract. A subclass's constructor stores ``size`` and ``training``; inputs of its body are chosen by ``_features`` and
    ``_inputs``."""

    DEFAULT: ClassVar[Training] = Training(epochs=30, batch_size=16, validation=0.2, patience=8)
    WHAT: ClassVar[str] = "differs from the training pictures"
    size: int
    training: Training | Mapping[str, Any] | None
    features_: Features | None
    net_: Judge
    history_: list[dict[str, Any]]
    _own_values: np.ndarray
    _trained: np.ndarray

    @abstractmethod
    def _body(self) -> Body:
        """An untrained network; ``self.features_`` is there."""

    def _features(self) -> Features | None:
        """The backbone that inputs are read with, or None."""
        return None

    def _inputs(self, picture: np.ndarray) -> tuple[Tensor, ...]:
        """What the body is given of ``picture`` (h, w, 3): by default its square (3, size, size) in 8 bits."""
        return (eight_bits(picture, self.size),)

    def _check(self) -> None:
        """Raise ConfigError for settings out of range."""

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        training = settings.training(self.training, self.DEFAULT)
        place = local(device(training.device))
        order = generator(training.seed, "held out").permutation(len(X))
        held = min(max(round(training.validation * len(X)), len(X) - _MOST, 1), len(X) - 1)
        learned, watched = np.sort(order[held:]), order[:min(held, _MOST // 4)]
        self.features_ = self._features()
        stacks = self._stacked(X[np.concatenate([learned, watched])])
        count = len(learned)
        net = first_weights(lambda: Judge(self._body()), training.seed)
        assert isinstance(net, Judge)
        net.body.learn(*(stack[:count] for stack in stacks))
        net.to(place)
        self.history_ = self._train(net.body, stacks, count, training, place)
        self.net_ = net.requires_grad_(False).eval()
        self._learn_usual([stack[:count] for stack in stacks], training.seed)
        self._trained = np.isin(np.arange(len(X)), learned)
        values = np.empty((len(X), len(net.names)))
        values[np.concatenate([learned, watched])] = np.concatenate([self._values(part) for part in _parts(stacks)])
        rest = order[len(watched):held]
        if len(rest):
            values[rest] = np.concatenate([self._judged(picture.pixels())[1] for picture in X[rest]])
        self.net_.calibrate(torch.from_numpy(values[~self._trained]).to(place))
        self._own_values = values

    def _train(self, body: Body, stacks: Sequence[Tensor], count: int, training: Training, place: torch.device) -> list[dict[str, Any]]:
        def gather(positions: Tensor) -> Tensor:
            return positions

        def loss(net: nn.Module, positions: Tensor) -> Tensor:
            assert isinstance(net, Body)
            parts = [positions] if net.training else positions.split(_PART)  # a picture's inner layers are large
            return torch.cat([net.loss(*(stack[part.cpu()].to(place) for stack in stacks)) for part in parts])

        positions = torch.arange(len(stacks[0]), device=place)
        return train(body, loss, Examples(gather, positions[:count], positions[count:]), training, name=type(self).__name__)

    def _stacked(self, X: np.ndarray) -> list[Tensor]:
        each = [self._inputs(picture.pixels()) for picture in X]
        return [torch.stack(stack) for stack in zip(*each)]

    @torch.inference_mode()
    def _learn_usual(self, stacks: list[Tensor], seed: int) -> None:
        """Mean and spread of the codes of trained pictures, then the usual distance at each place."""
        net, cells, wholes = self.net_, self.net_.cell_usuals(), self.net_.whole_usuals()
        taken: list[list[Tensor]] = [[] for _ in cells]
        whole: list[list[Tensor]] = [[] for _ in wholes]
        draw = generator(seed, "cells")
        for part in _parts(stacks):
            codes, pictures = net.body.codes(*self._placed(part))
            for keep, code in zip(taken, codes):
                rows = code.permute(0, 2, 3, 1).reshape(-1, code.shape[1])
                share = min(1.0, _ROWS / (len(stacks[0]) * rows.shape[0] / len(code)))
                chosen = np.sort(draw.permutation(len(rows))[: max(1, round(share * len(rows)))])
                keep.append(rows[torch.from_numpy(chosen).to(rows.device)].double())
            for keep, code in zip(whole, pictures):
                keep.append(code.double())
        for whitening, each in zip([*(usual.whitening for usual in cells), *wholes], taken + whole):
            whitening.learn(torch.cat(each))
        sums = [torch.zeros_like(usual.level) for usual in cells]
        for part in _parts(stacks):
            for total, usual, code in zip(sums, cells, net.body.codes(*self._placed(part))[0]):
                total += usual.distance(code).sum(0)
        for usual, total in zip(cells, sums):
            usual.learn_level(total, len(stacks[0]))

    def _placed(self, part: Sequence[Tensor]) -> list[Tensor]:
        return [each.to(self.net_.centre.device) for each in part]

    @torch.inference_mode()
    def _values(self, part: Sequence[Tensor]) -> np.ndarray:
        made: np.ndarray = self.net_(*self._placed(part))[1].cpu().numpy()
        return made

    @torch.inference_mode()
    def _judged(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The map (g, g) of one picture and its values (1, k): one picture at a time, so that its score depends on it alone."""
        maps, values = self.net_(*self._placed([each[None] for each in self._inputs(picture)]))
        size = max(each.shape[-1] for each in maps)
        finest = [nn.functional.interpolate(each[None], (size, size), mode="bilinear", align_corners=False)[0, 0] for each in maps]
        return torch.stack(finest).mean(0).cpu().numpy(), values.cpu().numpy()

    def _scores(self, values: np.ndarray) -> np.ndarray:
        made: np.ndarray = self.net_.odds(torch.from_numpy(values).to(self.net_.centre.device)).mean(1).cpu().numpy()
        return made

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._scores(np.concatenate([self._judged(picture.pixels())[1] for picture in X]))

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = np.empty(len(X), dtype=object)
        for i, picture in enumerate(X):
            pixels = picture.pixels()
            made[i] = own_size(self._judged(pixels)[0], pixels.shape[0], pixels.shape[1], "squash")
        return made

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Trained pictures' scores brought to the mean and spread of those of held-out ones."""
        made, trained = self._scores(self._own_values), self._trained
        held = made[~trained]
        if len(held) > 1:
            made[trained] = held.mean() + float(held.std(ddof=1)) * _foretold(made[trained], len(held))
        return made

    def _held_out(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        if len(X) >= _FEW or len(X) < 2 * _FOLDS:
            return self._own(X, groups)
        training = settings.training(self.training, self.DEFAULT)
        made = np.empty(len(X))
        for part in np.array_split(generator(training.seed, "folds").permutation(len(X)), _FOLDS):
            rest = np.delete(np.arange(len(X)), part)
            made[part] = self.fresh().fit(X[rest]).anomaly_score(X[part])
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> list[Reason]:
        return [self._reason(picture.pixels()) for picture in X]

    def _reason(self, pixels: np.ndarray) -> Reason:
        cells, values = self._judged(pixels)
        found = regions(cells, pixels.shape[0], pixels.shape[1])
        left, top, right, bottom = found[0].box
        odds = self.net_.odds(torch.from_numpy(values).to(self.net_.centre.device))[0].clamp(min=0).cpu().numpy()
        shares = odds / odds.sum() if odds.sum() > 0 else np.full(len(odds), 1 / len(odds))
        sentence = (f"the area of {right - left} x {bottom - top} pixels at ({left}, {top}) {self.WHAT}, "
                    f"{found[0].peak:.3g} times as much as is usual there")
        return Reason(sentence, tuple(Part(region.box, f"{region.peak:.3g} times the usual", region.share) for region in found),
                      shares=tuple(zip(self.net_.names, map(float, shares))))

    def _learned(self) -> dict[str, Any]:
        special = ("net_", "features_")
        made = {name: to_plain(value) for name, value in vars(self).items() if name.endswith("_") and name not in special}
        if "net_" in vars(self):
            made["net"] = self.net_.arrays()
            made["features"] = None if self.features_ is None else self.features_.state()
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned({name: value for name, value in learned.items() if name not in ("net", "features")})
        if "net" not in learned:
            return
        try:
            self._check()
            self.features_ = None if learned.get("features") is None else Features.from_state(learned["features"])
            with torch.device("meta"):
                net = Judge(self._body())
            place = scoring_device(settings.training(self.training, self.DEFAULT).device)
        except (ConfigError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError("TOC-410", "the network cannot be built from its stored settings", came=str(error)[:200],
                                todo="load a file that this version of tocsin wrote") from error
        net.fill(learned["net"])
        self.net_ = net.to(place).requires_grad_(False).eval()


def _foretold(scores: np.ndarray, m: int) -> np.ndarray:
    """``scores`` standardised, those at the ends a little farther out.

    m pictures know mean and spread only roughly: a new picture's standardised score follows Student's distribution with m - 1 degrees of
    freedom, not the normal one (here its expansion by Fisher & Cornish).
    """
    unit = (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    made: np.ndarray = unit * np.sqrt(1 + 1 / m) * (1 + (np.minimum(np.abs(unit), 4) ** 2 + 1) / (4 * (m - 1)))
    return made


def eight_bits(picture: np.ndarray, size: int) -> Tensor:
    """``picture`` (h, w, 3) in [0, 1] as (3, size, size) uint8: what is trained on fits in memory, and what is judged is the same."""
    return (square(picture, size, "squash") * 255).round().clamp(0, 255).to(torch.uint8)


def joined(features: Features, picture: np.ndarray) -> Tensor:
    """All taps of one picture as one map (c, g, g), coarser ones brought to the grid of the first."""
    maps = [torch.from_numpy(each[0]) for each in features.maps([picture])]
    size = maps[0].shape[-2:]
    fine = [each if each.shape[-2:] == size else
            nn.functional.interpolate(each[None], size, mode="bilinear", align_corners=False)[0] for each in maps]
    return torch.cat(fine)


def _parts(stacks: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    for start in range(0, len(stacks[0]), _PART):
        yield [stack[start:start + _PART] for stack in stacks]
