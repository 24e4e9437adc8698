"""Second moments of all windows of a series, without ever laying the windows out.

The moment of lags i + 1 and j + 1 sums nearly the same products as that of lags i and j: only the products at a segment's two ends differ.
So the moments of lag 0 with every lag are summed over the series, and all others follow along the diagonals: t · l · c² products instead of
t · l² · c², and memory for one (l · c, l · c) matrix.

Letters: t time steps, c channels, l window length, w windows, g segments that hold a full window.
"""

from __future__ import annotations

import numpy as np

from tocsin.data.window import batches, first_rows, window_ends


def window_moments(X: np.ndarray, groups: np.ndarray, length: int) -> tuple[int, np.ndarray, np.ndarray]:
    """(w, mean (l · c), covariance (l · c, l · c)) of the full windows of ``X`` (t, c), flattened step by step.

    Where no segment is long enough for one, of the filled windows (``tocsin.data.window.take``), one per segment.
    ``X`` should be standardised: means far from 0 cost digits.

    >>> w, mean, covariance = window_moments(np.array([[0.0], [1.0], [0.0], [1.0], [0.0]]), np.zeros(5, dtype=int), 2)
    >>> w, mean.tolist(), covariance.tolist()
    (4, [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]])
    """
    ends = window_ends(groups, length)
    full = ends[ends - first_rows(groups)[ends] >= length - 1]
    if not len(full):
        return _laid_out(X, groups, ends, length)
    c, w = X.shape[1], len(full)
    mean = np.stack([X[full - i].mean(axis=0) for i in range(length)])  # (l, c) by lag, 0 = the window's last row
    moment = np.empty((length, c, length, c))
    newest = X[full]
    for j in range(length):
        moment[0, :, j] = newest.T @ X[full - j]
        moment[j, :, 0] = moment[0, :, j].T
    change = _change(X, groups, full, length)
    for i in range(length - 1):
        moment[i + 1, :, 1:] = moment[i, :, :-1] + change[i]
    moment = moment[::-1, :, ::-1].reshape(length * c, -1) / w  # a window is read from its oldest row
    flat = mean[::-1].ravel()
    covariance = moment - np.outer(flat, flat)
    return w, flat, (covariance + covariance.T) / 2


def _change(X: np.ndarray, groups: np.ndarray, full: np.ndarray, length: int) -> np.ndarray:
    """(l − 1, c, l − 1, c) moment of lags (i + 1, j + 1) less that of (i, j): what comes in at the segments' starts less what goes out."""
    c = X.shape[1]
    lags = np.arange(length - 1)
    begins = np.r_[True, groups[full[1:]] != groups[full[:-1]]]
    stops = np.r_[groups[full[1:]] != groups[full[:-1]], True]
    coming = X[full[begins][:, None] - 1 - lags].reshape(stops.sum(), (length - 1) * c)  # (g, (l − 1) · c)
    going = X[full[stops][:, None] - lags].reshape(stops.sum(), (length - 1) * c)
    made: np.ndarray = (coming.T @ coming - going.T @ going).reshape(length - 1, c, length - 1, c)
    return made


def _laid_out(X: np.ndarray, groups: np.ndarray, ends: np.ndarray, length: int) -> tuple[int, np.ndarray, np.ndarray]:
    d = length * X.shape[1]
    size = max(1, (1 << 20) // d)
    total, moment = np.zeros(d), np.zeros((d, d))
    for _, windows in batches(X, groups, ends, length, size):
        rows = windows.reshape(len(windows), d)
        total += rows.sum(axis=0)
        moment += rows.T @ rows
    mean = total / len(ends)
    return len(ends), mean, moment / len(ends) - np.outer(mean, mean)
