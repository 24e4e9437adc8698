"""What a worker does for each kind of job: learn from a file, learn again with what people said, judge a file."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from tocsin.core.errors import ServiceError
from tocsin.deep.callbacks import Callback, Plan, listening
from tocsin.delivery.registry import Registry, Version
from tocsin.delivery.sign import SigningKey
from tocsin.interfaces.server.desk.uploads import Uploads
from tocsin.interfaces.server.jobs.queue import Queue, Taken
from tocsin.monitoring.journal import Journal
from tocsin.store.engine import Store

_WARM = ("tocsin.flows.release", "tocsin.flows.watch", "tocsin.detectors.knn", "tocsin.detectors.windows")
_LEARNING = 0.6  # of the whole: how far the passes of a network may move the bar


class Cancelled(Exception):
    """Somebody asked for the end of the job."""


class Lost(Exception):
    """The job belongs to another worker by now."""


class Hand(Protocol):
    """What the work reports to: how far it is, and where it may be stopped."""

    @property
    def share(self) -> float: ...
    @property
    def sentence(self) -> str: ...

    def __call__(self, share: float, sentence: str) -> None: ...
    def seal(self) -> None: ...


@dataclass(frozen=True)
class Bench:
    """The parts of the place that work is done with."""

    store: Store
    registry: Registry
    uploads: Uploads
    queue: Queue

    @classmethod
    def open(cls, store: Store) -> Bench:
        """The bench of an open store, with the key that signs what is made there."""
        return cls(store, Registry(store, SigningKey.load_or_create(store.folder)), Uploads(store), Queue(store))


def warm() -> None:
    """Import what the usual job needs, so that the first one does not wait for it. A part that is not installed is met, with its words,
    by the job that needs it."""
    for name in _WARM:
        try:
            importlib.import_module(name)
        except ImportError as error:
            if (error.name or "").startswith("tocsin"):
                raise


def mark(job: Taken) -> str:
    """What a version's ``why`` ends with when this job made it: a job that is taken again finds what it has already made."""
    return f"(job {job.id[:12]})"


def do(bench: Bench, job: Taken, hand: Hand) -> dict[str, Any]:
    """Do the job; returns its result. Raises stated errors, Cancelled and Lost."""
    kinds: dict[str, Callable[[Bench, Taken, Hand], dict[str, Any]]] = {"fit": _fit, "retrain": _retrain, "judge": _judge}
    if job.kind not in kinds:
        raise ServiceError("TOC-644", "there is no such kind of job", came=repr(job.kind)[:40], todo="use the service that wrote it")
    with _listening(hand):
        return kinds[job.kind](bench, job, hand)


def _fit(bench: Bench, job: Taken, hand: Hand) -> dict[str, Any]:
    from tocsin.flows import release

    registry = _Once(bench, job, hand)
    if registry.made is not None and (batch := _written(bench, registry.made)) is not None:
        return _result(registry.made, batch, hand)  # only the last word was missing
    with bench.uploads.at_hand(job.settings["upload"]) as path:
        version = release.train(bench.store, cast(Registry, registry), job.model, path, job.settings, by=job.by, why=registry.why,
                                progress=hand)
    return _result(version, _written(bench, version), hand)


def _retrain(bench: Bench, job: Taken, hand: Hand) -> dict[str, Any]:
    from tocsin.flows import release

    registry = _Once(bench, job, hand)
    version = registry.made or release.retrain(bench.store, cast(Registry, registry), job.model, by=job.by, why=registry.why, progress=hand)
    return _result(version, None, hand)


def _judge(bench: Bench, job: Taken, hand: Hand) -> dict[str, Any]:
    from tocsin.flows import watch
    from tocsin.flows.heed import heeded
    from tocsin.flows.train import dataset

    version = bench.registry.version(job.model)
    model = heeded(Journal(bench.store), job.model, bench.registry.load(job.model, version.number))
    row = bench.uploads.row(job.settings["upload"])
    hand(0.05, f"Reading {row['name']}")
    with bench.uploads.at_hand(job.settings["upload"]) as path:
        data = dataset(str(path), kind=model.kind_, schema=model.schema_)
    hand(0.3, f"Judging {len(data):,} rows")
    hand.seal()
    judged = watch.judge(bench.store, job.model, version.number, model, data, source=row["name"], keep_trace=True, batch=job.id)
    odd = int(judged.found.is_anomaly.sum())
    hand(1.0, f"{odd:,} of {len(data):,} rows are odd.")
    return {"number": version.number, "batch": judged.batch, "rows": len(data), "alarms": odd, "sentence": hand.sentence}


class _Once:
    """A registry in which this job makes one version, however often it is taken: ``add`` gives back what an earlier taking has added.

    Adding is also where the job can no longer be cancelled: up to here nothing was made, from here on the version is.
    """

    def __init__(self, bench: Bench, job: Taken, hand: Hand) -> None:
        self.registry, self.hand = bench.registry, hand
        self.why = f"{job.why} {mark(job)}".strip()
        self.made = self._earlier(job) if job.tries > 1 else None
        if job.tries > 1 and self.made is None:
            bench.queue.unseal(job)

    def add(self, name: str, model: Any, **words: Any) -> Version:
        self.hand.seal()
        return self.made if self.made is not None else self.registry.add(name, model, **words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.registry, name)

    def _earlier(self, job: Taken) -> Version | None:
        try:
            versions = self.registry.versions(job.model)
        except ServiceError as error:
            if error.code != "TOC-621":
                raise
            return None
        return next((version for version in versions if version.why.endswith(mark(job))), None)


def _written(bench: Bench, version: Version) -> dict[str, Any] | None:
    """The batch in which the version's own file was written down."""
    found = [batch for batch in Journal(bench.store).batches(version.model, limit=1000)
             if batch["number"] == version.number and batch["trace"] is not None]
    return found[-1] if found else None


def _result(version: Version, batch: dict[str, Any] | None, hand: Hand) -> dict[str, Any]:
    told = {} if batch is None else {"batch": batch["id"], "rows": batch["rows"], "alarms": batch["alarms"]}
    sentence = hand.sentence if hand.share >= 1.0 else f"Version {version.number} is ready."
    return {"number": version.number, "digest": version.digest, **told, "sentence": sentence}


def _listening(hand: Hand) -> AbstractContextManager[Callback]:
    """A training network tells its passes: they move the bar, and each is a moment at which the job can be stopped."""
    return listening(_Passes(hand))


class _Passes(Callback):
    def __init__(self, hand: Hand) -> None:
        self.hand, self.start, self.epochs = hand, 0.0, 1

    def on_start(self, plan: Plan) -> None:
        """A network begins to learn."""
        self.start, self.epochs = self.hand.share, plan.epochs
        self.hand(self.start, f"Learning what is normal: pass 1 of at most {plan.epochs}")

    def on_epoch(self, record: dict[str, Any]) -> None:
        """It has seen the data once more."""
        done = int(record["epoch"])
        room = max(0.0, _LEARNING - self.start) / 2  # a second fit on the same data has room left
        self.hand(self.start + room * done / self.epochs, f"Learning what is normal: pass {done} of at most {self.epochs}")
