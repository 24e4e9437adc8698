"""What stands out once a series' usual spectrum is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from scipy.ndimage import uniform_filter1d

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.data.period import window_length
from tocsin.data.smooth import mean_around
from tocsin.data.window import batches, first_rows, window_ends

_CELLS = 1 << 18  # block values held at once; several complex copies are made of them
_FLOOR = 1e-8  # added to amplitudes of standardised channels, before their logarithm
_AROUND = 3  # frequencies that a block's own spectrum is averaged over
_OVERLAP = 4  # blocks that cover a step


class SpectralResidual(Detector):
    """Spectral residual: what is left of a block when its usual spectrum is divided out.

    Blocks of ``window`` steps overlap by three quarters. In each, the logarithm of every amplitude is lessened by the usual one, the
    phases are kept, and the block is transformed back: what every block has (level, season, the colour of the noise) comes out flat, what
    is new stands out where it happens. The score is the squared result, averaged over the blocks that cover a step, over channels, and
    over ``smooth`` steps.

    ``reference="training"``: the usual spectrum is the mean log spectrum of the training blocks; blocks far from normal score higher all
    through. ``reference="block"``: it is the block's own, averaged over three neighbouring frequencies, as published: no amplitude is
    learned, each block is judged by itself, and only sharp events stand out.

    Works for sudden events on stationary series; weak for slow changes and where the phase, not the spectrum, is odd. ``window``: steps,
    None for 128 (at most the longest segment, at least 8). ``smooth``: steps to average over, 0 for none, None for the window found in the
    data (``tocsin.data.period.window_length``); the map holds the same per cell. A segment shorter than a block is filled by
    repeating its first row. Shapes: X (t, c). Raises ConfigError TOC-202 for a setting out of range.
    Source: Hou and Zhang (2007); Ren et al., "Time-series anomaly detection service at Microsoft" (2019).

    >>> wave = np.sin(np.arange(512) * 2 * np.pi / 32)
    >>> odd = wave.copy(); odd[200] += 1
    >>> int(SpectralResidual(smooth=0).fit(wave).anomaly_score(odd).argmax())
    200
    """

    tags = Tags(modality="series", min_rows=16, gives_map=True, judges_own=True)

    def __init__(self, window: int | None = None, reference: str = "training", smooth: int | None = None) -> None:
        self.window = window
        self.reference = reference
        self.smooth = smooth

    @classmethod
    def small(cls) -> Self:
        return cls(window=32)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        depth = int((np.arange(len(X)) - first_rows(groups)).max()) + 1
        self.window_ = self.window or max(8, min(128, depth))
        self.reach_ = (window_length(X) if self.smooth is None else int(self.smooth)) // 2  # steps to either side
        self.mean_, std = moments(X)
        self.std_ = spread(self.mean_, std)
        total, count = np.zeros((self.window_ // 2 + 1, X.shape[1])), 0
        for _, waves, amplitudes in self._spectra(standardise(X, self.mean_, self.std_), groups, self._ends(groups)):
            total += np.log(amplitudes).sum(axis=0)
            count += len(waves)
        self.usual_ = total / count  # (f, c)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._map(X, groups).mean(axis=1)
        return scores

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)  # one block among many hardly moves the mean spectrum

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z, ends = standardise(X, self.mean_, self.std_), self._ends(groups)
        total, weight, first = np.zeros(Z.shape), np.zeros((len(Z), 1)), first_rows(groups)
        # A block's two ends are neighbours to the transform: a jump between them is no event, so the middle counts most.
        shape = np.sin(np.pi * (np.arange(self.window_) + 0.5) / self.window_)[:, None] ** 2
        for some, waves, amplitudes in self._spectra(Z, groups, ends):
            usual = self.usual_
            if self.reference == "block":
                usual = uniform_filter1d(np.log(amplitudes), _AROUND, axis=1, mode="nearest")
            left = np.fft.irfft(waves / amplitudes * np.exp(np.log(amplitudes) - usual), self.window_, axis=1)  # (b, l, c)
            rows = ends[some][:, None] + np.arange(1 - self.window_, 1)  # (b, l)
            inside = rows >= first[ends[some]][:, None]
            np.add.at(total, rows[inside], (np.square(left) * shape)[inside])
            np.add.at(weight, rows[inside], np.broadcast_to(shape, (len(some), self.window_, 1))[inside])
        return mean_around(total / weight, groups, self.reach_)

    def _ends(self, groups: np.ndarray) -> np.ndarray:
        return window_ends(groups, self.window_, max(1, self.window_ // _OVERLAP))

    def _spectra(self, Z: np.ndarray, groups: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Triples (positions in ``ends``, transforms (b, f, c), their amplitudes)."""
        size = max(1, _CELLS // (self.window_ * Z.shape[1]))
        for some, windows in batches(Z, groups, ends, self.window_, size):
            waves = np.fft.rfft(windows, axis=1)
            yield some, waves, np.abs(waves) + _FLOOR

    def _check(self) -> None:
        for name, least in (("window", 8), ("smooth", 0)):
            value: Any = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least):
                raise ConfigError("TOC-202", f"SpectralResidual: {name} must be at least {least}", came=repr(value),
                                  todo=f"give a whole number from {least}, or None")
        if self.reference not in ("training", "block"):
            raise ConfigError("TOC-202", "SpectralResidual: reference is not known", came=repr(self.reference),
                              todo="use 'training' or 'block'")
