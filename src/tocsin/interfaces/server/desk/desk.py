"""The verbs of the service. Each is one call with plain values in and out; raised errors are stated ones."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select, update

from tocsin.core.errors import ConfigError, DataError, ServiceError
from tocsin.core.types import Dataset, Detections
from tocsin.flows import release, watch
from tocsin.interfaces.server.batching import Judged, Request
from tocsin.interfaces.server.desk import answers, bodies, sayings
from tocsin.interfaces.server.desk.remarks import remarks
from tocsin.interfaces.server.desk.scribe import Model, Scribe
from tocsin.interfaces.server.desk.settle import settle
from tocsin.interfaces.server.desk.shelf import Held, Shelf
from tocsin.interfaces.server.desk.uploads import Uploads
from tocsin.interfaces.server.desk.views import Views, version_view
from tocsin.interfaces.server.desk.wish import Wish, further
from tocsin.monitoring.monitor import Monitor
from tocsin.monitoring.notify import WEBHOOK, set_webhook
from tocsin.store import moment, tables

if TYPE_CHECKING:
    from tocsin.interfaces.server.place import Place

_EXPLAINED = 100  # rows of one call that get a reason
_LOOK = 5.0  # seconds between two looks of the monitor at one busy model
_SWEEP = 3600.0
_AT_HAND = 16  # models that are kept loaded


class Desk(Views):
    """Everything that can be done here, and (in :class:`Views`) everything that can be seen.

    Scoring goes through one judging thread per model, which joins requests; the journal is written beside it. ``close()`` writes down what
    is still in line; ``tick()`` is to be called every few seconds; ``trouble()`` says what is wrong inside, "" when nothing is.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.limits = place.limits
        self.stopping = place.stopping
        self.uploads = Uploads(place.store)
        self.scribe = Scribe(self._write)
        self.shelf = Shelf(place.registry, self._heard, most=_AT_HAND)
        self._looked: dict[str, float] = {}
        self._swept = float("-inf")
        self._settled = False

    # ---- making ----------------------------------------------------------------------------------------------------

    def upload(self, name: str, parts: Iterable[bytes], by: str) -> dict[str, Any]:
        """Keep a file and tell what is seen in it. Raises DataError as reading does, TOC-190."""
        return self.uploads.keep(name, parts, by)

    def seen(self, digest: str) -> dict[str, Any]:
        """What was seen in an upload. Raises ServiceError TOC-642."""
        return self.uploads.seen(digest)

    def create(self, body: dict[str, Any], by: str) -> dict[str, Any]:
        """Begin a new detector from an upload; returns the job that learns it. ``body`` as :class:`Wish`.

        A name whose first training came to nothing is free again. Raises ConfigError TOC-201 to TOC-252, ServiceError TOC-620, TOC-642.
        """
        wish = Wish.of(body)
        file = self.uploads.row(wish.upload)
        settings = wish.settings(_told(file))
        kind = wish.kind or self.uploads.seen(wish.upload)["kind"]
        try:
            self.place.registry.create(wish.name, kind, settings, by=by)
        except ServiceError as error:
            if error.code != "TOC-620" or not self._take_over(wish.name, kind, settings, by):
                raise
        return self.queue.add("fit", wish.name, settings, by=by, why=f"learned from {file['name']}")

    def judge_upload(self, name: str, upload: str, by: str) -> dict[str, Any]:
        """Begin to judge a whole file with the live version; returns the job. Raises ServiceError TOC-621, TOC-623, TOC-642."""
        self.place.registry.version(name)
        self.uploads.row(upload)
        return self.queue.add("judge", name, {"upload": upload}, by=by)

    def learn(self, name: str, body: dict[str, Any], by: str) -> dict[str, Any]:
        """Begin a further version from an upload, with the detector's own settings where ``body`` (upload, why, detector, threshold, clean)
        says nothing, and the live version's decision rule; the job makes a candidate that nobody uses before it is promoted.

        Raises ConfigError TOC-201 to TOC-242, ServiceError TOC-621, TOC-642; the job fails with TOC-626 when the file has other columns.
        """
        line = self.place.registry.model(name)
        file, seen = self.uploads.row(str(body.get("upload"))), self.uploads.seen(str(body.get("upload")))
        settings = further(line, release.begun_from(self.place.registry, line), seen, body).settings(_told(file))
        return self.queue.add("fit", name, settings, by=by, why=body.get("why") or f"learned from {file['name']}")

    def retrain(self, name: str, by: str, why: str = "") -> dict[str, Any]:
        """Begin to learn again, with what people said; the job makes a candidate that nobody uses before it is promoted.

        Raises ServiceError TOC-621, StateError TOC-351 when the rows it was trained on were not kept."""
        line, _, _ = release.learned_from(self.place.registry, name)
        return self.queue.add("retrain", name, line["settings"], by=by, why=why or "learned again with what people said")

    def cancel(self, job: str) -> dict[str, Any]:
        """Ask a job to end. Raises ServiceError TOC-640, TOC-645."""
        return self.queue.cancel(job)

    # ---- judging ---------------------------------------------------------------------------------------------------

    def score(self, name: str, rows: Any, *, explain: bool = False, by: str = "", which: int | None = None) -> dict[str, Any]:
        """Judge rows: a list of {column: value}, a mapping of columns, or the bytes of a csv. Waits for the answer.

        Raises DataError TOC-101 to TOC-192, ServiceError TOC-603, TOC-621 to TOC-623.
        """
        held = self.held(name, which)
        return self.answer(held, self.submit(held, self.rows(held, rows)).result(), explain=explain)

    def held(self, name: str, which: int | None = None) -> Held:
        """The version that judges: the live one when ``which`` is None."""
        found = self.shelf.at_hand(name) if which is None else None
        return found if found is not None else self.shelf.get(name, which)

    def rows(self, held: Held, rows: Any) -> Any:
        """What a lane takes: columns in the model's types where the cells are plain, else something for ``as_dataset``."""
        if isinstance(rows, (bytes, bytearray)):
            with self.uploads.body(bytes(rows), "csv") as path:
                data: Any = held.model.as_dataset(str(path))
        else:
            rows = bodies.rows_of({"columns": rows} if isinstance(rows, dict) else {"rows": rows})
            data = held.judge.columns(rows)
            if data is None:
                data = held.model.as_dataset(rows)
        count = len(data) if isinstance(data, Dataset) else data.n
        if count > self.limits.rows:
            raise ServiceError("TOC-603", "there are too many rows in one call", came=f"{count:,} rows",
                               todo=f"send at most {self.limits.rows:,} at a time, or upload the file and have it judged")
        return data

    def submit(self, held: Held, rows: Any) -> Future[Judged]:
        """Put prepared rows in line; returns at once."""
        return held.lane.submit(Request(rows))

    def answer(self, held: Held, judged: Judged, *, explain: bool = False) -> dict[str, Any]:
        """A judgement as it is told: {model, version, threshold, batch, rows, events?}."""
        reasons = None
        notes, order = remarks(held.model, judged)
        if explain and judged.found.is_anomaly.any():
            reasons = held.model.explain(judged.data, _worst(judged.found), found=judged.found)
        batch, first = judged.told or ("", 0)
        told = {"model": held.name, "version": held.number, "threshold": answers.threshold(judged.found), "batch": batch,
                "first_row": first + judged.start, "rows": answers.rows(judged.data, judged.found, reasons, order)}
        if notes:
            told["notes"] = notes
        return told if held.model.kind_ != "series" else {**told, "events": answers.events(judged.found, order)}

    def explain(self, name: str, rows: Any, *, by: str = "", which: int | None = None) -> dict[str, Any]:
        """Why each of the rows (the first hundred) scores as it does, flagged or not. Nothing is written down."""
        held = self.held(name, which)
        data = self.rows(held, rows)
        read = isinstance(data, Dataset)
        extra = () if read else data.extra
        data = data if read else held.judge.joined([data])
        found = held.judge.detect(data)
        why = held.model.explain(data, list(range(min(len(data), _EXPLAINED))), found=found)
        notes, order = remarks(held.model, Judged(data, found, extra=extra, read=read))
        told = {"model": held.name, "version": held.number, "threshold": answers.threshold(found),
                "rows": answers.rows(data, found, why, order)}
        return {**told, "notes": notes} if notes else told

    # ---- what people say -------------------------------------------------------------------------------------------

    def label(self, name: str, is_anomaly: bool, *, detection: int | None = None, cells: dict[str, Any] | None = None,
              row_time: str | None = None, by: str, why: str = "") -> dict[str, Any]:
        """Keep what a person says of a row; a model of a table heeds it from its next batch on.

        Raises ServiceError TOC-621, TOC-630, ConfigError TOC-286, DataError TOC-195."""
        self.place.registry.model(name)
        if cells is not None:
            sayings.check(cells, row_time, self.place.registry.versions(name))
        kept = self.place.journal.label(name, is_anomaly, detection=detection, cells=cells, time=row_time, by=by, why=why)
        self.shelf.moved(name)
        return kept

    def labels(self, name: str) -> list[dict[str, Any]]:
        """All that people said, the newest first. Raises ServiceError TOC-621."""
        self.place.registry.model(name)
        return self.place.journal.labels(name)

    # ---- versions --------------------------------------------------------------------------------------------------

    def promote(self, name: str, number: int, *, by: str, why: str = "", expect: int | None = None) -> dict[str, Any]:
        """Make a version live. Raises ServiceError TOC-621, TOC-622, TOC-625."""
        self.place.registry.promote(name, number, by=by, why=why, expect=expect)
        return self._moved(name)

    def rollback(self, name: str, *, by: str, why: str = "", expect: int | None = None) -> dict[str, Any]:
        """Make the version live that was live before. Raises ServiceError TOC-621, TOC-624, TOC-625."""
        self.place.registry.rollback(name, by=by, why=why, expect=expect)
        return self._moved(name)

    def rethreshold(self, name: str, threshold: str, *, by: str, why: str = "") -> dict[str, Any]:
        """Decide by another rule from now on: a new version that goes live. Raises ConfigError TOC-241, TOC-242, ServiceError TOC-623."""
        release.rethreshold(self.place.store, self.place.registry, name, threshold, by=by, why=why)
        return self._moved(name)

    # ---- incidents -------------------------------------------------------------------------------------------------

    def acknowledge(self, id: int, *, by: str, note: str = "") -> dict[str, Any]:
        """Somebody looks at it. Raises ServiceError TOC-631, StateError TOC-350."""
        self.place.incidents.acknowledge(id, by=by, note=note)
        return self.incident(id)

    def assign(self, id: int, owner: str, *, by: str, note: str = "") -> dict[str, Any]:
        """Give it to somebody. Raises ServiceError TOC-631, StateError TOC-350."""
        self.place.incidents.assign(id, owner, by=by, note=note)
        return self.incident(id)

    def resolve(self, id: int, *, by: str, note: str = "") -> dict[str, Any]:
        """It is over. Raises ServiceError TOC-631."""
        self.place.incidents.resolve(id, by=by, note=note)
        return self.incident(id)

    def note(self, id: int, *, by: str, note: str = "") -> dict[str, Any]:
        """Add a line to its timeline. Raises ServiceError TOC-631."""
        self.place.incidents.note(id, by=by, note=note)
        return self.incident(id)

    def mute(self, id: int, *, hours: float = 24.0, by: str, why: str = "", whole: bool = False) -> dict[str, Any]:
        """Raise nothing of this incident's key (``whole``: of its detector) for some hours.

        Raises ServiceError TOC-631, ConfigError TOC-288."""
        found = self.place.incidents.get(id)
        until = self.place.incidents.mute(found["model"], "" if whole else found["key"], hours, by, why)
        return {**self.incident(id), "muted": until}

    def set_webhook(self, url: str, secret: str | None = None, *, by: str = "") -> dict[str, Any]:
        """Where incidents are told; an empty address ends it. The secret is kept and never shown. Raises DataError TOC-193."""
        try:
            set_webhook(self.place.store, url or None, secret)
        except ConfigError as error:
            raise DataError("TOC-193", "this is no address that notices can be sent to", came=error.came, todo=error.todo) from error
        return {"url": url, "signed": bool(secret)}

    def webhook(self) -> dict[str, Any]:
        """Where incidents are told: {url, signed}; the secret is never shown."""
        with self.place.store.read() as base:
            found = base.execute(select(tables.setting.c.value).where(tables.setting.c.name == WEBHOOK)).scalar() or {}
        return {"url": found.get("url") or "", "signed": bool(found.get("secret"))}

    # ---- inside ----------------------------------------------------------------------------------------------------

    def preload(self, log: Any) -> None:
        """Load the live models, the busiest first, so that nobody's first call waits for it. What fails is logged, and told again to
        whoever asks for that model."""
        try:
            names = [line["name"] for line in self.place.registry.models() if line["live"] is not None]
            busy = self._counts(names)
            for name in sorted(names, key=lambda one: -busy.get(one, (0, 0))[0])[:_AT_HAND]:
                if self.stopping.is_set():
                    return
                self._preload(name, log)
        except Exception:
            log.exception("models not loaded ahead")

    def _preload(self, name: str, log: Any) -> None:
        try:
            self.shelf.get(name).judge.warm()
        except Exception:
            if not self.stopping.is_set():
                log.exception("model not loaded ahead", model=name)

    def tick(self) -> None:
        """What is to be done every few seconds: look after the models in use, and after what dead processes left."""
        if not self._settled:
            self._settled = True
            settle()
        self.queue.bury()
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            self.uploads.sweep()
        for held in self.shelf.in_use():
            Monitor(self.place.store).look(held.name, held.model, held.number)

    def trouble(self) -> str:
        """What is wrong inside, in a sentence; "" when nothing is."""
        if not self.scribe.ill:
            return ""
        return f"{self.scribe.waiting} judged rows wait to be written down, {self.scribe.lost} were lost: {self.scribe.error}"

    def close(self) -> None:
        """Answer what is in line, write down what was judged."""
        self.shelf.stop()
        self.scribe.stop()

    def _heard(self, held: Held, data: Dataset, found: Detections, seconds: float) -> tuple[str, int]:
        return self.scribe.add(held, data, found, source="api", seconds=seconds)

    def _write(self, held: Model, batch: str, data: Dataset, found: Detections, source: str, seconds: float) -> None:
        """In the scribe's thread: the journal, with reasons, and now and then a look of the monitor."""
        store = self.place.store
        reasons = held.model.explain(data, _worst(found), found=found) if found.is_anomaly.any() else None
        watch.record(store, held.name, held.number, held.model, data, found, reasons, source=source, seconds=seconds, batch=batch)
        if time.monotonic() - self._looked.get(held.name, -_LOOK) >= _LOOK:
            self._looked[held.name] = time.monotonic()
            Monitor(store).look(held.name, held.model, held.number)

    def _moved(self, name: str) -> dict[str, Any]:
        """What is live now: {live: VERSION, previous: number or None, model: MODEL_BRIEF}."""
        self.shelf.moved(name)
        line = self.place.registry.model(name)
        live = self.place.registry.version(name, line["live"])
        return {"live": version_view(live, line["previous"]), "previous": line["previous"], "model": self.brief(name)}

    def _take_over(self, name: str, kind: str, settings: dict[str, Any], by: str) -> bool:
        """Give a name that came to nothing (no version, no job) new settings; False when it is in use."""
        line = self.place.registry.model(name)
        if line["versions"] or name in self.queue.active():
            return False
        table = tables.model
        with self.place.store.begin() as base:
            base.execute(update(table).where(table.c.name == name).values(kind=kind, settings=settings, at=moment.now(), by=by))
        return True


def _worst(found: Detections) -> np.ndarray:
    """Positions of the flagged rows that get a reason, in order; of many, the worst."""
    rows = np.flatnonzero(found.is_anomaly)
    return rows if len(rows) <= _EXPLAINED else np.sort(rows[np.argsort(-found.score[rows], kind="stable")[:_EXPLAINED]])


def _told(file: dict[str, Any]) -> str:
    """The upload's name, ending as the file is to be read."""
    name, ending = str(file["name"]), str(file["ending"])
    return name if name.lower().endswith(f".{ending}") else f"{name}.{ending}"
