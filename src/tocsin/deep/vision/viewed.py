"""The abstract detector of pictures by statistics over what a frozen backbone sees; an author states which views judge.

Once for all views and all members of a fusion: each picture is decoded and goes through the network once. Then, for each product, each
view (see ``views``) is learned together with the pictures' own scores, every picture left out of what it is judged by.

    score = mean over views of the evidence of log(raw score)     0.7 for a middling picture, 5 and more for one that nothing explains
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.picture import Picture
from tocsin.core.seed import some
from tocsin.core.state import to_plain
from tocsin.core.types import Part, Reason
from tocsin.decision.evidence import evidence, learn
from tocsin.deep.vision import pattern
from tocsin.deep.vision.features import Features
from tocsin.deep.vision.region import regions
from tocsin.deep.vision.views import VIEWS, Mirror, Places, Seen, View, Whole, joined

FEWEST = 10
"""Pictures that a product needs."""
_MOST = 3000  # pictures that are learned from; a sample of more
_CHANNELS = 160  # of a tap, and of all cells: a sample of more, as in PaDiM
_FINE = 32  # channels of the finer cells
_REGION = 256  # numbers of a region
_LEAST_SIDE = 12  # cells a side from which on regions are looked at, too
_NEAR = 5  # nearest training pictures that a reason names
_HALF = 60000.0  # half precision ends here
_TINY = 1e-9
_WORDS = {"places": "normal pictures there", "mirror": "its mirror image"}


class ViewedPictures(Detector):
    """Abstract. A subclass's constructor stores ``backbone``, ``taps``, ``size``, ``weights``, ``resize`` and ``seed``."""

    TAPS: ClassVar[dict[str, tuple[int, ...]]] = {}
    backbone: str
    taps: tuple[int, ...] | None
    size: int
    weights: str | None
    resize: str
    seed: int
    features_: Features
    products_: list[str]
    kinds_: np.ndarray  # (products, e) mean vector of each product, in deviations
    scale_: np.ndarray  # (e,)
    near_: np.ndarray  # (m, e) float16 vectors of training pictures, in deviations
    near_at_: np.ndarray  # (m,) their positions
    learned_: list[dict[str, Any]]  # product's number → view → what evidence needs
    _views: list[dict[str, View]]
    _own_scores: np.ndarray

    @abstractmethod
    def _chosen(self, seen: Sequence[Seen]) -> tuple[str, ...]:
        """Names of the views that judge, chosen on normal pictures alone."""

    def _learned_view(self, name: str, seen: Sequence[Seen]) -> tuple[View, np.ndarray]:
        """A view and own raw scores (n,)."""
        if name == "places":
            return Places.learn(seen, getattr(self, "share", 0.1), getattr(self, "place", "aligned") == "aligned")
        return Whole.learn(seen) if name == "whole" else Mirror.learn(seen)

    def _check(self) -> None:
        """Raise ConfigError for settings out of range."""

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        taps = self.TAPS.get(self.backbone) if self.taps is None else tuple(self.taps)
        self.features_ = Features(self.backbone, taps, self.size, self.weights, self.resize)
        self.products_ = sorted({item.product for item in X})
        number = np.array([self.products_.index(item.product) for item in X])
        self._enough(number)
        kept = some(len(X), _MOST, self.seed, "pictures")
        seen = [self._seen(X[i].pixels()) for i in kept]
        vectors = np.stack([each.vectors[-1] for each in seen])
        self.scale_ = np.maximum(vectors.std(axis=0), _TINY)
        self.near_, self.near_at_ = np.clip(vectors / self.scale_, -_HALF, _HALF).astype(np.float16), kept
        self.kinds_ = np.stack([vectors[number[kept] == kind].mean(axis=0) / self.scale_ for kind in range(len(self.products_))])
        self._views, self.learned_, own = [], [], np.full(len(X), np.nan)
        for kind in range(len(self.products_)):
            at = np.flatnonzero(number[kept] == kind)
            own[kept[at]] = self._product_learned([seen[i] for i in at])
        for i in np.flatnonzero(np.isnan(own)):  # not learned from
            own[i] = self._fused(self._raw(self._seen(X[i].pixels()), int(number[i])), int(number[i])).mean()
        self._own_scores = own

    def _enough(self, number: np.ndarray) -> None:
        few = [self.products_[kind] for kind, count in enumerate(np.bincount(number)) if count < FEWEST]
        if few:
            raise DataError("TOC-174", f"each product needs at least {FEWEST} pictures", came=", ".join(f"`{name}`" for name in few)[:200],
                            todo="add pictures of these products, leave them out, or use images.patch_memory")

    def _product_learned(self, seen: list[Seen]) -> np.ndarray:
        """Learns a product's views; own scores (n,) of its pictures."""
        views: dict[str, View] = {}
        learned, own = {}, []
        for name in self._chosen(seen):
            views[name], raw = self._learned_view(name, seen)
            logs = np.log(raw + _TINY)
            learned[name] = learn(logs)
            own.append(evidence(logs, learned[name]))
        self._views.append(views)
        self.learned_.append(learned)
        return np.asarray(np.mean(own, axis=0))

    def _seen(self, pixels: np.ndarray) -> Seen:
        """What the backbone saw, in half precision's digits: what is learned from and what is judged are rounded alike."""
        maps = next(iter(self.features_.stream([pixels])))[1]
        maps = [_clipped(each[some(len(each), _CHANNELS, self.seed, "channels", tap)]) for tap, each in enumerate(maps)]
        finer = len(maps) > 1 and maps[0].shape[-1] > maps[1].shape[-1]
        fine = _halved(maps[0][some(len(maps[0]), _FINE, self.seed, "fine")]) if finer else None
        rest = maps[1:] if finer else maps
        rest = rest[:-1] if len(rest) > 2 else rest
        cells = joined(rest)
        cells = _halved(cells[some(len(cells), _CHANNELS, self.seed, "cells")])
        flat = [each.reshape(len(each), -1).astype(np.float64) for each in maps[-2:]]
        vectors = tuple(np.concatenate([each.mean(axis=1), each.std(axis=1)]).astype(np.float32) for each in flat)
        return Seen(cells, vectors, fine, self._regions([*maps[:finer], *rest]) if cells.shape[-1] >= _LEAST_SIDE else ())

    def _regions(self, maps: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(_halved(_clipped(each[some(len(each), _REGION, self.seed, "regions", i)]))
                     for i, each in enumerate(pattern.divisions(maps)))

    def _raw(self, seen: Seen, kind: int) -> dict[str, float]:
        return {name: view.raw(seen) for name, view in self._views[kind].items()}

    def _fused(self, raw: dict[str, float], kind: int) -> np.ndarray:
        """(views,) evidence of each."""
        learned = self.learned_[kind]
        return np.array([float(evidence(np.log(np.array([raw[name]]) + _TINY), learned[name])[0]) for name in raw])

    def _kind(self, item: Picture, seen: Seen) -> int:
        """The number of a picture's product; of an unknown one, that whose pictures are most like it."""
        if item.product in self.products_:
            return self.products_.index(item.product)
        return int(np.square(seen.vectors[-1] / self.scale_ - self.kinds_).sum(axis=1).argmin())

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = np.empty(len(X))
        for i, item in enumerate(X):
            seen = self._seen(item.pixels())
            kind = self._kind(item, seen)
            made[i] = self._fused(self._raw(seen, kind), kind).mean()
        return made

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._own_scores

    def _cells(self, seen: Seen, kind: int) -> np.ndarray:
        """(g, g) the mean over the views that see places, each about 1 where normal."""
        found = [cells[None] for view in self._views[kind].values() if (cells := view.cells(seen)) is not None]
        return np.asarray(joined(found).mean(axis=0))

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = np.empty(len(X), dtype=object)
        for i, item in enumerate(X):
            pixels = item.pixels()
            seen = self._seen(pixels)
            made[i] = self.features_.own_size(self._cells(seen, self._kind(item, seen)), *pixels.shape[:2])
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> list[Reason]:
        return [self._reason(item, item.pixels()) for item in X]

    def _reason(self, item: Picture, pixels: np.ndarray) -> Reason:
        seen = self._seen(pixels)
        kind = self._kind(item, seen)
        raw = self._raw(seen, kind)
        told = self._fused(raw, kind)
        shares = tuple(zip(raw, (told / told.sum() if told.sum() > 0 else np.full(len(told), 1 / len(told))).tolist()))
        gaps = np.square(seen.vectors[-1] / self.scale_ - self.near_.astype(np.float32)).sum(axis=1)
        near = tuple(int(self.near_at_[i]) for i in np.argsort(gaps, kind="stable")[:_NEAR])
        shares_out = tuple(sorted(shares, key=lambda share: -share[1])) if len(shares) > 1 else ()
        placed = [name for name, _ in sorted(shares, key=lambda share: -share[1]) if name in _WORDS]
        whole = "the picture as a whole differs from normal pictures"
        if not placed:
            return Reason(f"{whole}, not one place of it", near=near, shares=shares_out)
        height, width = pixels.shape[:2]
        found = regions(self._cells(seen, kind), height, width, self.resize)
        parts = tuple(Part(region.box, f"differs from {_WORDS[placed[0]]}", region.share) for region in found)
        left, top, right, bottom = found[0].box
        area = (right - left) * (bottom - top) / (height * width)
        sentence = (f"the region left {left}-{right}, top {top}-{bottom} differs most from {_WORDS[placed[0]]} "
                    f"({max(round(100 * area), 1)} % of the picture)")
        first = max(shares, key=lambda share: share[1])[0]
        return Reason(sentence if first in _WORDS else f"{whole}; {sentence}", parts, near, shares_out)

    # ---- state ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = {name: to_plain(value) for name, value in vars(self).items() if name.endswith("_") and name != "features_"}
        if "features_" in vars(self):
            made["features"] = self.features_.state()
            made["views"] = [{name: view.state() for name, view in views.items()} for views in self._views]
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned({name: value for name, value in learned.items() if name not in ("features", "views")})
        if "features" not in learned:
            return
        self.features_ = Features.from_state(learned["features"])
        views = learned.get("views")
        products, told = learned.get("products_"), learned.get("learned_")
        if not (isinstance(views, list) and isinstance(products, list) and isinstance(told, list)
                and len(views) == len(products) == len(told)
                and all(isinstance(each, dict) and each and set(each) <= set(VIEWS) and set(each) == set(heard)
                        for each, heard in zip(views, told))):
            raise ArtifactError("TOC-410", "the stored statistics of pictures are not of the expected form", came=type(views).__name__,
                                todo="load a file that this version of tocsin wrote")
        self._views = [{name: VIEWS[name].from_state(state) for name, state in each.items()} for each in views]

    def _forget(self) -> None:
        super()._forget()
        for name in ("_views", "_own_scores"):
            self.__dict__.pop(name, None)


def in_range(detector: Detector, **limits: tuple[float, float]) -> None:
    """Raises ConfigError TOC-214 for a number of ``detector`` outside (low, high]."""
    for name, (low, high) in limits.items():
        value = getattr(detector, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value <= high:
            raise ConfigError("TOC-214", f"{type(detector).__name__}: {name} is out of range", came=repr(value)[:80],
                              todo=f"give {name} a number above {low:g}, at most {high:g}")


def _halved(cells: np.ndarray) -> np.ndarray:
    return np.asarray(cells.astype(np.float16).astype(np.float32))


def _clipped(cells: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(cells, -_HALF, _HALF))
