"""Three ways to judge a picture by what a backbone saw in it: place by place, as a whole, against its own mirror image.

Each view is learned from normal pictures together with their own scores, each picture left out of what it is judged by; it gives a raw
score (> 0, higher is odder) and, but for the whole, a map of cells.

Letters: n pictures, c channels, g cells a side, e numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.deep.vision import mirror, pattern, place_gaussian, shrunk
from tocsin.deep.vision.pattern import Pattern
from tocsin.deep.vision.place_gaussian import PlaceGaussian, top
from tocsin.deep.vision.shrunk import Shrunk

TOP = 0.03  # share of the places, the oddest, that judge a picture
_EDGE = 0.06  # of a side: the network's own padding makes edge cells look odd, so they do not judge
STRESS = 1.1  # power of the patterns' factor beside the cells'
_TINY = 1e-9


@dataclass(frozen=True)
class Seen:
    """What a backbone saw in a picture: ``cells`` (c, g, g); for each of its deeper taps, a vector (e,); where there is a tap of a finer
    grid, ``fine`` cells (f, h, h); and, of pictures with cells enough, both of ``pattern.divisions``. All float32."""

    cells: np.ndarray
    vectors: tuple[np.ndarray, ...]
    fine: np.ndarray | None = None
    regions: tuple[np.ndarray, ...] = ()


class View(Protocol):
    """A learned way to judge."""

    def raw(self, seen: Seen) -> float:
        """How odd the picture is, above 0."""

    def cells(self, seen: Seen) -> np.ndarray | None:
        """(g, g) how odd each cell is, about 1 for a normal one; None where the view does not see places."""

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""

    @classmethod
    def from_state(cls, state: Any) -> Self:
        """The inverse of :meth:`state`."""


@dataclass(frozen=True)
class Places:
    """Each place against the Gaussian of that place, see ``place_gaussian``, in up to three layers, and patterns over regions.

    The first layer, the cells, judges the picture. The map is the mean of all layers, less the picture's middle, for a new kind of picture
    is a little odd everywhere; and the patterns, in which a large faint fault shows, of which cells show the outline alone.
    ``usual`` (layers, 2): mean and deviation of the logarithms of normal distances.
    """

    gaussians: tuple[PlaceGaussian, ...]
    usual: np.ndarray
    patterns: tuple[Pattern, ...]

    @classmethod
    def learn(cls, seen: Sequence[Seen], share: float, aligned: bool) -> tuple[Places, np.ndarray]:
        """The view, and own scores (n,)."""
        gaussians, usual, scores = [], [], np.empty(0)
        for layer, shown in enumerate(_layers(seen[0])):
            rows = np.stack([_rows(_layers(each)[layer]).astype(np.float16) for each in seen])  # (n, g², c)
            gaussian, own = place_gaussian.learn(rows, share) if aligned else place_gaussian.learn_alike(rows)
            logs = np.log(own + _TINY)
            gaussians.append(gaussian)
            usual.append((float(logs.mean()), max(float(logs.std()), _TINY)))
            if layer == 0:
                scores = np.array([top(_inner(each.reshape(shown.shape[1:])), TOP) for each in own])
        patterns = tuple(pattern.learn(regions, share, aligned) for regions in zip(*(each.regions for each in seen)))
        return cls(tuple(gaussians), np.array(usual), patterns), scores

    def raw(self, seen: Seen) -> float:
        return top(_inner(self._distances(seen.cells, 0)), TOP)

    def cells(self, seen: Seen) -> np.ndarray:
        layers = _layers(seen)[:len(self.gaussians)]
        side = max(each.shape[-1] for each in layers)
        made = np.zeros((side, side))
        for layer, each in enumerate(layers):
            logs = (np.log(self._distances(each, layer) + _TINY) - self.usual[layer, 0]) / self.usual[layer, 1]
            made += finer(logs[None], side)[0] / len(layers)
        made = np.exp(np.clip(made - np.median(made), -50, 50))
        return np.asarray((made + self._patterned(seen, side)) / 2 if self.patterns else made)

    def _patterned(self, seen: Seen, side: int) -> np.ndarray:
        """(side, side) the patterns' mean factor."""
        made = np.zeros((side, side))
        for each, regions, edge in zip(self.patterns, seen.regions, (0.0, pattern.EDGE)):
            line = pattern.reading(regions.shape[-1], side, edge)
            made += line @ np.log(each.factor(regions)) @ line.T / len(self.patterns)
        return np.exp(STRESS * made)

    def _distances(self, cells: np.ndarray, layer: int) -> np.ndarray:
        return self.gaussians[layer].distances(_rows(cells)).reshape(cells.shape[1:])

    def state(self) -> dict[str, Any]:
        return {"gaussians": [each.state() for each in self.gaussians], "usual": self.usual,
                "patterns": [each.state() for each in self.patterns]}

    @classmethod
    def from_state(cls, state: Any) -> Places:
        gaussians, usual, found = _part(state, "gaussians"), _part(state, "usual"), _part(state, "patterns")
        if not isinstance(gaussians, list) or not gaussians or not isinstance(usual, np.ndarray) or usual.shape != (len(gaussians), 2) \
                or not isinstance(found, list):
            raise _foreign("Gaussians of places")
        return cls(tuple(PlaceGaussian.from_state(each) for each in gaussians), usual, tuple(Pattern.from_state(each) for each in found))


