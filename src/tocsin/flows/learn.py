"""Learn further in a registry: the version that judges, a new file, and everything that was learned before; a candidate comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, StateError
from tocsin.core.types import Dataset
from tocsin.delivery.registry import Registry, Version
from tocsin.flows.continual import Learned, learn_on
from tocsin.flows.release import begun_from, learned_from, under_its_name
from tocsin.flows.replay import together
from tocsin.flows.train import dataset
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store


def learn(store: Store, registry: Registry, name: str, path: str | Path, *, by: str, why: str, replay: str | Path | None = None,
          accept_shift: bool = False, progress: Callable[[float, str], None] = lambda share, words: None) -> tuple[Version | None, Learned]:
    """A candidate from the live version (else the newest) and the rows of a new file; it is registered when it passed the gate, and never
    promoted. None instead of a version, and nothing written, when it did not.

    What is replayed are the rows that the version was trained on and those of every file learned since, as far as they were not left out;
    or the rows of ``replay``, for a model whose training rows were not kept. ``facts["continual"]`` of the new version tells where it
    came from, what was left out and what was measured.
    Raises StateError TOC-351 when there are no old rows, ConfigError TOC-236 when there is no version, those of reading and of
    :func:`tocsin.flows.continual.learn_on`, ServiceError TOC-621.
    """
    progress(0.0, "Reading the new file")
    line = registry.model(name)
    source = begun_from(registry, line)
    if source is None:
        raise ConfigError("TOC-236", "there is no version to learn further from", came=name,
                          todo="add one first: tocsin models add NAME FILE")
    model = registry.load(name, source.number)
    new = _named(dataset(str(path), kind=model.kind_, schema=model.schema_), Path(path).name)
    history = list(source.facts.get("continual", {}).get("learned", []))
    old = _old(store, registry, name, model, history, replay)
    progress(0.1, f"Learning from {len(new):,} new rows")
    learned = learn_on(model, new, replay=old, accept_shift=accept_shift)
    if not learned.accepted or learned.model is None:
        progress(1.0, "Not accepted; nothing was written.")
        return None, learned
    progress(0.9, "Keeping the candidate")
    digest = store.files.put_file(Path(path))[0]
    told = {**learned.model.facts_["continual"], "from_version": source.number,
            "learned": [*history, {"file": digest, "name": Path(path).name, "left_out": [list(run) for run in learned.left_out]}]}
    learned.model.facts_ = {**learned.model.facts_, "continual": told}
    rows = learned.rows["learned"]
    version = registry.add(name, learned.model, by=by, why=why or f"learned {rows:,} new rows", data=source.data)
    progress(1.0, f"Version {version.number} is ready to be compared and promoted.")
    return version, learned


def _old(store: Store, registry: Registry, name: str, model: Pipeline, history: list[dict[str, Any]],
         replay: str | Path | None) -> Dataset | None:
    if replay is not None:
        old = dataset(str(replay), kind=model.kind_, schema=model.schema_)
    else:
        try:
            line, _, digest = learned_from(registry, name)
        except StateError as error:
            if error.code == "TOC-351" and model.detector_.tags.online:
                return None  # it can go on without, and says so
            raise
        old = _kept(store, model, digest, line["settings"].get("filename", ""))
    for entry in history:
        rows = _kept(store, model, entry["file"], entry["name"])
        left = np.zeros(len(rows), dtype=bool)
        for start, end in entry["left_out"]:
            left[start:end] = True
        learned = [part for part in _unbroken(np.flatnonzero(~left)) if len(part)]
        old = together(old, [np.arange(len(old))], rows, learned)
    return old


def _unbroken(rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)


def _kept(store: Store, model: Pipeline, digest: str, filename: str) -> Dataset:
    with under_its_name(store.files.path(digest), filename) as path:
        return dataset(str(path), kind=model.kind_, schema=model.schema_)


def _named(data: Dataset, source: str) -> Dataset:
    return replace(data, origin=replace(data.origin, source=source))
