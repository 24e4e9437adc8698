"""Rows brought to standard deviations from the mean, as ``data.moments.standardise`` does."""

from __future__ import annotations

import numpy as np

from tocsin.data.moments import spread
from tocsin.delivery.export.graph import Graph

_LIMIT = 1e100  # as moments.standardise clips


def standardised(graph: Graph, X: str, mean: np.ndarray, std: np.ndarray, limit: float = _LIMIT) -> str:
    """(n, d), within ± ``limit``."""
    mean, std = np.asarray(mean), np.asarray(std)
    return graph.clip(graph.div(graph.sub(X, mean), spread(mean, std)), -limit, limit)
