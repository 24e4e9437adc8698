"""One Gaussian of a few hundred numbers that stand for a whole picture, its covariance shrunk so that dozens of pictures suffice.

Letters: n pictures, e numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.deep.vision.place_gaussian import without

_LEAST = 1e-3  # shrinkage at least
_FLOOR = 1e-6


@dataclass(frozen=True)
class Shrunk:
    """Learned by :func:`learn`. ``centre`` and ``scale`` (e,) float32; ``lower`` (e, e) float32, inverse factor of the covariance."""

    centre: np.ndarray
    scale: np.ndarray
    lower: np.ndarray

    def standard(self, vector: np.ndarray) -> np.ndarray:
        """``vector`` (e,) or (n, e) in standard deviations."""
        return np.asarray((vector - self.centre) / self.scale)

    def distance(self, vector: np.ndarray) -> float:
        """Squared Mahalanobis distance of a vector (e,), divided by e."""
        return float(np.square(self.lower @ self.standard(vector)).mean(dtype=np.float64))

    def state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"centre": self.centre, "scale": self.scale, "lower": self.lower}

    @classmethod
    def from_state(cls, state: Any) -> Shrunk:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-410 for anything else."""
        given = state if isinstance(state, dict) else {}
        arrays = [given.get(name) for name in ("centre", "scale", "lower")]
        fits = all(isinstance(each, np.ndarray) and each.dtype == np.float32 and np.isfinite(each).all() for each in arrays)
        if not fits or arrays[0].ndim != 1 or arrays[1].shape != arrays[0].shape or arrays[2].shape != 2 * arrays[0].shape:  # type: ignore[union-attr]
            raise ArtifactError("TOC-410", "the stored Gaussian is not of the expected form", came=str(sorted(given))[:200],
                                todo="load a file that this version of tocsin wrote")
        return cls(*arrays)  # type: ignore[arg-type]


def learn(vectors: np.ndarray) -> tuple[Shrunk, np.ndarray]:
    """The Gaussian of ``vectors`` (n, e), n >= 2, and their own distances (n,), each without itself (see ``place_gaussian``).

    Shrinkage of the correlations towards the identity after Ledoit and Wolf (2004).

    >>> from tocsin.core.seed import generator
    >>> model, own = learn(generator(0, "rows").normal(size=(100, 5)))
    >>> bool(0.8 < own.mean() < 1.3), model.distance(np.full(5, 9.0)) > 50
    (True, True)
    """
    n, e = vectors.shape
    wide = vectors.astype(np.float64)
    centre, scale = wide.mean(axis=0), wide.std(axis=0)
    scale = np.where(scale > _FLOOR, scale, 1.0)
    Z = (wide - centre) / scale
    covariance = Z.T @ Z / n
    share = max(_ledoit_wolf(Z, covariance), _LEAST)
    level = max(float(np.trace(covariance)) / e, _FLOOR)
    lower = _inverse_factor(covariance, share, level)
    own = without(np.square(Z @ _inverse_factor(covariance * (n / (n - 1)), share, level).T).sum(axis=1), n, share) / e
    return Shrunk(centre.astype(np.float32), scale.astype(np.float32), np.tril(lower).astype(np.float32)), own


def _inverse_factor(covariance: np.ndarray, share: float, level: float) -> np.ndarray:
    return np.asarray(np.linalg.inv(np.linalg.cholesky((1 - share) * covariance + share * level * np.eye(len(covariance)))))


def _ledoit_wolf(Z: np.ndarray, covariance: np.ndarray) -> float:
    """The share of the target under which the expected squared error of the covariance of ``Z`` (n, e) is least."""
    n, e = Z.shape
    length = float(np.square(covariance).sum())
    gap = length - float(np.trace(covariance)) ** 2 / e
    noise = (float((np.square(Z).sum(axis=1) ** 2).sum()) / n - length) / n
    return min(1.0, max(0.0, noise / gap)) if gap > _FLOOR else 1.0
