"""The comparison of a graph with its original, before anything is written.

Tables: two batch sizes. Series: two batch sizes, each with two window lengths, one shorter than the detector's window. Compared are
scores, p-values and decisions, and the decisions at another threshold. Where a score lies so near the cut that the allowed error moves
it across, the decision is not compared; such rows are counted. Where a detector chooses among rows that are equally near, or a value lies
on the edge of a bin, rounding decides: there the graph's score must lie within what either choice gives (``ties``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from tocsin.core.errors import ArtifactError
from tocsin.delivery.export import ties, trial
from tocsin.delivery.export.trial import Trial
from tocsin.pipeline.pipeline import Pipeline

BATCHES = (3, 17)
_ROWS, _PICTURES = 120, 12
_OTHER = 0.3  # a threshold given as input, to see that it is obeyed
_P = 1e-6  # relative error of p for one and the same score: far beyond the last bits of exp and log
_BESIDE = 0.02  # of the allowed error, taken beside a larger score: 2e-6 in single precision, some dozen of its steps


@dataclass(frozen=True)
class Proof:
    """``error``: largest difference of scores, relative to the score and the usual score; ``close``: decisions too near the cut; ``tied``:
    rows whose score differs by more, and within what another choice among equal neighbours gives."""

    rows: int
    batches: tuple[str, ...]
    error: float
    close: int
    tied: int


def prove(content: bytes, model: Pipeline, tolerance: float) -> Proof:
    """Raises ArtifactError TOC-420 where graph and original differ by more than ``tolerance``, TOC-425 where the graph does not run."""
    session = start(content)
    if model.kind_ == "images":
        from tocsin.delivery.export import pictures  # loads PyTorch: only models that hold a network need it

        trials = [(size, pictures.pictures_of(model, _PICTURES)) for size in BATCHES]
    else:
        trials = _windows(model) if model.kind_ == "series" else [(size, trial.rows_of(model, _ROWS)) for size in BATCHES]
    usual = float(np.median(np.abs(model.calibrator_.state()["learned"]["scores_"])))
    rows, close, tied, error = 0, 0, 0, 0.0
    for size, made in trials:
        worst, near, chosen = _compare(session, size, made, model, tolerance, usual)
        rows, close, tied, error = rows + len(made.data), close + near, tied + chosen, max(error, worst)
    return Proof(rows, tuple(f"{size} × {made.shape[1]}" if len(made.shape) > 1 else str(size) for size, made in trials),
                 error, close, tied)


def start(content: bytes) -> onnxruntime.InferenceSession:
    """The graph in onnxruntime, on the processor."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every optional input
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen exception classes without a common name
        raise ArtifactError("TOC-425", "the exported graph does not load", came=str(error)[:200], todo="report a bug") from error


def _windows(model: Pipeline) -> list[tuple[int, Trial]]:
    reach = int(model.detector_.params().get("window") or 1)
    cases = [(BATCHES[0], 2 * reach + 3), (BATCHES[1], reach), (BATCHES[0], max(2, reach // 2))]
    return [(b, trial.windows_of(model, b, t)) for b, t in cases]


def _compare(session: onnxruntime.InferenceSession, size: int, made: Trial, model: Pipeline, tolerance: float,
             usual: float) -> tuple[float, int, int]:
    """(largest relative error, decisions too near the cut, rows that a choice among equals explains)."""
    found = model.detect(made.data)
    score, p, odd = _run(session, size, made.feeds)
    if score.shape != made.shape or not np.isfinite(score).all() or not np.isfinite(p).all():
        raise _differs(f"shape {score.shape} for {made.shape}, {int((~np.isfinite(score)).sum())} scores not finite")
    score, p, odd = score.ravel(), p.ravel(), odd.ravel()
    scale = _scale(found.score, made.shape) + usual + np.finfo(float).tiny
    gap, least, most = np.abs(score - found.score) / scale, found.score, found.score
    beyond = gap > tolerance
    if beyond.any() and (span := ties.span(model, made.data)) is not None:
        least, most = (np.where(beyond, end, found.score) for end in span)
        gap = np.maximum(np.maximum(least - score, score - most), 0.0) / scale
    if gap.max() > tolerance:
        raise _differs(f"a score of {score[gap.argmax()]:.9g} instead of {found.score[gap.argmax()]:.9g}")
    slack = tolerance * scale
    low, high = (model.calibrator_.transform(score + sign * slack) * (1 + side * _P) for sign, side in ((1, -1), (-1, 1)))
    wrong = (p < low) | (p > high)
    if wrong.any():
        raise _differs(f"p = {p[wrong][0]:.9g} instead of {found.p_value[wrong][0]:.9g}")
    close = 0
    low, high = model.calibrator_.transform(np.maximum(score + slack, most)), model.calibrator_.transform(np.minimum(score - slack, least))
    low, high = low * (1 - _P), high * (1 + _P)
    given = _run(session, size, made.feeds, _OTHER)[2].ravel()
    for cut, told, truth in ((model.threshold_.value, odd, found.is_anomaly), (_OTHER, given, found.p_value <= _OTHER)):
        sure = (high <= cut) | (low > cut)
        wrong = sure & (told != truth)
        if wrong.any():
            raise _differs(f"{int(wrong.sum())} decisions at p <= {cut:.6g}")
        close += int((~sure).sum())
    return float(gap.max()), close, int(beyond.sum())


def _scale(score: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The size of each score (n,) that its error is measured by. A residual beside a far larger one in the same window is known only to
    the last digits of the larger: its square then errs by the geometric mean of both."""
    size = np.abs(score).reshape(shape)
    top = size.max(axis=-1, keepdims=True) if len(shape) > 1 else size
    return np.asarray(size + _BESIDE * np.sqrt(size) * np.sqrt(top)).ravel()


def _run(session: onnxruntime.InferenceSession, size: int, feeds: dict[str, np.ndarray],
         threshold: float | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """score, p_value and is_anomaly of all rows, ``size`` at a time."""
    given = {} if threshold is None else {"threshold": np.array(threshold)}
    n, parts = len(next(iter(feeds.values()))), []
    try:
        for first in range(0, n, size):
            batch = {name: cells[first:first + size] for name, cells in feeds.items()}
            parts.append(session.run(["score", "p_value", "is_anomaly"], {**batch, **given}))
    except Exception as error:  # see start
        raise ArtifactError("TOC-425", "the exported graph does not run", came=str(error)[:200], todo="report a bug") from error
    score, p, odd = (np.concatenate(part) for part in zip(*parts))
    return score, p, odd


def _differs(how: str) -> ArtifactError:
    return ArtifactError("TOC-420", "the exported graph does not give what the model gives; nothing was written", came=how,
                         todo="report a bug, with the model's facts; until then serve the model itself")
