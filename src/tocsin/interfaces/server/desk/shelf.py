"""The models at hand: which version is live now, loaded once, and one judging thread for each that is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from tocsin.delivery.registry import Registry, Version
from tocsin.flows.heed import heeded
from tocsin.interfaces.server.batching import Judge, Lane
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.pipeline import Pipeline

_FRESH = 1.0  # seconds that a look at the registry holds; a move within this process is seen at once


@dataclass(frozen=True)
class Held:
    """A loaded version."""

    name: str
    number: int
    digest: str
    model: Pipeline
    judge: Judge
    lane: Lane
    facts: dict[str, Any]
    said: int = 0  # the number of the last answer that the model heeds


class Shelf:
    """Loaded models, the ``most`` that were used last. A file is checked against its digest, and its signature, when it is loaded.

    A model of a table heeds what people said of its rows since it was trained: from the next request on where it was said in this process,
    within a second where it was another.

    heard   called with (held, dataset, detections, seconds) after every judged batch; what it returns is given to the requests
    """

    def __init__(self, registry: Registry, heard: Callable[..., Any] | None = None, *, most: int = 8, wait: float = 0.001) -> None:
        self.registry, self.heard, self.most, self.wait = registry, heard, most, wait
        self._held: OrderedDict[tuple[str, int], Held] = OrderedDict()
        self._live: dict[str, tuple[float, int]] = {}  # name → (when it was looked up, the number that was live)
        self._looking: dict[str, float] = {}  # name → the old look that somebody is replacing
        self.journal = Journal(registry.store)
        self._lock = threading.Lock()
        self._loading: dict[tuple[str, int], threading.Lock] = {}

    def at_hand(self, name: str) -> Held | None:
        """The live version when it is loaded and was looked up a moment ago: no database, no file, no waiting.

        When the look is old, one caller hears None and looks again; the others go on with what was seen until that one is back.
        """
        seen = self._live.get(name)
        if seen is None:
            return None
        age = monotonic() - seen[0]
        if age > _FRESH and (age > 2 * _FRESH or self._looking.get(name) != seen[0]):
            self._looking[name] = seen[0]
            return None
        return self._held.get((name, seen[1]))

    def get(self, name: str, which: int | None = None) -> Held:
        """A version, loaded; None is the live one. Raises ServiceError TOC-610, TOC-621 to TOC-623 and ArtifactError."""
        asked = monotonic()
        version = self.registry.version(name, which)
        if which is None:
            self._live[name] = (asked, version.number)
        key, said = (name, version.number), self.journal.newest_label(name)
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.said == said:
                self._held.move_to_end(key)
                return held
            gate = self._loading.setdefault(key, threading.Lock())
        with gate:  # two first requests load it once
            held = self._held.get(key)
            if held is None or held.said != said:
                held = self._load(version, said)
            with self._lock:
                self._held[key] = held
                self._loading.pop(key, None)
                while len(self._held) > self.most:
                    self._held.popitem(last=False)  # what is in line is still answered; its thread ends by itself
        return held

    def moved(self, name: str) -> None:
        """An alias of this model was moved here, or something was said of its rows: look again at the next request."""
        self._live.pop(name, None)

    def in_use(self) -> list[Held]:
        """The versions at hand that are live, as far as was last seen."""
        live = {name: seen[1] for name, seen in list(self._live.items())}
        return [held for held in list(self._held.values()) if live.get(held.name) == held.number]

    def stop(self) -> None:
        """End the judging threads; what is in line is answered first."""
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        for one in held:
            one.lane.stop()

    def counts(self) -> dict[str, int]:
        """Requests and the batches they became, of the models at hand."""
        lanes = [held.lane for held in list(self._held.values())]
        return {"requests": sum(lane.requests for lane in lanes), "batches": sum(lane.batches for lane in lanes)}

    def _load(self, version: Version, said: int) -> Held:
        model = heeded(self.journal, version.model, self.registry.load(version.model, version.number))
        judge = Judge(model)
        made: list[Held] = []

        def heard(*told: Any) -> Any:
            return None if self.heard is None else self.heard(made[0], *told)

        held = Held(version.model, version.number, version.digest, model, judge, Lane(judge, wait=self.wait, heard=heard), version.facts,
                    said)
        made.append(held)
        return held