@dataclass(frozen=True)
class Whole:
    """Means and deviations of a tap's channels over the whole picture against their Gaussian, for each tap; ``usual`` (taps, 2): centre
    and spread of the logarithms of their distances, by which taps are brought to one scale."""

    gaussians: tuple[Shrunk, ...]
    usual: np.ndarray

    @classmethod
    def learn(cls, seen: Sequence[Seen]) -> tuple[Whole, np.ndarray]:
        """The view, and own scores (n,)."""
        made = [shrunk.learn(np.stack([each.vectors[tap] for each in seen])) for tap in range(len(seen[0].vectors))]
        own = np.log(np.stack([distances for _, distances in made]) + _TINY)  # (taps, n)
        usual = np.stack([own.mean(axis=1), np.maximum(own.std(axis=1), _TINY)], axis=1)
        view = cls(tuple(gaussian for gaussian, _ in made), usual)
        return view, np.array([view._joined(each) for each in own.T])

    def raw(self, seen: Seen) -> float:
        return self._joined(np.log(np.array([each.distance(vector) for each, vector in zip(self.gaussians, seen.vectors)]) + _TINY))

    def _joined(self, logs: np.ndarray) -> float:
        """The taps' mean, as a factor again."""
        return float(np.exp(np.clip(((logs - self.usual[:, 0]) / self.usual[:, 1]).mean(), -50, 50)))

    def cells(self, seen: Seen) -> None:
        return None

    def state(self) -> dict[str, Any]:
        return {"gaussians": [each.state() for each in self.gaussians], "usual": self.usual}

    @classmethod
    def from_state(cls, state: Any) -> Whole:
        gaussians, usual = _part(state, "gaussians"), _part(state, "usual")
        if not isinstance(gaussians, list) or not isinstance(usual, np.ndarray) or usual.shape != (len(gaussians), 2):
            raise _foreign("Gaussians")
        return cls(tuple(Shrunk.from_state(each) for each in gaussians), usual)


