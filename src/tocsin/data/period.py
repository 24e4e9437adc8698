"""The length of a season, read off the autocorrelation."""

from __future__ import annotations

import numpy as np

_FEWEST, _MOST = 8, 256


def period(X: np.ndarray, longest: int = 5000) -> int | None:
    """Steps after which ``X`` (t, c) repeats itself: the highest autocorrelation peak of its most periodic channel, or None.

    The mean over all channels' autocorrelations would let a noisy channel hide a clean one, so the clearest channel decides.
    At least three whole periods must be seen, and the peak must exceed what white noise of this length shows (3 / sqrt(t)) and 0.2.

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 25)[:, None]
    >>> period(wave)
    25
    """
    t = len(X)
    best, found = max(0.2, 3 / np.sqrt(max(t, 1))), None
    for j in range(X.shape[1]):
        acf = _autocorrelation(X[:, j], min(longest, t // 3))
        if acf is None:
            continue
        below = np.flatnonzero(acf < 0.5 * best)  # skip the shoulder around lag 0
        start = int(below[0]) if len(below) else len(acf)
        peaks = [i for i in range(max(start, 2), len(acf) - 1) if acf[i - 1] < acf[i] >= acf[i + 1]]
        if not peaks:
            continue
        top = max(acf[i] for i in peaks)
        if top > best:
            # the first peak nearly as high as the highest: multiples of a period are peaks, too
            best, found = top, next(i for i in peaks if acf[i] >= 0.9 * top)
    return found


def window_length(X: np.ndarray) -> int:
    """A window for ``X`` (t, c): one period when there is one, else 32; within 8 to 256 and a sixth of the series (4 at least).

    >>> window_length(np.zeros((60, 1)))
    10
    """
    found = period(X) or 32
    return max(4, min(max(found, _FEWEST), _MOST, len(X) // 6))


def _autocorrelation(x: np.ndarray, lags: int) -> np.ndarray | None:
    """(lags,) autocorrelation from lag 0, by FFT; None for a constant channel."""
    x = x - x.mean()
    power = float(x @ x)
    if power <= 1e-12 * max(1.0, float(np.abs(x).max())) or lags < 4:
        return None
    spectrum = np.fft.rfft(x, 1 << int(2 * len(x) - 1).bit_length())
    return np.fft.irfft(np.abs(spectrum) ** 2)[:lags] / power
