"""k-Shape: groups of windows by form, whatever their phase.

Two windows are alike when they correlate at some shift. All shifts are tried at once through the Fourier transform; a group's shape is
the direction that its members, shifted into phase, have most in common. Paparrizos and Gravano, "k-Shape" (2015).
Several channels share one shift.

Letters: n windows, l window length, c channels, k groups, f frequencies.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

_ROUNDS, _POWERS = 20, 12  # most rounds of regrouping; power iterations for the common direction


def kshape(windows: np.ndarray, k: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(k, l, c) shapes and (n,) the group of each of the z-normalised ``windows`` (n, l, c). Groups may come out empty.

    >>> step = np.arange(40)
    >>> waves = np.stack([np.sin(step * pace + shift) for pace in (0.3, 0.9) for shift in range(5)])[..., None]
    >>> _, group = kshape(waves, 2, np.random.default_rng(0))
    >>> sorted([len(set(group[:5].tolist())), len(set(group[5:].tolist())), len(set(group.tolist()))])
    [1, 1, 2]
    """
    wide, narrow = windows.astype(np.float64), windows.astype(np.float32)
    spectra = _spectra(narrow)  # in float32: grouping needs no more, and most time goes here
    shapes = _first(narrow, spectra, k, random).astype(np.float64)
    group = np.full(len(wide), -1)
    for _ in range(_ROUNDS):
        likeness, shifts = likenesses(spectra, narrow, shapes)  # (n, k) each
        found = likeness.argmax(axis=1)
        if np.array_equal(found, group):
            break
        group = found
        for j in range(k):
            members = np.flatnonzero(group == j)
            if len(members):
                shapes[j] = _common(_shifted(wide[members], shifts[members, j]))
    return shapes, group


def shape_distances(shapes: np.ndarray) -> np.ndarray:
    """(k, k) shape-based distances between ``shapes`` (k, l, c): 1 − the highest correlation over all shifts, 0 to 2."""
    return np.asarray(1.0 - likenesses(_spectra(shapes), shapes, shapes)[0])


def likenesses(spectra: np.ndarray, windows: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) highest normalised correlation of each of ``windows`` (n, l, c) with each shape, and the shift that reaches it."""
    length = windows.shape[1]
    size = _size(length)
    best, shifts = np.empty((len(windows), len(shapes))), np.empty((len(windows), len(shapes)), np.int64)
    lags = np.arange(1 - length, length)
    norms = np.sqrt(np.square(windows).sum(axis=(1, 2)))
    for j, shape in enumerate(shapes):
        own = np.conj(fft.rfft(shape.astype(windows.dtype), size, axis=0))  # (f, c)
        paired = spectra[:, :, 0] * own[:, 0] if own.shape[1] == 1 else np.einsum("nfc,fc->nf", spectra, own)
        around = fft.irfft(paired, size, axis=1)  # (n, size) at lag s: window step t + s with shape step t; s < 0 counts from the end
        products = np.concatenate([around[:, size + 1 - length:], around[:, :length]], axis=1)  # (n, 2l − 1)
        at = products.argmax(axis=1)
        weight = norms * np.sqrt(np.square(shape).sum())
        best[:, j] = np.divide(products[np.arange(len(at)), at], weight, out=np.zeros(len(at)), where=weight > 0)
        shifts[:, j] = lags[at]
    return best, shifts


def _spectra(windows: np.ndarray) -> np.ndarray:
    return np.asarray(fft.rfft(windows, _size(windows.shape[1]), axis=1))  # (n, f, c)


def _size(length: int) -> int:
    return int(fft.next_fast_len(2 * length - 1, real=True))


def _first(windows: np.ndarray, spectra: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """(k, l, c) windows to begin with, drawn one after the other, the more likely the less they are like those drawn before."""
    chosen = [int(random.integers(len(windows)))]
    gap = np.full(len(windows), np.inf)
    while len(chosen) < k:
        gap = np.minimum(gap, np.square(1.0 - likenesses(spectra, windows, windows[chosen[-1:]])[0][:, 0]))
        total = gap.sum()
        chosen.append(int(random.choice(len(windows), p=gap / total if total > 0 else None)))
    return windows[chosen].copy()


def _shifted(windows: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Windows (n, l, c) moved ``shifts`` (n,) steps to the left, 0 where nothing came."""
    steps = np.arange(windows.shape[1]) + shifts[:, None]  # (n, l)
    inside = (steps >= 0) & (steps < windows.shape[1])
    moved = np.take_along_axis(windows, np.where(inside, steps, 0)[:, :, None], axis=1)
    return np.asarray(moved * inside[:, :, None])


def _common(windows: np.ndarray) -> np.ndarray:
    """(l, c) the unit direction with the largest sum of squared products with centred ``windows`` (n, l, c), times sqrt(l · c)."""
    rows = (windows - windows.mean(axis=1, keepdims=True)).reshape(len(windows), -1)
    direction = rows.mean(axis=0)
    if not np.abs(direction).max() > 0:
        direction = rows[0].copy()
    for _ in range(_POWERS):
        direction = rows.T @ (rows @ direction)
        size = np.sqrt(direction @ direction)
        if not size > 0:
            break  # nothing but flat windows: a flat shape
        direction /= size
    direction *= np.where((rows @ direction).sum() < 0, -1.0, 1.0) * np.sqrt(len(direction))
    return np.asarray(direction.reshape(windows.shape[1:]))