@dataclass(frozen=True)
class Mirror:
    """The picture against its own mirror image; ``scale`` (c,): the usual deviation of each channel; ``usual``: the mean difference."""

    scale: np.ndarray
    usual: float

    @classmethod
    def learn(cls, seen: Sequence[Seen]) -> tuple[Mirror, np.ndarray]:
        """The view, and own scores (n,)."""
        scale = scale_of(seen)
        view = cls(scale, 1.0)
        own = np.array([view.raw(each) for each in seen])
        return cls(scale, max(float(own.mean()), _TINY)), own / max(float(own.mean()), _TINY)

    def raw(self, seen: Seen) -> float:
        return float(self.cells(seen).mean(dtype=np.float64)) + _TINY

    def cells(self, seen: Seen) -> np.ndarray:
        return mirror.difference(seen.cells / self.scale[:, None, None]) / self.usual

    def state(self) -> dict[str, Any]:
        return {"scale": self.scale, "usual": self.usual}

    @classmethod
    def from_state(cls, state: Any) -> Mirror:
        scale = _part(state, "scale")
        if not isinstance(scale, np.ndarray) or scale.ndim != 1:
            raise _foreign("scale")
        return cls(scale, _number(_part(state, "usual")))


VIEWS: dict[str, type[Places] | type[Whole] | type[Mirror]] = {"places": Places, "whole": Whole, "mirror": Mirror}


def scale_of(seen: Sequence[Seen]) -> np.ndarray:
    """(c,) float32: the deviation of each channel of the cells."""
    total = np.stack([each.cells.mean(axis=(1, 2), dtype=np.float64) for each in seen])
    squares = np.stack([np.square(each.cells).mean(axis=(1, 2), dtype=np.float64) for each in seen])
    return np.sqrt(np.maximum(squares.mean(axis=0) - total.mean(axis=0) ** 2, _TINY)).astype(np.float32)


def joined(maps: Sequence[np.ndarray]) -> np.ndarray:
    """(c, g, g): ``maps`` (c, h, h) side by side, coarser ones brought to the finest grid by straight lines between centres of cells.

    >>> joined([np.zeros((2, 4, 4)), np.array([[[0.0, 4.0], [0.0, 4.0]]])])[2, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    g = max(each.shape[-1] for each in maps)
    return np.concatenate([finer(each, g) for each in maps])


def finer(cells: np.ndarray, g: int) -> np.ndarray:
    """``cells`` (c, h, h) as (c, g, g)."""
    have = cells.shape[-1]
    if have == g:
        return cells
    at = np.clip((np.arange(g) + 0.5) * have / g - 0.5, 0, have - 1)
    low = at.astype(int)
    high, part = np.minimum(low + 1, have - 1), (at - low).astype(cells.dtype)
    down = cells[:, low] * (1 - part)[:, None] + cells[:, high] * part[:, None]
    return np.asarray(down[:, :, low] * (1 - part) + down[:, :, high] * part)


def averaged(cells: np.ndarray) -> np.ndarray:
    """Each cell of ``cells`` (c, g, g) as the mean over it and its eight neighbours, edges repeated.

    >>> averaged(np.array([[[0.0, 3.0], [0.0, 3.0]]])).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """
    g = cells.shape[-1]
    wide = np.pad(cells, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = wide[:, :g] + wide[:, 1:g + 1] + wide[:, 2:]
    return np.asarray((down[:, :, :g] + down[:, :, 1:g + 1] + down[:, :, 2:]) / 9)


def _layers(seen: Seen) -> list[np.ndarray]:
    """The cells; finer ones as they are, and each with its neighbours."""
    return [seen.cells] if seen.fine is None else [seen.cells, seen.fine, averaged(seen.fine)]


def _rows(cells: np.ndarray) -> np.ndarray:
    """(g², c)."""
    return np.ascontiguousarray(cells.reshape(len(cells), -1).T)


def _inner(cells: np.ndarray) -> np.ndarray:
    """``cells`` (g, g) without its edge."""
    edge = round(_EDGE * len(cells))
    return cells[edge:len(cells) - edge, edge:len(cells) - edge]


def _part(state: Any, name: str) -> Any:
    if not isinstance(state, dict) or name not in state:
        raise _foreign(name)
    return state[name]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value) or value <= 0:
        raise _foreign(repr(value)[:80])
    return float(value)


def _foreign(came: str) -> ArtifactError:
    return ArtifactError("TOC-410", "a stored view of pictures is not of the expected form", came=came,
                         todo="load a file that this version of tocsin wrote")
