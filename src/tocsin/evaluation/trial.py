"""One run: one method, one set, one protocol, one seed. Plain values in, plain values out."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from tocsin.core.errors import TocsinError
from tocsin.evaluation import metrics
from tocsin.evaluation.methods import make, parse
from tocsin.evaluation.ranges import vus
from tocsin.evaluation.sets import SUITES, Trial, load


def prepare(job: dict[str, Any]) -> None:
    """Import what the job needs, so that runs forked afterwards are timed warm. Failures are left to the run itself, which records them."""
    try:
        method = parse(job["method"])
        make(method, width=2, seed=0)
    except (ImportError, TocsinError, TypeError):
        pass  # the run meets the same failure and writes it into its row


def run(job: dict[str, Any]) -> dict[str, Any]:
    """The figures of ``job`` (suite, path, protocol, method, seed, cap); ``status`` is "ok", or says what went wrong."""
    trial = load(job["path"], job["suite"], job["protocol"], seed=job["seed"], cap=job["cap"])
    size = {"n": trial.n, "d": trial.d, "anomalies": trial.anomalies}
    try:
        score, seconds = _scored(job, trial)
    except Exception as error:  # the failure of a method is a result of the benchmark
        return {**size, "status": f"{type(error).__name__}: {error}".replace("\n", " ")[:200]}
    status = "ok"
    if not np.isfinite(score).all():
        status = f"ok, {int((~np.isfinite(score)).sum())} scores not finite"
        score = np.nan_to_num(score, nan=0.0, posinf=1e300, neginf=-1e300)
    return {**size, **seconds, **_figures(trial, score, SUITES[job["suite"]].form), "status": status}


def _scored(job: dict[str, Any], trial: Trial) -> tuple[np.ndarray, dict[str, float]]:
    method = make(parse(job["method"]), width=trial.d, seed=job["seed"])
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # one core a run, or the seconds of methods cannot be compared
    start, cpu = time.perf_counter(), time.process_time()
    method.fit(trial.train)
    middle, cpu_middle = time.perf_counter(), time.process_time()
    score = method.training_score() if trial.test is None else method.score(trial.test)
    end, cpu_end = time.perf_counter(), time.process_time()
    if score.shape != trial.y.shape:
        raise ValueError(f"{len(score)} scores for {len(trial.y)} rows")
    return score, {"fit_s": round(middle - start, 4), "score_s": round(end - middle, 4), "fit_cpu_s": round(cpu_middle - cpu, 4),
                   "score_cpu_s": round(cpu_end - cpu_middle, 4)}


def _figures(trial: Trial, score: np.ndarray, form: str) -> dict[str, float | None]:
    made: dict[str, float | None] = {"auroc": metrics.auroc(trial.y, score), "ap": metrics.average_precision(trial.y, score),
                                     "precision_at_n": metrics.precision_at_n(trial.y, score)}
    if form == "series" and trial.window is not None:
        volume = vus(trial.y, score, trial.window)
        made.update(vus_pr=volume.pr if volume else None, vus_roc=volume.roc if volume else None)
    return {name: None if value is None else round(value, 5) for name, value in made.items()}
