"""Tune: a table or a series in, the fitted pipeline with searched settings out, and what the search found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from tocsin.core import catalog
from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Kind
from tocsin.data import digest
from tocsin.data.folds import SplitKind
from tocsin.evaluation.objective import LabelFree, Labelled, Objective, thinned
from tocsin.evaluation.spaces import check_used, nested, space
from tocsin.flows.train import compose, dataset
from tocsin.pipeline import items
from tocsin.pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from tocsin.evaluation.search import Outcome, Trial

_USUAL = {"table": ("knn",), "series": ("windows",)}
_LEAN = 1 / 3  # of the noise: a gain that labels lean to
_MOST = 5_000  # rows that candidates are judged on; the model learns from all


@dataclass(frozen=True)
class Tuned:
    """What :func:`tune` returns: ``model``, the pipeline fitted on all rows; ``detector`` and ``settings`` it was made with ({}: the
    defaults); ``objective`` in words; ``found``, the search itself with all its trials."""

    model: Pipeline
    detector: str
    settings: dict[str, Any]
    objective: str
    found: Outcome

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        found = self.found
        return {"detector": self.detector, "settings": self.settings, "objective": self.objective, "preferred": found.preferred,
                "gain": found.gain, "noise": found.noise, "seconds": found.seconds, "default": found.default.to_dict(),
                "best": found.best.to_dict(), "trials": [trial.to_dict() for trial in found.trials]}


def tune(data: Any, detector: str | Sequence[str] | None = None, *, space: Sequence[str] = (), budget: float | None = 60.0,
         trials: int | None = None, objective: Literal["auto", "label-free", "labelled"] = "auto", figure: str = "average_precision",
         split: SplitKind | None = None, folds: int | None = None, repeats: int = 1, study: str | Path | None = None,
         take: Literal["auto", "sure", "best"] = "auto", rows: int = _MOST, kind: Kind | None = None, label: str | None = None,
         time: str | None = None, group: str | None = None, read_options: dict[str, Any] | None = None,
         progress: Callable[[Trial, float], None] | None = None, **setup: Any) -> Tuned:
    """Search settings of one detector or several, and fit the pipeline with what was found on all rows.

    With labels the objective is a ranking figure by cross-validation (``Labelled``); without, how well held-out rows are told from made
    anomalies (``LabelFree``): weak evidence on settings, worth nothing on average when the default is good, and none on which detector to
    take. Whatever comes out is compared with the default of the first detector, fold by fold, and with labels anomaly by anomaly:
    ``found.preferred`` says whether the gain is more than noise. ``take="sure"`` keeps the default unless it is, "best" takes the best
    anyway; "auto" is "sure" without labels, and with labels a third of the noise suffices, about one standard error. On 12 ADBench sets
    with a fifth of the anomalies labelled no gain of ``knn`` was more than the noise, and yet the best was better on 10 of the 11 where it
    differed; "auto" took 8 of them, worth 0.4 AUROC and 0.8 average precision on the mean of all 12. A network's settings chosen by three
    anomalies could lose 19 AUROC, with a gain of a twentieth of the noise: that is what the third is for.

    detector    a catalog name or several; None: nearest neighbours for a table, windows of them for a series
    space       what to try, as text: "k=1..50", "hidden=16,32,64", "lr=1e-4..1e-2 log", "knn.k=1..9"; nothing: what is usual
    budget      seconds to search; fitting the result on all rows comes on top. ``trials``: at most so many candidates
    objective   "auto": labelled when there are anomalies among the labels. ``figure``: "average_precision", "auroc", "precision_at_n"; of a
                series also "vus_pr", "vus_roc"
    split       see ``tocsin.data.folds.splits``; ``folds`` None: 5 with labels, 3 without
    study       a file to keep the trials in; calling again with the same file and the same data goes on
    rows        candidates are judged on at most so many rows
    setup       the other settings of the pipeline, see ``Setup``: threshold, scale, seed, training, ...

    Raises what :func:`tocsin.fit` raises, and DataError TOC-109, TOC-170, TOC-188, TOC-189; ConfigError TOC-226 to TOC-233 and TOC-269;
    MissingExtra TOC-501 without Optuna.

    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(200, 3))
    >>> tuned = tune(rows, "knn", space=["k=1,5,20"], budget=None, trials=3)
    >>> tuned.detector, len(tuned.found.trials), tuned.found.best.value >= tuned.found.default.value
    ('knn', 3, True)
    """
    from tocsin.evaluation.search import search

    data = dataset(data, kind=kind, label=label, time=time, group=group, **(read_options or {}))
    items.refuse(data.kind, "tuned")
    if take not in ("auto", "sure", "best"):
        raise ConfigError("TOC-202", "which settings to take is not known", came=repr(take)[:80], todo="use auto, sure or best")
    seed = int(setup.get("seed", 0))
    spaces = _spaces(data, detector, space)
    judged = thinned(data, rows, seed)
    how: Objective = _objective(judged, objective, {"split": split, "repeats": repeats, "seed": seed}, folds, figure, tuple(spaces))
    about = {"data": _digest(judged), "setup": repr(sorted(setup.items()))}

    def make(name: str, params: dict[str, Any]) -> Pipeline:
        return compose(judged, name, **_with(setup, params))

    found = search(make, how, spaces, budget=budget, trials=trials, study=study, about=about, seed=seed, progress=progress)
    leans = isinstance(how, Labelled) and found.noise is not None and found.gain > _LEAN * found.noise
    best = take == "best" or (take == "auto" and leans)
    chosen = found.best if best else found.chosen
    model = compose(data, chosen.detector, **_with(setup, nested(chosen.settings))).fit(data)
    return Tuned(model, chosen.detector, chosen.settings, how.name if how.name == "label-free" else figure, found)


def _spaces(data: Dataset, detector: str | Sequence[str] | None, given: Sequence[str]) -> dict[str, Any]:
    given = (given,) if isinstance(given, str) else tuple(given)
    chosen = _USUAL.get(data.kind, ()) if detector is None else (detector,) if isinstance(detector, str) else tuple(detector)
    if "auto" in chosen:
        raise ConfigError("TOC-233", "'auto' has nothing to tune: it chooses by itself", came="auto",
                          todo="name one detector or several, or leave the detector out")
    check_used(chosen, given)
    return {name: space(name, given) for name in dict.fromkeys(chosen)}


def _objective(data: Dataset, asked: str, common: dict[str, Any], folds: int | None, figure: str, detectors: Sequence[str]) -> Objective:
    if asked not in ("auto", "label-free", "labelled"):
        raise ConfigError("TOC-231", "there is no such objective", came=repr(asked)[:80], todo="use auto, label-free or labelled")
    some = data.y is not None and bool(data.y.any())
    if asked == "labelled" or (asked == "auto" and some):
        shared = not any(catalog.card(name).tags.supervised for name in detectors)
        return Labelled(data, figure=figure, folds=folds or 5, shared=shared, **common)
    return LabelFree(data, folds=folds or 3, **common)


def _with(setup: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """``setup`` with ``params`` of a candidate over its own."""
    given = dict(setup.get("params") or {})
    training = setup.get("training")
    if "training" in params and training is not None:  # both name settings of the training: one object
        return {**setup, "training": training.with_(**params["training"]),
                "params": {**given, **{name: value for name, value in params.items() if name != "training"}}}
    both = {**given.get("training", {}), **params["training"]} if "training" in params and isinstance(given.get("training"), dict) else None
    return {**setup, "params": {**given, **params, **({} if both is None else {"training": both})}}


def _digest(data: Dataset) -> str:
    own = digest.of_table(data.X) if isinstance(data.X, pa.Table) else digest.of_array(data.X)
    return digest.together([own, "" if data.y is None else digest.of_array(data.y)]) if data.y is not None else own
