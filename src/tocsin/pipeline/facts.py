"""What was done, as plain data: shown in the report, written into the artefact, compared between versions."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from typing import Any

import numpy as np

import tocsin
from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Finding
from tocsin.decision.calibrate import Calibrator
from tocsin.decision.threshold import THRESHOLDS, Threshold
from tocsin.pipeline.calibration import Plan


def training_facts(data: Dataset, detector: Detector, plan: Plan, *, features: int, held: int, effective: float, seconds: float,
                   findings: tuple[Finding, ...], rule: dict[str, Any]) -> dict[str, Any]:
    """One dictionary: which detector on which data, how it was calibrated (``held`` scores, worth ``effective`` independent
    ones), how long it took, what was found on the way."""
    name, marked = catalog.name_of(detector), 0 if data.y is None else int(data.y.sum())
    return {
        "version": version(detector, data), "detector": name, "summary": catalog.card(name).summary,
        "params": detector.state()["params"], "kind": data.kind, "n_train": len(data), "columns": len(data.schema.columns),
        "features": features, "seconds": round(seconds, 3), "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "calibration": {"plan": plan.name, "n": held, "folds": len(plan.folds), "block": plan.block, "effective": round(effective, 1),
                        "smallest_p": 1 / (effective + 1)},
        "threshold": rule,
        "members": [dict(entry) for entry in getattr(detector, "report_", [])],
        "history": [dict(entry) for entry in getattr(detector, "history_", [])],
        "findings": [dict(vars(finding)) for finding in findings],
        "labelled_anomalies": marked, "labelled_anomalies_left_out": 0 if detector.tags.supervised else marked,
        "origin": {**vars(data.origin), "notes": list(data.origin.notes)},
        "software": {"tocsin": tocsin.__version__, "python": platform.python_version(), "numpy": np.__version__},
    }


def rule_facts(rule: Threshold, calibrator: Calibrator) -> dict[str, Any]:
    """The decision rule, its cut on p and the score where it lies (None when no score is high enough)."""
    score = float(np.asarray(calibrator.inverse(rule.value)))
    return {"rule": part_name(THRESHOLDS, rule), **rule.params(), "p": float(rule.value), "score": score if np.isfinite(score) else None}


def part_name(parts: dict[str, Any], part: Any) -> str:
    """The name under which ``part``'s class is listed; raises ConfigError TOC-292 for a class of the caller's own."""
    for name, cls in parts.items():
        if type(part) is cls:
            return name
    raise ConfigError("TOC-292", f"{type(part).__name__} is not one of Tocsin's own and cannot be saved", came=type(part).__name__,
                      todo=f"use one of {', '.join(parts)}")


def version(detector: Detector, data: Dataset) -> str:
    """Twelve hex digits that name this model: detector, parameters and the digest of the training data."""
    text = json.dumps([catalog.name_of(detector), detector.state()["params"], data.origin.digest, len(data)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
