"""A fitted pipeline as a smaller ONNX file: its network in int8, calibrated anew, and refused when it no longer ranks like the original.

A network in fewer bits is another detector: its scores have shifted, so p-values and threshold are learned again, on rows given for that.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from tocsin.core.errors import ArtifactError, ConfigError, MissingExtra
from tocsin.core.types import Dataset
from tocsin.decision.threshold import Threshold
from tocsin.delivery.halves import Halves, segments
from tocsin.pipeline.pipeline import Pipeline

RANK, AUROC = 0.98, 0.01
"""The gate: least rank correlation with the original's scores, largest loss of AUROC."""

_RUNS, _BURST = 400, 20  # timed calls; so many of each file in turn


@dataclass(frozen=True)
class Figures:
    """One file: bytes; p50, p99 latency of one row (one window) in milliseconds, on one thread; on rows kept from calibration: AUROC
    where labels are given, and the share of normal rows that raise an alarm."""

    bytes: int
    p50_ms: float
    p99_ms: float
    auroc: float | None
    false_alarm_rate: float


@dataclass(frozen=True)
class Shrunk:
    """What was written, and how it compares with the original exported as it is.

    rank_correlation     Spearman's, of both scores on rows that were not calibrated on
    calibrated, judged   rows calibrated on and judged
    layers               layers of the network that are now int8
    rule                 the decision rule with its new cut
    """

    path: Path
    before: Figures
    after: Figures
    rank_correlation: float
    calibrated: int
    judged: int
    layers: int
    reduce_range: bool
    activations: bool
    rule: dict[str, Any]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a report."""
        return {**asdict(self), "path": str(self.path)}


def shrink(model: Pipeline, path: str | Path, data: Any, *, threshold: Threshold | str | None = None, reduce_range: bool = True,
           activations: bool = False) -> Shrunk:
    """Write ``model`` as one ONNX file at ``path`` with its network in int8; inputs and outputs are those of ``tocsin.export``.

    ``data``: normal rows that the model was not fitted on (rows labelled 1 are left out of calibration and help to judge). One half
    calibrates: ranges, conformal p-values and threshold. The other half judges: rank correlation with the original's scores,
    false-alarm rate, and with labels AUROC. A table is halved at random, a series in time order, segment by segment.

    When it works: the file gets up to four times smaller in its weights. When not: it does not get faster where the network is small and
    the processor computes in float anyway. ``activations=True`` computes in whole numbers, too, for hardware that gains from it; networks
    that tell small misfits apart (conv, transformer) then often fail the gate.

    threshold      another decision rule, as for ``tocsin.export``
    reduce_range   weights of 7 bits: safe on processors whose int8 products overflow (see ``int8``)

    Raises ArtifactError TOC-430 (ranks differently; nothing is written), TOC-431 (no network), TOC-433 (the small graph is wrong), and
    those of ``export``; ConfigError TOC-275 (training rows given); DataError TOC-113 (fewer than 40 normal rows in a half); MissingExtra.

    >>> import tempfile, tocsin
    >>> rows = np.random.default_rng(0).normal(size=(400, 1)) * [1.0, 2.0, -1.0]
    >>> model = tocsin.fit(rows[:200], detector="autoencoder", training={"epochs": 5})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = shrink(model, folder + "/small.onnx", rows[200:])
    >>> made.after.bytes < made.before.bytes / 2, made.rank_correlation > 0.98
    (True, True)
    """
    started = time.perf_counter()
    model = _checked(model, threshold)
    tools = _tools()
    target = tools.export._target(path)
    halves = Halves(model, _fresh(model, model.as_dataset(data)))
    plain = tools.assembly.assemble(model)
    tools.proof.prove(plain.SerializeToString(), model, tools.assembly.tolerance(model.detector_))
    scorer = _scorer(tools, model)
    found = tools.int8.ranges(scorer, halves.feeds()) if activations else None
    session = tools.int8.start(tools.int8.quantised(scorer, found, reduce_range=reduce_range))
    scores = (halves.scores(model.detector_.anomaly_score), halves.scores(partial(_scored, session, model.kind_)))
    rank = _gate(halves, *scores)
    models = model, halves.calibrated(model, scores[1])
    made = tools.int8.quantised(tools.assembly.assemble(models[1]), found, reduce_range=reduce_range)
    told = {"weights": "int8", "reduce_range": reduce_range, "activations": "uint8" if activations else "float"}
    made.metadata_props.add(key="int8", value=json.dumps(told))
    contents = plain.SerializeToString(), made.SerializeToString()
    _consistent(tools, contents[1], models[1])
    before, after = (Figures(len(content), *times, halves.auroc(score), halves.alarms(one, score))
                     for content, times, one, score in zip(contents, _latencies(tools, contents, model), models, scores))
    tools.export._write(target, contents[1])
    return Shrunk(Path(path), before, after, rank, int(halves.calibrating.sum()), int(halves.judging.sum()),
                  len(tools.int8.layers(plain)), reduce_range, activations, models[1].facts_["threshold"], time.perf_counter() - started)


@dataclass(frozen=True)
class _Tools:
    """The modules that need onnx, onnxruntime and PyTorch; they load when something is shrunk, not before."""

    assembly: Any
    export: Any
    graph: Any
    int8: Any
    proof: Any
    rows: Any
    series: Any
    trial: Any


def _tools() -> _Tools:
    try:
        from tocsin.delivery import int8
        from tocsin.delivery.export import assembly, export, graph, proof, scorer, series, trial
    except ImportError as error:
        if isinstance(error, MissingExtra) or (error.name or "").startswith("tocsin"):
            raise
        raise MissingExtra("TOC-501", f"shrinking needs the package {error.name!r}", came=str(error),
                           todo="pip install 'tocsin[deep,export]'") from error
    return _Tools(assembly, export, graph, int8, proof, scorer, series, trial)


def _checked(model: Any, threshold: Threshold | str | None) -> Pipeline:
    if not isinstance(model, Pipeline):
        raise ArtifactError("TOC-426", "this is no model that can be exported", came=repr(model)[:80], todo="pass a fitted Pipeline")
    model.manifest()  # raises when it has not been fitted
    if model.detector_.tags.extra != "deep":
        name = model.facts_["detector"]
        raise ArtifactError("TOC-431", f"the detector {name!r} holds no network that could be made smaller", came=name,
                            todo="export it as it is (tocsin export); networks can be shrunk, such as autoencoder, conv and transformer")
    return model if threshold is None else model.with_threshold(threshold)


def _fresh(model: Pipeline, data: Dataset) -> Dataset:
    """``data``, unless it is what the model was fitted on: scores of training rows are too low to calibrate with."""
    digest = data.origin.digest
    if digest and digest == model.facts_["origin"]["digest"]:
        raise ConfigError("TOC-275", "these are the rows that the model was fitted on", came=data.origin.source[:120] or "the same digest",
                          todo="pass normal rows that it has not seen")
    return data


def _scorer(tools: _Tools, model: Pipeline) -> Any:
    """matrix (n, d), of a series (b, t, d) → score: the part of the graph between preparation and calibration."""
    graph, width = tools.graph.Graph(), int(model.detector_.width_)
    shape: list[int | str] = ["n"] if model.kind_ != "series" else ["b", "t"]
    matrix = graph.input("matrix", tools.graph.DOUBLE, [*shape, width])
    if model.kind_ == "series":
        score = tools.series.series_scorer(graph, matrix, model.detector_, tools.rows.row_scores)
    else:
        score = tools.rows.row_scores(graph, matrix, model.detector_)
    graph.output("score", score, tools.graph.DOUBLE, shape)
    return graph.model()


def _scored(session: Any, kind: str, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(n,) scores of rows, or of the segments of a series."""
    if kind != "series":
        return np.asarray(session.run(["score"], {"matrix": X})[0])
    return np.concatenate([session.run(["score"], {"matrix": X[None, start:end]})[0][0] for start, end in segments(groups)])


