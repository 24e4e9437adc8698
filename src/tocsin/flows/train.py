"""Train: settings and data in, a fitted pipeline or its judgement out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from tocsin.core import catalog
from tocsin.core.config import Config, Training
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Detections, Kind
from tocsin.data.items import kind_of
from tocsin.data.read import read
from tocsin.decision.calibrate import Conformal
from tocsin.pipeline.intake import as_dataset
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.preparation import standard_steps

_MANY_LINES = 300  # from which one in a hundred can be counted
_FEWEST_CLEAN = 32  # rows
_FEWEST_SAID = 5  # labelled anomalies from which a text's meaning can be learned from


class Setup(Config):
    """How a pipeline is put together.

    detector    a catalog name, or "auto"; ``params`` are its constructor's
    threshold   "false_alarm_rate=0.01", "false_discovery=0.1", "contamination=0.05" or "cost=1:10"
    clean       the training rows are (nearly) all normal; False expects anomalies among them and trims the calibration scores; a number:
                so many rows at the start of a series are known to be normal, nothing is known of the others (``detector="auto"`` only)
    scale       "standard", "robust", "quantile", "log" or "none"; ``denoise`` "median" or "savgol" (series only)
    training    settings of networks, see Training
    covariates  columns of a series that explain and are not judged (a holiday, the temperature)
    calendar    the hour and the weekday explain, too
    missing     "ignore": a channel of a series may be absent when rows are judged; it then counts as missing
    augment     changes to pictures that keep their meaning ("flip_left_right", "noise", see ``tocsin.data.augment``): ``copies`` changed
                copies of each are learned from beside it
    """

    detector: str = "auto"
    params: dict[str, Any] = Field(default_factory=dict)
    threshold: str = "false_alarm_rate=0.01"
    clean: bool | int = True
    scale: str = "standard"
    denoise: str | None = None
    covariates: tuple[str, ...] = ()
    calendar: bool = False
    missing: Literal["error", "ignore"] = "error"
    augment: tuple[str, ...] = ()
    copies: int = Field(1, ge=1)
    training: Training | None = None
    seed: int = Field(0, ge=0)


def fit(train: Any, detector: str | Detector = "auto", *, kind: Kind | None = None, label: str | None = None, time: str | None = None,
        group: str | None = None, clean: bool | int = True, read_options: dict[str, Any] | None = None, **setup: Any) -> Pipeline:
    """Learn what is normal from a frame, an array or a file, and return the fitted Pipeline.

    ``detector="auto"``: distances to neighbours taken in several ways and fused, by ``robust_knn`` when anomalies may hide among the
    rows; on a series the fusion of complementary detectors, weighed on made anomalies (``model.detector_.report_`` tells which and why).
    ``label`` names a 0/1 column: rows labelled 1 teach ``guided_fusion``, the default of a table that has some, and the other detectors
    that use labels; for all others they are left out of training. ``clean=False`` says that anomalies may hide among the
    training rows.
    Further settings are those of :class:`Setup`.

    Raises DataError and ConfigError with a code of ``docs/errors.md``.

    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = fit(rows)
    >>> model.detect([[0.0, 0.1], [8.0, 8.0]]).is_anomaly.tolist()
    [False, True]
    """
    known = {"part": "train"} if (kind or kind_of(train)) == "images" else {}  # of a folder that holds both
    data = dataset(train, kind=kind, label=label, time=time, group=group, **{**known, **(read_options or {})})
    return compose(data, detector, clean=clean, **setup).fit(data)


def detect(data: Any, detector: str | Detector = "auto", *, kind: Kind | None = None, label: str | None = None, time: str | None = None,
           group: str | None = None, clean: bool | int = False, read_options: dict[str, Any] | None = None,
           **setup: Any) -> Detections:
    """Find what is odd in ``data`` by itself: every row is judged by a detector that was not fitted on it.

    Same settings as :func:`fit`; ``clean`` is False by default, and may be the number of rows at a series' start that are known to be
    normal: they are then used as a reference beside the series itself. When known normal data is at hand, ``fit`` on it and
    ``Pipeline.detect`` tell what a normal row's chance is; on a table they are always sharper.

    >>> found = detect([[0.1, 1.0], [0.2, 1.1], [0.1, 0.9], [0.2, 1.0], [0.1, 1.1]] * 20 + [[9.0, 1.0]])
    >>> int(found.top(1)[0])
    100
    """
    data = dataset(data, kind=kind, label=label, time=time, group=group, **(read_options or {}))
    return compose(replace(data, y=None), detector, clean=clean, **setup).fit_detect(data)


def dataset(data: Any, *, kind: Kind | None = None, **options: Any) -> Dataset:
    """Anything that can be read, as a Dataset; arrays take ``kind``, frames and files also the column roles."""
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(data, Dataset) or (not given and not isinstance(data, (str, dict))):
        return as_dataset(data, kind=kind)
    return read(data, kind=kind, **given)


def compose(data: Dataset, detector: str | Detector = "auto", **settings: Any) -> Pipeline:
    """The unfitted pipeline for ``data`` that the settings describe."""
    if not isinstance(detector, (str, Detector)):
        raise ConfigError("TOC-203", "this is no detector", came=repr(detector)[:80], todo="pass a name that `tocsin detectors` lists")
    setup = Setup(**settings, **({"detector": detector} if isinstance(detector, str) else {}))
    counted = not isinstance(setup.clean, bool)
    if counted and (data.kind != "series" or detector != "auto" or not _FEWEST_CLEAN <= setup.clean <= len(data)):
        raise ConfigError("TOC-210", "a number of rows known to be normal is for a series and detector='auto'",
                          came=f"clean={setup.clean}, {len(data)} rows of kind {data.kind!r}, detector={detector!r}"[:160],
                          todo=f"pass clean=True or False, or a number from {_FEWEST_CLEAN} to the number of rows")
    chosen = detector if isinstance(detector, Detector) else _make(setup, data)
    steps = standard_steps(data.kind, data.schema, denoise=setup.denoise, scale=setup.scale, covariates=setup.covariates,
                           calendar=setup.calendar, missing=setup.missing, augment=setup.augment, copies=setup.copies)
    # Lines of a log score alike in their hundreds: beyond the last of them there is no smooth tail to go on with.
    tail: Literal["pareto", "none"] = "none" if data.kind == "logs" and len(data) >= _MANY_LINES else "pareto"
    return Pipeline(chosen, steps, Conformal(trim=counted or not setup.clean, tail=tail), setup.threshold, seed=setup.seed)


def _make(setup: Setup, data: Dataset) -> Detector:
    name = catalog.resolve(setup.detector, data.kind)
    if name == "auto":
        name = automatic(data, clean=bool(setup.clean))
        if not isinstance(setup.clean, bool):
            setup = setup.with_(params={"clean": setup.clean, **setup.params})
    known = catalog.load(name).parameters()
    extra: dict[str, Any] = {}
    if setup.training is not None:
        if "training" not in known:
            raise ConfigError("TOC-293", f"{name!r} trains no network and takes no training settings", came=repr(setup.training)[:120],
                              todo="leave training out, or choose one of the detectors with a network: tocsin detectors")
        extra["training"] = setup.training
    if "seed" in known and "seed" not in setup.params:
        extra["seed"] = setup.seed
    elif "training" in known and "training" not in setup.params and setup.training is None:
        extra["training"] = Training(seed=setup.seed)
    return catalog.make(name, **{**extra, **setup.params})


def automatic(data: Dataset, *, clean: bool) -> str:
    """The catalog name that "auto" stands for. On a series the fusion of complementary detectors; on a table, where anomalies are labelled,
    the one that learns from them, else the fusion of neighbour distances, or, where the training rows may hold anomalies, neighbours in the
    dense part of them. Of images, texts and logs the fusion of their own detectors; of
    texts with some labelled anomalies the one that learns from them."""
    if data.kind == "texts" and data.y is not None and _FEWEST_SAID <= int(data.y.sum()) < len(data):
        return "texts.guided"
    if data.kind in ITEMS:
        return f"{data.kind}.fusion"
    if data.kind == "series":
        return "fusion"
    if data.y is not None and data.y.any() and not data.y.all():
        return "guided_fusion"
    return "neighbour_fusion" if clean else "robust_knn"
