"""See :class:`PatchMemory`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.picture import Picture
from tocsin.core.seed import generator
from tocsin.core.state import to_plain
from tocsin.core.tags import Tags
from tocsin.core.types import Part, Reason
from tocsin.deep.callbacks import Plan, listeners
from tocsin.deep.vision.features import Features
from tocsin.deep.vision.region import regions
from tocsin.deep.vision.tiles import Tiling
from tocsin.memory import cells
from tocsin.memory.patches import PatchBank, capacity, extended, remember

_COLUMNS = 64  # of a remembered patch: principal axes that hold nearly all of the distances
_FIRST = 64  # pictures that the axes are learned from
_CELLS = 16_000_000  # numbers of these in memory, about
_KEPT = 1_000_000  # patches in memory while learning
_CANDIDATES = 100_000  # patches that the memory is chosen from
_FEWEST = 16  # patches that each picture may bring at least
_TOP = 0.03  # share of a tile's cells, the oddest of the whole picture, that judge it: one cell is chance, all drown a small fault
_FRESH = 60  # pictures, at most a fifth, that tell by how much held-out scores are too high
_POOLED = 10.0  # pictures' weight of the mean level in each place's own
_FLOOR = 1e-6
_NEAR = 5  # nearest training pictures that a reason names
_SPECIAL = ("features_", "basis_", "bank_")


class PatchMemory(Detector):
    """Patch memory: each place in a picture is compared with the patches of normal pictures; what has none like it is odd.

    After PatchCore (Roth et al., 2022). A frozen backbone turns a picture into cells; each cell with its neighbours is a patch. A coreset
    of the training patches, spread over all that they show, is remembered. A patch's distance to the nearest remembered one, in units of
    what is usual at its place of the picture (so dark edges that the network itself makes do not ring), is the map; the mean of its oddest
    cells is the score, in units of a usual picture's: about 1 for a normal one.

    Works from ten or twenty normal pictures on, for textures and objects, aligned or not, and needs no training: the first detector to
    try. More pictures help more than anything else. Not for faults that are a wrong number or order of right parts (each patch is
    normal), nor for pictures unlike any photograph, on which the backbone sees little.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random": see ``Features``
        taps      its blocks; None for the usual ones
        size      both sides of the square that a picture, or a tile, is brought to
        weights   path of the backbone's weights, or None for an installed package
        memory    megabytes that the remembered patches may take
        tile      pixels of the picture along a tile; None: the picture as one. For small faults in pictures larger than ``size``
        place     how much a patch must also come from the same place: 0 not at all; 1: the whole picture's width counts as much as two
                  unlike patches. For scenes that are aligned in every picture
        seed      of the choice of patches

    Pictures with a ``product`` are compared with patches of that product alone, and with all where it is unknown. ``update`` remembers
    what is new in further good pictures within the same budget: their like becomes normal at once. A full memory gives up some of the old
    for it, and a few old pictures then score higher: calibrate again, as ``tocsin extend`` does. Fitting keeps a million patches at most,
    so that thousands of pictures are streamed. X (n,) pictures. Raises ConfigError TOC-202, TOC-217, TOC-272 to TOC-274, MissingExtra
    TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> scores = PatchMemory(backbone="random", size=48).fit(data.train).anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].min() > np.median(scores[data.truth == 0]))
    True
    """

    tags = Tags(modality="images", min_rows=2, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                exportable=True, extra="deep")
    features_: Features
    basis_: cells.Basis
    bank_: PatchBank
    level_: np.ndarray  # (g, g) usual distance at each place of a tile
    products_: list[str]  # the products' names; a product's number is its position here plus 1
    usual_: list[float]  # a usual picture's score: of all, then of each product

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 memory: float = 2.0, tile: int | None = None, place: float = 0.0, seed: int = 0) -> None:
        self.backbone, self.taps, self.size, self.weights = backbone, taps, size, weights
        self.memory, self.tile, self.place, self.seed = memory, tile, place, seed

    @classmethod
    def small(cls) -> Self:
        return cls(backbone="random", size=48, memory=0.1)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        self.features_ = Features(self.backbone, None if self.taps is None else tuple(self.taps), self.size, self.weights)
        self.products_ = sorted({picture.product for picture in X} - {""})
        told = _Progress(type(self).__name__, len(X))
        order = generator(self.seed, "order").permutation(len(X))
        first: dict[int, np.ndarray] = {}
        for i in order[:_FIRST]:
            first[int(i)] = self._raw(X[i])
            if sum(raw.size for raw in first.values()) > _CELLS:
                break
        self.basis_ = cells.Basis.learn(_some(list(first.values()), _CANDIDATES), _COLUMNS)
        quota = max(_FEWEST, _KEPT // len(X))
        kept: list[np.ndarray] = [np.empty(0)] * len(X)
        whole = np.ones(len(X), dtype=bool)
        for i in order:
            rows = self._columns(first.pop(int(i), None), X[i]).reshape(-1, self._width())
            whole[i] = len(rows) <= quota
            draw = slice(None) if whole[i] else np.sort(generator(self.seed, "patches", int(i)).permutation(len(rows))[:quota])
            kept[i] = rows[draw].astype(np.float16)
            told.done()
        self.bank_ = self._remembered(kept, X, np.arange(len(X)))
        self._own_scores = self._calibrated(kept, whole, X)
        told.end()

    def _check(self) -> None:
        for name, value in (("memory", self.memory), ("place", self.place)):
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
            if not number or (name == "memory" and not value):
                raise ConfigError("TOC-217", f"{name} is out of range", came=f"{name}={value!r}"[:80],
                                  todo=f"give {name} a number {'above 0' if name == 'memory' else 'of 0 or more'}")
        if self.tile is not None and (isinstance(self.tile, bool) or not isinstance(self.tile, int) or self.tile < 16):
            raise ConfigError("TOC-217", "tile is a whole number of pixels from 16, or None", came=f"tile={self.tile!r}"[:80],
                              todo="pass tile=256, or leave it out")

    def _remembered(self, kept: list[np.ndarray], X: np.ndarray, some: np.ndarray) -> PatchBank:
        """A bank of the patches of the pictures at ``some``."""
        picture = np.repeat(some, [len(kept[i]) for i in some])
        rows = np.concatenate([kept[i] for i in some])
        if len(rows) > _CANDIDATES:
            drawn = np.sort(generator(self.seed, "candidates").permutation(len(rows))[:_CANDIDATES])
            rows, picture = rows[drawn], picture[drawn]
        product = np.array([self._product(item) for item in X])[picture]
        return remember(rows, picture, product, capacity(self.memory, rows.shape[1]))

    def _calibrated(self, kept: list[np.ndarray], whole: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Scores of the training pictures, each without its own patches; learns what is usual on the way.

        A patch of the picture itself often stands for others' patches near it, which were not remembered for that reason: leaving it out
        leaves a hole, and the score is too high. By how much is measured on pictures that a second bank has never seen.
        """
        g = max(self.features_.grids)

        def rows_of(i: int) -> np.ndarray:
            return kept[i].astype(np.float32).reshape(-1, g * g, self._width()) if whole[i] else self._columns(None, X[i])

        def away(i: int, bank: PatchBank, without: int | None) -> np.ndarray:
            return np.stack([bank.nearest(rows, self._product(X[i]), without)[0].reshape(g, g) for rows in rows_of(i)])

        def score(i: int, far: np.ndarray) -> float:
            return _top(self._stitched(far, None if self.tile is None else self._tiling(X[i].pixels())), g)

        each = [away(i, self.bank_, i) for i in range(len(X))]
        total, count = np.sum([far.sum(axis=0) for far in each], axis=0, dtype=np.float64), sum(map(len, each))
        self.level_ = np.maximum((total + _POOLED * total.mean() / count) / (count + _POOLED), _FLOOR).astype(np.float32)
        scores = np.array([score(i, far) for i, far in enumerate(each)])
        fresh = np.sort(generator(self.seed, "fresh").permutation(len(X))[:min(_FRESH, len(X) // 5)])
        if len(fresh):
            bank = self._remembered(kept, X, np.setdiff1d(np.arange(len(X)), fresh))
            ratios = [score(int(i), away(int(i), bank, None)) / max(scores[i], _FLOOR) for i in fresh]
            scores *= min(1.0, float(np.median(ratios)))
        product = np.array([self._product(item) for item in X])
        own = [scores[product == code + 1] for code in range(len(self.products_))]
        self.usual_ = [max(float(np.median(part)), _FLOOR) for part in (scores, *own)]
        made: np.ndarray = scores / np.array(self.usual_)[product]
        return made

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        g = max(self.features_.grids)
        return np.array([_top(self._judged(item.pixels(), item)[0], g) / self.usual_[self._product(item)] for item in X])

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._own_scores

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made: np.ndarray = np.empty(len(X), dtype=object)
        for i, item in enumerate(X):
            pixels = item.pixels()
            grid, tiling = self._judged(pixels, item)[0], self._tiling(pixels)
            made[i] = self.features_.own_size(grid, *pixels.shape[:2]) if tiling is None else tiling.own_size(grid)
        return made

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        known = sorted({item.product for item in X} - {"", *self.products_})
        self.products_, self.usual_ = [*self.products_, *known], [*self.usual_, *[self.usual_[0]] * len(known)]
        rows = [self._columns(None, item).reshape(-1, self._width()) for item in X]
        product = np.repeat([self._product(item) for item in X], [len(each) for each in rows])
        self.bank_ = extended(self.bank_, np.concatenate(rows), product, capacity(self.memory, self._width()))

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> list[Reason]:
        return [self._reason(item, item.pixels()) for item in X]

    def _reason(self, item: Picture, pixels: np.ndarray) -> Reason:
        grid, nearest = self._judged(pixels, item)
        height, width = pixels.shape[:2]
        tiling = self._tiling(pixels)
        if tiling is None:
            found = regions(grid, height, width)
        else:
            side = max(grid.shape)
            square = np.full((side, side), float(grid.min()), dtype=np.float32)
            square[:grid.shape[0], :grid.shape[1]] = grid
            found = regions(square, side * tiling.pitch, side * tiling.pitch)
        parts = []
        for region in found:
            left, top, right, bottom = region.box
            box = (left, top, min(right, width), min(bottom, height))
            parts.append(Part(box, f"{region.peak:.3g} times as far from normal patches as usual", region.share))
        left, top, right, bottom = parts[0].where
        sentence = (f"the area of {right - left} x {bottom - top} pixels at ({left}, {top}) is like no patch of the normal pictures: "
                    f"{found[0].peak:.3g} times as far from the nearest as is usual there")
        return Reason(sentence, tuple(parts), near=tuple(nearest))

    def _judged(self, pixels: np.ndarray, item: Picture) -> tuple[np.ndarray, list[int]]:
        """The map in cells, and the training pictures whose patches are nearest to its oddest cells."""
        g, product = max(self.features_.grids), self._product(item)
        found = [self.bank_.nearest(rows, product) for rows in self._columns(None, item, pixels)]
        away = np.stack([each.reshape(g, g) for each, _ in found])
        odd = np.argsort(-(away / self.level_).ravel(), kind="stable")[:4 * _NEAR]
        pictures = self.bank_.picture[np.concatenate([at for _, at in found])[odd]]
        near = list(dict.fromkeys(int(i) for i in pictures if i >= 0))[:_NEAR]
        return self._stitched(away, self._tiling(pixels)), near

    def _stitched(self, away: np.ndarray, tiling: Tiling | None) -> np.ndarray:
        odd = away / self.level_
        made: np.ndarray = odd[0] if tiling is None else tiling.stitch(odd)
        return made

    def _tiling(self, pixels: np.ndarray) -> Tiling | None:
        return None if self.tile is None else Tiling(pixels.shape[0], pixels.shape[1], self.tile, max(self.features_.grids))

    def _product(self, item: Picture) -> int:
        return self.products_.index(item.product) + 1 if item.product in self.products_ else 0

    def _width(self) -> int:
        return self.basis_.axes.shape[1] + (2 if self.place else 0)

    def _raw(self, item: Picture, pixels: np.ndarray | None = None) -> np.ndarray:
        """(t, g², c): the rows of each tile of a picture."""
        pixels = item.pixels() if pixels is None else pixels
        tiling = self._tiling(pixels)
        tiles: Iterator[np.ndarray] | Sequence[np.ndarray] = [pixels] if tiling is None else tiling.cut(pixels)
        return np.stack([cells.rows(maps) for _, maps in self.features_.stream(tiles)])

    def _columns(self, raw: np.ndarray | None, item: Picture, pixels: np.ndarray | None = None) -> np.ndarray:
        """(t, g², e) float32: rows as they are remembered."""
        if raw is None or self.place:
            pixels = item.pixels() if pixels is None else pixels
        raw = self._raw(item, pixels) if raw is None else raw
        made = np.stack([self.basis_.project(each) for each in raw])
        if not self.place:
            return made
        assert pixels is not None
        where = self.place * self.basis_.spread * _centres(self._tiling(pixels), max(self.features_.grids))
        return np.concatenate([made, where.astype(np.float32)], axis=2)

    def _learned(self) -> dict[str, Any]:
        made = {name: to_plain(value) for name, value in vars(self).items() if name.endswith("_") and name not in _SPECIAL}
        if "bank_" in vars(self):
            made |= {"features": self.features_.state(), "basis": self.basis_.state(), "bank": self.bank_.state()}
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned({name: value for name, value in learned.items() if name not in ("features", "basis", "bank")})
        if "bank" not in learned:
            return
        self.features_ = Features.from_state(learned.get("features"))
        self.basis_, self.bank_ = cells.Basis.from_state(learned.get("basis")), PatchBank.from_state(learned["bank"])
        g, level, usual = max(self.features_.grids), learned.get("level_"), learned.get("usual_")
        fits = (isinstance(level, np.ndarray) and level.shape == (g, g) and isinstance(usual, list)
                and isinstance(learned.get("products_"), list) and len(usual) == len(learned["products_"]) + 1
                and self.bank_.rows.shape[1] == self._width() and len(self.basis_.mean) == sum(self.features_.channels))
        if not fits:
            raise ArtifactError("TOC-410", "the stored memory of patches is not of the expected form", came=f"{len(self.bank_)} patches",
                                todo="load a file that this version of tocsin wrote")


class _Progress:
    """Tells those who listen how many pictures were looked at."""

    def __init__(self, name: str, pictures: int) -> None:
        self.history: list[dict[str, Any]] = []
        self.at = time.perf_counter()
        for listener in listeners():
            listener.on_start(Plan(name, pictures, pictures, 0, 0, "cpu"))

    def done(self) -> None:
        now = time.perf_counter()
        record = {"epoch": len(self.history) + 1, "loss": 0.0, "validation": None, "lr": 0.0, "seconds": now - self.at}
        self.at = now
        self.history.append(record)
        for listener in listeners():
            listener.on_epoch(record)

    def end(self) -> None:
        for listener in listeners():
            listener.on_end(self.history)


def _top(grid: np.ndarray, g: int) -> float:
    """The mean of the oddest cells of a whole picture, as many as are 3 % of one tile."""
    count = min(max(1, round(_TOP * g * g)), grid.size)
    return float(np.partition(grid.ravel(), grid.size - count)[grid.size - count:].mean(dtype=np.float64))


def _some(raw: list[np.ndarray], most: int) -> np.ndarray:
    """(n, c): the rows (t, g², c) of all pictures, every so many of them where there are more than ``most``."""
    rows = [each.reshape(-1, each.shape[-1]) for each in raw]
    step = max(1, -(-sum(map(len, rows)) // most))
    return np.concatenate([each[::step] for each in rows])


def _centres(tiling: Tiling | None, g: int) -> np.ndarray:
    """(t, g², 2): where the cells of each tile lie in the picture, from 0 to 1."""
    down, across = np.mgrid[:g, :g]
    inner = np.stack([down.ravel(), across.ravel()], axis=1) + 0.5
    if tiling is None:
        return inner[None] / g
    corners = np.array([(top, left) for top in tiling.tops for left in tiling.lefts])
    made: np.ndarray = (corners[:, None, :] + inner) / np.array(tiling.shape)
    return made
