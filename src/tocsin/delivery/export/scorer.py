"""Row scores of fitted vector detectors as nodes, by catalog name. Adding a detector is one function, here or
in the file of its family, and one line in ``SCORERS``.

Each function takes the graph, the name of the matrix (n, d) double and the detector, and returns the name of the scores (n,) double.
Letters: n rows, d columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.delivery.export import scorer_columns, scorer_forest, scorer_gaussians, scorer_neighbours
from tocsin.delivery.export.graph import Graph
from tocsin.delivery.export.standardise import standardised


def row_scores(graph: Graph, matrix: str, detector: Detector) -> str:
    """(n,) double. Raises ArtifactError TOC-421 for a detector that cannot be exported."""
    name = catalog.name_of(detector)
    if name not in SCORERS:
        raise not_exportable(name)
    return SCORERS[name](graph, matrix, detector)


def not_exportable(name: str) -> ArtifactError:
    """The error for a detector that no graph is known for."""
    able = [other for other in catalog.names() if catalog.card(other).tags.exportable]
    return ArtifactError("TOC-421", f"the detector {name!r} cannot be exported", came=name,
                         todo=f"fit anew with one of {', '.join(able)}; alarms will differ, so look at them first")


def _baseline(graph: Graph, matrix: str, detector: Any) -> str:
    return graph.mean(graph.square(standardised(graph, matrix, detector.mean_, detector.std_)), 1)


def _network(graph: Graph, matrix: str, detector: Any) -> str:
    from tocsin.delivery.export.network import network_scorer  # loads PyTorch: only models that hold a network need it

    return network_scorer(graph, matrix, detector)


def _fusion(graph: Graph, matrix: str, detector: Any) -> str:
    from tocsin.delivery.export.scorer_fusion import neighbour_fusion  # with the detector's module

    return neighbour_fusion(graph, matrix, detector)


SCORERS: dict[str, Callable[[Graph, str, Any], str]] = {
    "baseline": _baseline, "iforest": scorer_forest.iforest,
    "knn": scorer_neighbours.knn, "lof": scorer_neighbours.lof, "robust_knn": scorer_neighbours.robust_knn,
    "neighbour_fusion": _fusion,
    "gaussian": scorer_gaussians.gaussian, "gaussian_mixture": scorer_gaussians.mixture, "pca": scorer_gaussians.pca,
    "mcd": scorer_gaussians.mcd, "hbos": scorer_columns.hbos, "copula": scorer_columns.copula,
    **dict.fromkeys(("autoencoder", "vae", "denoising_autoencoder", "diffusion_time", "flow_matching", "deep_svdd", "masked_cells",
                     "classifier", "deep_sad", "deviation_network"), _network),
}
"""catalog name → the function that writes its scores"""