def _gate(halves: Halves, old: np.ndarray, new: np.ndarray) -> float:
    """The rank correlation of both scores on the rows that judge. Raises ArtifactError TOC-430 below the gate."""
    rows = halves.judging
    if not np.isfinite(new[rows]).all():
        raise _refused("scores that are not finite")
    rank = rank_correlation(old[rows], new[rows])
    if not rank >= RANK:
        raise _refused(f"rank correlation {rank:.4f}, at least {RANK} is needed")
    before, after = halves.auroc(old), halves.auroc(new)
    if before is not None and after is not None and before - after > AUROC:
        raise _refused(f"AUROC falls from {before:.4f} to {after:.4f}, by more than {AUROC}")
    return rank


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two scores (n,); 0 where one of them is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([1.0, 3.0, 4.0]))
    1.0
    """
    ranks = [rankdata(part) - (len(part) + 1) / 2 for part in (a, b)]
    size = float(np.sqrt(np.square(ranks[0]).sum() * np.square(ranks[1]).sum()))
    return float(ranks[0] @ ranks[1]) / size if size else 0.0


def _refused(how: str) -> ArtifactError:
    return ArtifactError("TOC-430", "in int8 the network no longer judges like the original; nothing was written", came=how,
                         todo="export it as it is (tocsin export); where activations were shrunk, too, leave them in float")


def _consistent(tools: _Tools, content: bytes, model: Pipeline) -> None:
    """Raises ArtifactError TOC-433 unless the whole small graph runs, with p-values and decisions that fit its scores."""
    feeds, session = _trial(tools, model, 50), tools.int8.start(content)
    score, p, odd = (np.asarray(part).ravel() for part in session.run(["score", "p_value", "is_anomaly"], feeds))
    wanted = model.calibrator_.transform(score) if np.isfinite(score).all() else np.full(len(score), np.nan)
    if not np.allclose(p, wanted, rtol=1e-6, atol=0) or ((p <= model.threshold_.value) != odd).any():
        raise ArtifactError("TOC-433", "the graph in int8 does not give the p-values of its scores; nothing was written",
                            came=f"{int((~np.isclose(p, wanted, rtol=1e-6, atol=0)).sum())} of {len(p)} differ", todo="report a bug")


def _trial(tools: _Tools, model: Pipeline, n: int) -> dict[str, np.ndarray]:
    if model.kind_ == "series":
        feeds: dict[str, np.ndarray] = tools.trial.windows_of(model, n, int(model.detector_.params().get("window") or 1)).feeds
        return feeds
    rows: dict[str, np.ndarray] = tools.trial.rows_of(model, n).feeds
    return rows


def _latencies(tools: _Tools, contents: tuple[bytes, bytes], model: Pipeline) -> list[tuple[float, float]]:
    """p50 and p99 in milliseconds of one row, or one window, through each file; calls take turns in bursts."""
    feeds = _trial(tools, model, 1)
    sessions = [tools.int8.start(content) for content in contents]
    taken: list[list[float]] = [[], []]
    for turn in range(_RUNS // _BURST + 1):
        for session, times in zip(sessions, taken):
            for _ in range(_BURST):
                start = time.perf_counter()
                session.run(None, feeds)
                times += [time.perf_counter() - start] * (turn > 0)  # the first burst warms up
    return [(float(np.percentile(times, 50)) * 1e3, float(np.percentile(times, 99)) * 1e3) for times in taken]
