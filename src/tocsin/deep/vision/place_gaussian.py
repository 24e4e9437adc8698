"""A Gaussian for each place of a picture: what vectors are usual there, how they scatter, and how far one lies from it.

Places share most of their scatter. So each place's covariance is shrunk towards the mean covariance over all places, which hundreds of
times as many vectors tell.

In the coordinates in which the mean covariance W is the identity, a place's covariance is  C = (1 - s) S + s I.  Leaving picture i out
turns it into  C(-i) = (1 - s) n / (n - 1) S + s I - k d d',  d the picture's vector off the mean. So its distance without itself follows
from q, that under the covariance before the last term (Sherman and Morrison):

    q(-i) = (n / (n - 1))² q / (1 - k q),   k = (1 - s) n / (n - 1)²

Source: PaDiM (Defard et al., 2021); shrinkage to the mean covariance is ours.

Letters: n pictures, p places, c numbers of a vector, s share of shrinkage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError

_RIDGE = 0.01  # of the mean variance: directions in which training pictures hardly vary must not decide everything
_SAME = 1e-3  # of the squared means: pictures that scatter less are copies, and what rounding makes of them is no scatter
_LEAST = 1e-3  # of 1 - k q: a picture that made a direction alone
_TINY = 1e-12


@dataclass(frozen=True)
class PlaceGaussian:
    """Learned by :func:`learn`.

    mean    (p, c) float32, or (1, c) where all places are alike
    whiten  (c, c) float32: vectors times it have the identity as their mean covariance
    factor  (p or 1, c (c + 1) / 2) float16: lower triangle of the inverse Cholesky factor of each place's covariance, row by row
    share   of shrinkage
    """

    mean: np.ndarray
    whiten: np.ndarray
    factor: np.ndarray
    share: float

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """(p,) squared Mahalanobis distance of one picture's vectors (p, c), each at its place, divided by c: about 1 for normal ones."""
        return np.asarray(np.square(self.turned(rows)).sum(axis=1) / rows.shape[1])

    def turned(self, rows: np.ndarray) -> np.ndarray:
        """(p, c): one picture's vectors ``rows`` (p, c) off the means of their places, in coordinates in which normal ones scatter by 1."""
        turned = (rows - self.mean) @ self.whiten  # (p, c)
        if len(self.mean) == 1:
            return np.asarray(turned @ self._lower[0].T)
        return np.asarray(np.matmul(self._lower, turned[:, :, None])[:, :, 0])

    @cached_property
    def _lower(self) -> np.ndarray:
        c = self.mean.shape[1]
        made = np.zeros((len(self.factor), c, c), dtype=np.float32)
        made[:, *np.tril_indices(c)] = self.factor
        return made

    def state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"mean": self.mean, "whiten": self.whiten, "factor": self.factor, "share": self.share}

    @classmethod
    def from_state(cls, state: Any) -> PlaceGaussian:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-410 for anything else."""
        given = state if isinstance(state, dict) else {}
        mean, whiten, factor, share = (given.get(name) for name in ("mean", "whiten", "factor", "share"))
        fits = all(isinstance(each, np.ndarray) and each.ndim == 2 and str(each.dtype) == kind and np.isfinite(each).all()
                   for each, kind in ((mean, "float32"), (whiten, "float32"), (factor, "float16")))
        if fits:
            (p, c) = mean.shape  # type: ignore[union-attr]
            fits = whiten.shape == (c, c) and factor.shape == (p, c * (c + 1) // 2)  # type: ignore[union-attr]
        if not fits or not isinstance(share, float):
            raise ArtifactError("TOC-410", "the stored Gaussians are not of the expected form", came=str(sorted(given))[:200],
                                todo="load a file that this version of tocsin wrote")
        return cls(mean, whiten, factor, share)  # type: ignore[arg-type]


def learn(rows: np.ndarray, share: float = 0.1) -> tuple[PlaceGaussian, np.ndarray]:
    """What is usual at each place of the pictures ``rows`` (n, p, c), n >= 2, and their own distances (n, p), each without itself.

    ``share`` of shrinkage, above 0, at most 1 (all places scatter alike).

    >>> from tocsin.core.seed import generator
    >>> rows = generator(0, "rows").normal(size=(50, 4, 3)) + np.arange(4)[:, None]
    >>> model, own = learn(rows)
    >>> own.shape, bool(model.distances(rows[0][::-1]).mean() > 2 * own.mean())
    ((50, 4), True)
    """
    n, p, c = rows.shape
    mean = np.stack([rows[:, i].mean(axis=0, dtype=np.float64) for i in range(p)])
    whiten = _whitening(rows, mean)
    factor, own = np.empty((p, c * (c + 1) // 2), dtype=np.float16), np.empty((n, p))
    triangle = np.tril_indices(c)
    for i in range(p):
        turned = _turned(rows, mean, whiten, i)
        scatter = turned.T @ turned / n
        factor[i] = _inverse_factor(scatter, share)[triangle]
        fewer = _inverse_factor(scatter * (n / (n - 1)), share)
        own[:, i] = without(np.square(turned @ fewer.T).sum(axis=1), n, share) / c
    return PlaceGaussian(mean.astype(np.float32), whiten, factor, float(share)), own


def learn_alike(rows: np.ndarray, folds: int = 5) -> tuple[PlaceGaussian, np.ndarray]:
    """As :func:`learn` where all places are alike: one Gaussian for all. Own distances by models without a fold of the pictures in turn."""
    n, p = rows.shape[:2]
    own = np.empty((n, p))
    for part in np.array_split(np.arange(n), min(folds, n)):
        parts_model = _alike(np.delete(rows, part, axis=0))
        for i in part:
            own[i] = parts_model.distances(rows[i])
    return _alike(rows), own


def without(q: np.ndarray, n: int, share: float) -> np.ndarray:
    """Squared distances of the n training vectors, each without itself, from those under (1 - s) n / (n - 1) S + s I, see the page."""
    return np.asarray((n / (n - 1)) ** 2 * q / np.maximum(1 - (1 - share) * n / (n - 1) ** 2 * q, _LEAST))


def top(distances: np.ndarray, share: float) -> float:
    """The mean of the oddest ``share`` of the places (p,): one place is chance, all drown a small fault.

    >>> top(np.array([1.0, 5.0, 3.0, 1.0]), 0.5)
    4.0
    """
    count = max(1, round(share * distances.size))
    return float(np.partition(distances.ravel(), distances.size - count)[distances.size - count:].mean(dtype=np.float64))


def _alike(rows: np.ndarray) -> PlaceGaussian:
    p, c = rows.shape[1:]
    mean = rows.reshape(-1, c).mean(axis=0, dtype=np.float64)[None]
    whiten = _whitening(rows, np.broadcast_to(mean, (p, c)))
    factor = np.eye(c, dtype=np.float16)[np.tril_indices(c)][None]
    return PlaceGaussian(mean.astype(np.float32), whiten, factor, 1.0)


def _whitening(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(c, c) float32: brings the mean covariance over places to the identity."""
    n, p, c = rows.shape
    scatter = np.zeros((c, c))
    for i in range(p):
        gap = (rows[:, i] - mean[i]).astype(np.float32)
        scatter += gap.T @ gap
    values, axes = np.linalg.eigh(scatter / (n * p))
    least = _SAME * float(np.square(mean).mean())
    values = np.maximum(values, 0) + _RIDGE * max(float(values.mean()), least, _TINY)
    return np.asarray((axes / np.sqrt(values)).astype(np.float32))


def _turned(rows: np.ndarray, mean: np.ndarray, whiten: np.ndarray, i: int) -> np.ndarray:
    """(n, c): the pictures' vectors at place ``i``, off its mean, whitened."""
    return np.asarray((rows[:, i] - mean[i]).astype(np.float32) @ whiten)


def _inverse_factor(scatter: np.ndarray, share: float) -> np.ndarray:
    """(c, c) lower triangular: its product with a vector has the Mahalanobis distance as its length."""
    lower = np.linalg.cholesky((1 - share) * scatter + share * np.eye(len(scatter), dtype=scatter.dtype))
    return np.tril(np.linalg.inv(lower))
