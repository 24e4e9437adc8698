"""What many regions of a picture show alike, told from what each shows by chance.

A large faint fault is a little odd in each of its regions, and in the same way in all; one region alone drowns that in the chance of
hundreds of channels. So a picture is divided into few regions. The means and deviations of all channels in each are whitened by the
Gaussian of their place (``place_gaussian``): Z (p, c), which in a normal picture is chance. Its squared singular values beyond what
most normal pictures reach are a pattern, and a region's part in it is

    e(i) = sum over j of u(i, j)² max(s(j)² - t, 0) / c        the diagonal of the positive part of Z Z' - t I, divided by c

There are two divisions: of the whole picture, with all layers of the backbone; and of the picture without its edge, where the network's
padding shows, with the earlier layers, which see texture. Works for faults that cover a good part of a picture; one of a few cells shows in
finer maps.

Source: shrinking singular values to take chance out of a matrix, Gavish and Donoho (2014); on whitened features of one picture, ours.

Letters: n pictures, c numbers of a region, r regions a side, p = r² regions, g cells a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.deep.vision import place_gaussian
from tocsin.deep.vision.place_gaussian import PlaceGaussian

FAINT = 0.06  # of a normal deviation: a pattern fainter than that is none
EDGE = 0.0625  # of a side, left out of the second division
_SIDE = 8  # regions a side
_REACHED = 0.85  # share of the normal pictures whose strongest pattern is taken for chance
_TINY = 1e-6


@dataclass(frozen=True)
class Pattern:
    """Learned by :func:`learn`: the Gaussians of the regions, and the squared singular value up to which all is chance."""

    gaussian: PlaceGaussian
    chance: float

    def factor(self, regions: np.ndarray) -> np.ndarray:
        """(r, r): how much stronger each of the regions (c, r, r) takes part in a pattern than the quietest one: 1 in a normal picture."""
        whitened = self.gaussian.turned(_rows(regions)).astype(np.float64)  # (p, c)
        values, axes = np.linalg.eigh(whitened @ whitened.T)
        energy = np.square(axes) @ np.maximum(values - self.chance, 0) / whitened.shape[1] + FAINT ** 2  # (p,)
        return np.asarray(np.sqrt(energy / energy.min()).reshape(regions.shape[1:]))

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {"gaussian": self.gaussian.state(), "chance": self.chance}

    @classmethod
    def from_state(cls, state: Any) -> Pattern:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-410 for anything else."""
        chance = state.get("chance") if isinstance(state, dict) else None
        if not isinstance(chance, float) or not np.isfinite(chance) or chance < 0:
            raise ArtifactError("TOC-410", "the stored patterns of pictures are not of the expected form", came=repr(chance)[:80],
                                todo="load a file that this version of tocsin wrote")
        return cls(PlaceGaussian.from_state(state.get("gaussian")), chance)


def learn(regions: Sequence[np.ndarray], share: float, aligned: bool) -> Pattern:
    """From the regions (c, r, r) of each of n normal pictures; ``share`` of shrinkage of each place's covariance. What is chance is read
    off the training pictures, each brought to the length that it has without itself.

    >>> from tocsin.core.seed import generator
    >>> drawn = generator(0, "regions").normal(size=(60, 6, 4, 4))
    >>> odd = drawn[0].copy(); odd[:, :2] += 2.0
    >>> made = learn(list(drawn), 0.1, aligned=True).factor(odd)
    >>> bool(made[:2].min() > made[2:].max()), round(float(made.min()), 6)
    (True, 1.0)
    """
    rows = np.stack([_rows(each).astype(np.float16) for each in regions])  # (n, p, c)
    gaussian, own = place_gaussian.learn(rows, share) if aligned else place_gaussian.learn_alike(rows)
    strongest = np.empty(len(rows))
    for i, each in enumerate(rows):
        whitened = gaussian.turned(each).astype(np.float64)
        length = np.square(whitened).mean(axis=1)  # (p,) with itself learned from
        whitened *= np.sqrt(own[i] / np.maximum(length, _TINY))[:, None]
        strongest[i] = np.linalg.eigvalsh(whitened @ whitened.T)[-1]
    return Pattern(gaussian, float(np.quantile(strongest, _REACHED)))


def divisions(maps: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(c, r, r) and (e, r, r): means and deviations of the channels of ``maps`` (channels, g, g) in each of 8 by 8 regions with its
    neighbours; of the whole picture in all maps, and without its edge in all but the last.

    >>> [each.shape for each in divisions([np.ones((3, 16, 16)), np.ones((5, 16, 16))])]
    [(16, 8, 8), (6, 8, 8)]
    """
    return _divided(maps, 0.0), _divided(maps[:max(len(maps) - 1, 1)], EDGE)


def covering(have: int, want: int, edge: float = 0.0) -> np.ndarray:
    """(want, have): means over the ``have`` cells that each of ``want`` stretches and its two neighbours cover, cells in part where need
    be; the stretches divide what is left without ``edge``, a share of the side, on both sides.

    >>> covering(6, 3).round(2).tolist()
    [[0.33, 0.33, 0.17, 0.17, 0.0, 0.0], [0.17, 0.17, 0.17, 0.17, 0.17, 0.17], [0.0, 0.0, 0.17, 0.17, 0.33, 0.33]]
    """
    ends = np.linspace(edge * have, have - edge * have, want + 1)
    cells = np.arange(have)
    each = np.clip(np.minimum(ends[1:, None], cells + 1) - np.maximum(ends[:-1, None], cells), 0, None)
    each /= each.sum(axis=1, keepdims=True)
    wide = np.pad(each, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((wide[:-2] + wide[1:-1] + wide[2:]) / 3)


def reading(have: int, want: int, edge: float = 0.0) -> np.ndarray:
    """(want, have): straight lines between the centres of the ``have`` stretches of :func:`covering`, read at ``want`` cells of the side.

    >>> reading(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    at = np.clip(((np.arange(want) + 0.5) / want - edge) / (1 - 2 * edge) * have - 0.5, 0, have - 1)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - np.arange(have)), 0))


def _divided(maps: Sequence[np.ndarray], edge: float) -> np.ndarray:
    made = []
    for each in maps:
        line = covering(each.shape[-1], _SIDE, edge).astype(each.dtype)
        mean = line @ each @ line.T
        made += [mean, np.sqrt(np.maximum(line @ np.square(each) @ line.T - np.square(mean), _TINY))]
    return np.concatenate(made)


def _rows(regions: np.ndarray) -> np.ndarray:
    """(p, c)."""
    return np.ascontiguousarray(regions.reshape(len(regions), -1).T)
