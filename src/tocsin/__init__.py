"""Tocsin: deep-learning anomaly detection, from raw data to a monitored deployment.

>>> import tocsin
>>> found = tocsin.detect([[0.1, 1.0], [0.2, 1.1], [0.1, 0.9], [0.2, 1.0], [0.1, 1.1], [9.0, 1.0]] * 8)
>>> found.is_anomaly.dtype
dtype('bool')

Names are loaded when first used: importing tocsin loads neither PyTorch nor scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tocsin.core.catalog import make as make
    from tocsin.core.config import Training as Training
    from tocsin.core.errors import TocsinError as TocsinError
    from tocsin.core.types import Dataset as Dataset
    from tocsin.core.types import Detections as Detections
    from tocsin.core.types import Explanation as Explanation
    from tocsin.data.read import read as read
    from tocsin.delivery.artifact import load as load
    from tocsin.delivery.artifact import save as save
    from tocsin.delivery.export.export import export as export
    from tocsin.flows.adapt import adapt as adapt
    from tocsin.flows.train import detect as detect
    from tocsin.flows.train import fit as fit
    from tocsin.flows.tune import tune as tune
    from tocsin.pipeline.pipeline import Pipeline as Pipeline
    from tocsin.pipeline.sklearn import as_sklearn as as_sklearn
    from tocsin.streaming.stream import Stream as Stream

_HOMES = {
    "make": "core.catalog", "Training": "core.config", "TocsinError": "core.errors", "Dataset": "core.types",
    "Detections": "core.types", "Explanation": "core.types", "read": "data.read", "load": "delivery.artifact",
    "save": "delivery.artifact", "export": "delivery.export.export", "detect": "flows.train", "fit": "flows.train",
    "Pipeline": "pipeline.pipeline", "as_sklearn": "pipeline.sklearn", "Stream": "streaming.stream",
    "adapt": "flows.adapt", "tune": "flows.tune",
}

__all__ = ["Dataset", "Detections", "Explanation", "Pipeline", "Stream", "TocsinError", "Training", "adapt", "as_sklearn", "detect",
           "export", "fit", "load", "make", "read", "save", "tune"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"tocsin.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'tocsin' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
