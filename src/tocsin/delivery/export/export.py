"""A fitted pipeline as one ONNX file that stands alone: raw columns or a raw window in, score, p-value and decision out."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.core.errors import ArtifactError, ConfigError, MissingExtra
from tocsin.decision.threshold import Threshold
from tocsin.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Exported:
    """What was written and what was proved of it.

    bytes      size of the file
    error      largest difference between scores of graph and model, relative to their size
    rows       rows compared, over all batches
    batches    batch sizes, of a series with the window lengths ("3 × 51")
    close      decisions that were not compared because the score lies within the allowed error of the cut
    seconds    spent in all
    tied       rows whose scores differ because neighbours are equally near: the graph chose others than the model did
    """

    path: Path
    bytes: int
    error: float
    rows: int
    batches: tuple[str, ...]
    close: int
    seconds: float
    tied: int = 0


def export(model: Pipeline, path: str | Path, *, threshold: Threshold | str | None = None) -> Exported:
    """Write ``model`` as one ONNX file at ``path``; an existing file is replaced, whole or not at all.

    The file holds preparation, network or memory, calibration and threshold; any ONNX runtime of opset 17 with the standard ``ai.onnx.ml``
    operators runs it, without Tocsin. Inputs of a table: one per source column, shape (n, 1), double for numbers, booleans (1, 0) and dates
    (seconds since 1970, UTC), strings for categories; NaN and "" mean missing. Input of a series: ``window`` double (b, t, c), NaN =
    missing, each window a segment of its own on the model's regular grid. Optional input: ``threshold``, the cut on p, a double. Outputs:
    ``score`` and ``p_value`` double, ``is_anomaly`` bool, of shape (n,) or (b, t). The metadata names the columns and their types.

    Before it is written the graph is run beside the model on disturbed reference rows, in two batch sizes (and window lengths):
    scores must agree to 1e-9 (1e-4 where a network computes in single precision), p-values and decisions accordingly. Where rows are
    equally near and their choice changes a score, it must lie within what the choices give.

    When it works: tables and series with detectors whose tags say ``exportable``. When not: columns of free text, steps along the rows of a
    table, rules that decide over a batch (false discovery).

    threshold   another decision rule for the file: text such as "false_alarm_rate=0.001", or a Threshold

    Raises ArtifactError TOC-420 (it differs; nothing is written), TOC-421 (detector), TOC-422 (step or column, by name), TOC-423
    (calibrator), TOC-424 (it cannot be written), TOC-425 (it does not run), TOC-426 (no model); ConfigError TOC-270 (rule), TOC-271
    (path); StateError TOC-301 (not fitted); MissingExtra TOC-501 without onnx and onnxruntime.

    >>> import tempfile, tocsin
    >>> model = tocsin.fit([[0.1, 1.0], [0.2, 1.1], [0.1, 0.9], [0.2, 1.0]] * 10, detector="gaussian")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = export(model, folder + "/small.onnx")
    >>> made.batches, made.error < 1e-9
    (('3', '17'), True)
    """
    started = time.perf_counter()
    target = _target(path)
    if not isinstance(model, Pipeline):
        raise ArtifactError("TOC-426", "this is no model that can be exported", came=repr(model)[:80], todo="pass a fitted Pipeline")
    model.manifest()  # raises when it has not been fitted
    if threshold is not None:
        model = model.with_threshold(threshold)
    assembly, proof = _tools()
    content = assembly.assemble(model).SerializeToString()
    proved = proof.prove(content, model, assembly.tolerance(model.detector_))
    _write(target, content)
    return Exported(Path(path), len(content), proved.error, proved.rows, proved.batches, proved.close, time.perf_counter() - started,
                    proved.tied)


def _tools() -> tuple[Any, Any]:
    """The parts that need onnx and onnxruntime; they load when something is exported, not before."""
    try:
        from tocsin.delivery.export import assembly, proof
    except ImportError as error:
        if isinstance(error, MissingExtra) or (error.name or "").startswith("tocsin"):
            raise
        raise MissingExtra("TOC-501", f"exporting needs the package {error.name!r}", came=str(error),
                           todo="pip install 'tocsin[export]'") from error
    return assembly, proof


def _target(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ConfigError("TOC-271", "no file is named to export to", came=repr(path)[:80], todo="pass a path, such as model.onnx")
    return Path(path).resolve()


def _write(target: Path, content: bytes) -> None:
    """Beside the target under a hidden name, flushed, then renamed over it."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(fresh, target)
    except OSError as error:
        raise ArtifactError("TOC-424", "the ONNX file cannot be written here", came=f"{type(error).__name__}: {error}"[:200],
                            todo="check that the folder exists, may be written and has room, and that no folder has this name") from error
    finally:
        fresh.unlink(missing_ok=True)
