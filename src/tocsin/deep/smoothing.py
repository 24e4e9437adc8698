"""The mean of a few neighbouring steps: a residual alone is noise, a run of large ones is an event."""

from __future__ import annotations

import numpy as np


def smoothed(cells: np.ndarray, groups: np.ndarray, before: int, after: int) -> np.ndarray:
    """(t, c) of each step, the mean of ``cells`` (t, c) from ``before`` steps earlier to ``after`` steps later, in its segment only.

    Near the ends of a segment, the mean of those that there are. Sums are taken directly, not as differences of running sums: a huge
    value far away costs no precision here, and later steps change nothing to the last bit when ``after`` is 0.

    >>> smoothed(np.array([[0.0], [3.0], [0.0], [9.0]]), np.array([0, 0, 0, 1]), 1, 0)[:, 0].tolist()
    [0.0, 1.5, 1.5, 9.0]
    """
    t = len(cells)
    total, count = cells.copy(), np.ones((t, 1))
    for offset in range(1, before + 1):
        same = groups[offset:] == groups[:max(t - offset, 0)]
        total[offset:] += np.where(same[:, None], cells[:max(t - offset, 0)], 0.0)
        count[offset:, 0] += same
    for offset in range(1, after + 1):
        same = groups[offset:] == groups[:max(t - offset, 0)]
        total[:max(t - offset, 0)] += np.where(same[:, None], cells[offset:], 0.0)
        count[:max(t - offset, 0), 0] += same
    return total / count
