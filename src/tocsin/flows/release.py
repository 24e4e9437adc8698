"""Release: from a file to a registered version; from what people said to a candidate; from a moved threshold to a version."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ServiceError, StateError
from tocsin.core.types import Dataset, Detections
from tocsin.delivery.registry import Registry, Version
from tocsin.flows import labelled
from tocsin.flows.rule import written
from tocsin.flows.train import compose, dataset
from tocsin.flows.watch import explained, record
from tocsin.monitoring.journal import Journal
from tocsin.monitoring.trace import trace_of
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store

Progress = Callable[[float, str], None]  # (0 to 1, what is being done)


def train(store: Store, registry: Registry, name: str, upload_path: str | Path, settings: dict[str, Any], *, by: str, why: str,
          progress: Progress) -> Version:
    """Read the file, fit, register the next version of ``name``; the first one goes live. Then write down what the model says of the
    file itself, with a chart's trace.

    The file's rows are judged by detectors that have not seen them (cross-fitting, one pass for fit and judgement). Two exceptions, where
    that would cost several fits or let labels leak: a network on a clean file, and a file with labelled anomalies; those are fitted
    once, and rows that were learned from look a little more normal than they are.

    settings   {"detector", "threshold", "clean", "kind", "time", "label", "group", "id", "upload": digest, "filename"}; a missing
               entry is its default. The file is kept in the store when ``upload`` does not name it

    Nothing is registered before all is ready, so a killed run leaves nothing behind; started again, it starts over. Raises DataError and
    ConfigError of reading and fitting, ServiceError of registry and store: TOC-626, before anything is learned, for a file with other
    columns than the newest version's.
    """
    progress(0.0, "Reading the file")
    settings = _kept_upload(store, Path(upload_path), settings)
    data = _read(store, settings)
    registry.check(name, data.kind, data.schema.to_dict())
    progress(0.1, f"Learning what is normal in {len(data):,} rows")
    model, found = _fit(data, settings)
    progress(0.75, "Keeping the new version")
    _line(registry, name, data, settings, by)
    version = registry.add(name, model, by=by, why=why, data=settings["upload"])
    if registry.model(name)["live"] is None:
        version = registry.promote(name, version.number, by=by, why=why or "the first version")
    progress(0.8, "Writing down what was found in the file itself")
    own = found is not None
    found = model.detect(data) if found is None else found
    reasons = model.explain(data, explained(found), found=found) if found.is_anomaly.any() else None
    record(store, name, version.number, model, data, found, reasons, source=settings.get("filename") or "the training file",
           seconds=model.facts_["seconds"], trace=trace_of(data, found, model, own=own, reasons=reasons), watched=False)
    progress(1.0, _summary(found, version))
    return version


def retrain(store: Store, registry: Registry, name: str, *, by: str, why: str, progress: Progress) -> Version:
    """A candidate from the stored training file and what people said of rows since; it is not promoted.

    A row called a false alarm becomes a normal training row, given as often as it takes for the model not to raise it again; a row called
    an anomaly is kept out of what is learned, or teaches a detector that uses labels, as "auto" does on a table with any.
    ``facts["learned"]`` counts both. Equal file and labels give an equal model. The live version's decision rule is taken over, also
    where it was moved since the training.
    Raises StateError TOC-351 when the training file was not kept, ServiceError TOC-621.
    """
    progress(0.0, "Reading the training file")
    line, source, digest = learned_from(registry, name)
    settings = {**line["settings"], "upload": digest}
    rule = written(source.facts.get("threshold") or {}) if source is not None else ""
    if rule:
        settings["threshold"] = rule
    data, journal = _read(store, settings), Journal(store)
    newest = journal.newest_label(name)
    progress(0.1, "Putting in what people said")
    # the detector as it is, window and neighbours included: only what people said shall make the difference
    detector = None if source is None else catalog.make(source.facts["detector"], **source.facts["params"])
    words = labelled.gather(journal, name, data, 1 if detector is None else int(detector.params().get("window") or 1))
    if settings.get("detector") in (None, "auto") and data.kind == "table" and (words.y.any() or words.odd):
        detector = None  # "auto" is another one as soon as an anomaly is known
    model, learned = labelled.fit(data, words, lambda rows: _compose(rows, settings, detector), progress)
    model.facts_ = {**model.facts_, "learned": {**learned, "newest": newest}}
    progress(0.95, "Keeping the candidate")
    version = registry.add(name, model, by=by, why=why, data=digest)
    kept = f" It decides as version {source.number} does: {rule}." if rule and source is not None else ""
    lost = learned["not_raised"]
    kept += f" {lost} of the rows that were called odd are not raised: too many normal rows are like them." if lost else ""
    progress(1.0, f"Version {version.number} is ready to be compared and promoted.{kept}")
    return version


def learned_from(registry: Registry, name: str) -> tuple[dict[str, Any], Version | None, str]:
    """(the line, the version to begin from: the live one, else the newest, the digest of the rows that it was trained on).

    Raises StateError TOC-351 when the rows were not kept, ServiceError TOC-621.
    """
    line = registry.model(name)
    source = begun_from(registry, line)
    digest = source.data if source is not None and source.data else line["settings"].get("upload")
    if not digest:
        raise StateError("TOC-351", "the rows that this model was trained on were not kept", came=name,
                         todo=f"train a new version from a file: POST /api/v1/detectors/{name}/versions, or `tocsin models add`")
    return line, source, digest


def begun_from(registry: Registry, line: dict[str, Any]) -> Version | None:
    """The live version of a line, else its newest; None without any."""
    return registry.version(line["name"]) if line["live"] is not None else next(iter(registry.versions(line["name"])), None)


def rethreshold(store: Store, registry: Registry, name: str, threshold: str, *, by: str, why: str) -> Version:
    """The live version with another decision rule, as a new version that goes live; a rollback brings the old rule back.

    Nothing is fitted again. Raises ConfigError TOC-241, TOC-242, ServiceError TOC-621, TOC-623.
    """
    live = registry.version(name)
    model = registry.load(name, live.number).with_threshold(threshold)
    made = registry.add(name, model, by=by, why=why or f"threshold {threshold}", data=live.data)
    return registry.promote(name, made.number, by=by, why=why or f"threshold {threshold}", expect=live.number)


def _kept_upload(store: Store, path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    digest = settings.get("upload") or store.files.put_file(path)[0]
    return {**settings, "upload": digest, "filename": settings.get("filename") or path.name}


def _read(store: Store, settings: dict[str, Any]) -> Dataset:
    roles = {role: settings.get(role) for role in ("kind", "time", "label", "group", "id")}
    with under_its_name(store.files.path(settings["upload"]), settings.get("filename", "")) as path:
        data = dataset(str(path), **roles)
    return replace(data, origin=replace(data.origin, source=Path(settings.get("filename", "")).name))


@contextlib.contextmanager
def under_its_name(stored: Path, filename: str) -> Iterator[Path]:
    """The stored file under a name with its ending, which tells how to read it; the rest of the name is ours."""
    endings = "".join(Path(filename).suffixes[-2:]) if filename.lower().endswith(".gz") else Path(filename).suffix
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{endings.lower() or '.csv'}"
        path.symlink_to(stored.resolve())
        yield path


def _compose(data: Dataset, settings: dict[str, Any], detector: Detector | None = None) -> Pipeline:
    return compose(data, detector or settings.get("detector") or "auto", clean=bool(settings.get("clean", False)),
                   threshold=settings.get("threshold") or "false_alarm_rate=0.01")


def _fit(data: Dataset, settings: dict[str, Any]) -> tuple[Pipeline, Detections | None]:
    """The fitted model, and what it says of its own rows where they were judged unseen."""
    model = _compose(data, settings)
    labelled_ones = data.y is not None and bool(data.y.any())
    costly = bool(settings.get("clean", False)) and catalog.card(catalog.name_of(model.detector)).tags.slow_fit
    if labelled_ones or costly:
        return model.fit(data), None
    return model, model.fit_detect(data)


def _line(registry: Registry, name: str, data: Dataset, settings: dict[str, Any], by: str) -> None:
    """The line of versions, begun now when nobody has."""
    try:
        registry.model(name)
    except ServiceError as error:
        if error.code != "TOC-621":
            raise
        registry.create(name, data.kind, settings, by=by)


def _summary(found: Detections, version: Version) -> str:
    odd = int(np.count_nonzero(found.is_anomaly))
    return f"Version {version.number} is ready. It finds {odd:,} of the file's {len(found):,} rows odd."
