"""Wording, rarity, values, bursts and level of log lines as one score; for sessions their counts and order, too: the default for logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.state import Stateful, build
from tocsin.core.tags import Tags
from tocsin.core.types import Reason
from tocsin.decision.evidence import evidence, learn
from tocsin.memory.bursts import Bursts
from tocsin.memory.level import Level
from tocsin.memory.line_detector import LineDetector
from tocsin.memory.logbook import Look
from tocsin.memory.logtold import kind_told, nearest_told, value_told
from tocsin.memory.places import Places

LINES = "lines"
SESSIONS = ("sessions", "counts", "sequence")
"""Detectors of ``logs.`` that judge sessions as a whole; the first judges both counts and order."""
_USUAL = (LINES, "sessions")
BORNE_OUT = 2 / 3
"""Nats of a level, at most, for each nat of its template's rarity: a grave word that comes every night says little."""
ORDINARY = 3.0
"""Nats of a value's evidence that say nothing: among the many values of a log some are always a little odd."""
BESIDE = 4.0
"""Nats of the lines' evidence that say nothing where the session as a whole is judged."""


class Fusion(LineDetector):
    """Wording, rarity, values, bursts and level of log lines, summed in nats: the default for logs.

    Each line becomes a template (Drain). Its score is minus the logarithm of the density of known lines of such wording, a part for how few
    lines its template has, what its oddest value's evidence has above 3 nats, likewise that of a known kind that comes thicker than ever
    (its count in the last 50 lines), and its level: a nat a step from INFO to FATAL, but no more than twice what the rarity of so grave a
    level among the lines learned is worth, and two thirds of what its template's is. The level is a prior, not learned: systems that log
    alarms at low levels want ``severity=False``; it is never part of the wording.

    Where items are sessions of several lines, their counts of templates and the order of these (``logs.sessions``) and their lines' score
    (the mean of the worst line and of the three worst) become evidence by the scores of the training sessions, each judged as if unseen;
    the score is the evidence of the session as a whole and what its lines' evidence has above 4 nats. ``members`` names which of "lines",
    "sessions", "counts" and "sequence" are used in place of the first two.

    Lines of the same call count ``adapt`` of a line each once they have passed, so that a change of software does not alarm for ever.
    Works for lines whose wording comes from code, also unlabelled ones with some anomalies among them, which are rare by themselves. Long
    bursts in the training lines count as usual. At most ``most`` templates are remembered.
    Shapes: X (n,) of str, a line or the lines of a session. A line's score depends on it and on the earlier lines of the call.
    Raises ConfigError TOC-202 (``most`` below 1), TOC-209 (no such member), TOC-219 (``adapt`` not from 0 to 1).
    Source: templates, He et al. (2017, "Drain"); values by template, Du et al. (2017, "DeepLog"); kernel density, Parzen (1962); sums of
    evidence after Fisher.

    >>> log = [f"10:00:{i % 60:02d} INFO job {i} took {40 + i % 17} ms" for i in range(100)]
    >>> usual, slow, lost = Fusion().fit(log).anomaly_score(
    ...     ["10:01:07 INFO job 45 took 51 ms", "10:01:08 INFO job 46 took 9000 ms", "10:01:09 FATAL disk 3 lost"])
    >>> bool(slow > usual + 2), bool(lost > usual + 2)
    (True, True)
    """

    tags = Tags(modality="logs", min_rows=2, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                extra="logs")

    def __init__(self, severity: bool = True, adapt: float = 0.01, members: Sequence[str] | None = None, most: int = 5_000) -> None:
        self.severity, self.adapt, self.members, self.most = severity, adapt, members, most

    @classmethod
    def small(cls) -> Self:
        return cls(members=("lines", "counts"))

    # ---- lines ---------------------------------------------------------------------------------------------------------

    def _learn(self, look: Look) -> None:
        self.places_.learn(self.book_, look)
        self.level_.learn(look.severity)
        if self.single_:
            self.bursts_.learn(look)

    def _odd(self, look: Look, own: bool) -> np.ndarray:
        return np.asarray(sum(self._channels(look, own).values()))

    def _channels(self, look: Look, own: bool) -> dict[str, np.ndarray]:
        """What was looked at → (L,) nats."""
        made = {"wording": self.book_.strangeness(look, self.adapt, own),
                "values": np.maximum(self.places_.judge(self.book_, look, own).evidence - ORDINARY, 0.0)}
        if self.single_:
            made["burst"] = np.maximum(self.bursts_.judge(look) - ORDINARY, 0.0)
        if self.severity:
            made["level"] = np.minimum(self.level_.judge(look.severity), BORNE_OUT * self.book_.rarity(look, self.adapt, own))
        return made

    def _seen(self, look: Look) -> Any:
        return self._channels(look, False), self.places_.judge(self.book_, look), self.book_.likest(look)

    def _told(self, look: Look, line: int, seen: Any) -> str:
        channels, odd, alike = seen
        clauses = [value_told(self.book_, self.places_, look, line, int(odd.word[line]))] if channels["values"][line] > 0 else []
        if self.single_ and channels["burst"][line] > 0:
            clauses += [self.bursts_.told(look, line)]
        clauses += [kind_told(self.book_, look, line) + nearest_told(self.book_, look, line, alike)]
        clauses += [self.level_.told(float(look.severity[line]), self.book_.lines_)] if self.severity else []
        return "; ".join(clause for clause in clauses if clause)

    def _shares(self, line: int, seen: Any) -> tuple[tuple[str, float], ...]:
        made = {name: max(0.0, float(each[line])) for name, each in seen[0].items()}
        total = sum(made.values())
        return tuple((name, value / total) for name, value in made.items()) if total > 0 else ()

    # ---- items ---------------------------------------------------------------------------------------------------------

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        self.places_, self.level_, self.bursts_ = Places(), Level(), Bursts()
        self.single_ = bool(2 * sum("\n" in item for item in X) <= len(X))
        super()._fit(X, y, groups)
        self.learned_: dict[str, Any] = {}  # of single lines, nothing
        self._models: dict[str, Detector] = {}
        self._among: dict[str, np.ndarray] = {}
        if self.single_:
            return
        for name in self.members if self.members is not None else _USUAL:
            if name == LINES:
                self._among[name] = super()._own(X, groups)
            else:
                self._models[name] = catalog.make(f"logs.{name}")
                self._among[name] = self._models[name].fit_held_out(X)
            self.learned_[name] = learn(self._among[name])

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._fused(self._raw(X, groups)) if self.learned_ else super()._score(X, groups)

    def _raw(self, X: np.ndarray, groups: np.ndarray) -> dict[str, np.ndarray]:
        return {name: super(Fusion, self)._score(X, groups) if name == LINES else self._models[name].anomaly_score(X)
                for name in self.learned_}

    def _fused(self, raw: dict[str, np.ndarray]) -> np.ndarray:
        made = self._evidence(raw)
        whole = [each for name, each in made.items() if name != LINES]
        if not whole:
            return made[LINES]
        beside = np.maximum(made[LINES] - BESIDE, 0.0) if LINES in made else 0.0
        return np.asarray(np.mean(whole, axis=0) + beside)

    def _evidence(self, raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: evidence(raw[name], learned) for name, learned in self.learned_.items()}

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        if not self.learned_:
            return super()._own(X, groups)
        made, self._among = self._fused(self._among), {}
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> Sequence[Reason]:
        told = super()._reasons(X, groups)
        if not self.learned_:
            return told
        weights = np.array([np.maximum(each - BESIDE * (name == LINES and len(self.learned_) > 1), 0)
                            for name, each in self._evidence(self._raw(X, groups)).items()])
        others = {name: model.reasons(X) for name, model in self._models.items() if model.tags.gives_reasons}
        made = []
        for i, reason in enumerate(told):
            total = float(weights[:, i].sum())
            shares = tuple((name, float(w) / total) for name, w in zip(self.learned_, weights[:, i])) if total > 0 else ()
            worst_of = list(self.learned_)[int(weights[:, i].argmax())]
            first = others[worst_of][i] if worst_of in others else reason
            second = reason if first is not reason else None
            sentence = first.sentence if second is None else f"{first.sentence}; {second.sentence}"
            made.append(Reason(sentence, first.parts or reason.parts, first.near or reason.near, shares))
        return made

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        super()._update(X, groups)
        for model in self._models.values():
            if model.tags.online:
                model.update(X)

    def _check(self) -> None:
        at_least(self, most=1)
        self._check_adapt(self.adapt)
        unknown = [name for name in self.members or () if name not in (LINES, *SESSIONS)]
        if unknown or (self.members is not None and not len(self.members)):
            raise ConfigError("TOC-209", "the fusion has no such member", came=", ".join(map(repr, unknown)) or "no names",
                              todo=f"use some of: {', '.join(map(repr, (LINES, *SESSIONS)))}")

    # ---- state: the models are detectors of the catalog -----------------------------------------------------------------

    def _parts(self) -> dict[str, type[Stateful]]:
        return {**super()._parts(), "places_": Places, "level_": Level, "bursts_": Bursts}

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        if made:
            made["models_"] = {name: model.state() for name, model in self._models.items()}
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned:
            return  # the state of an unfitted detector
        models, members = learned.get("models_"), learned.get("learned_")
        if not isinstance(models, dict) or not isinstance(members, dict) or set(models) - set(SESSIONS) \
                or set(members) - {LINES, *models}:
            raise ArtifactError("TOC-410", "the state of Fusion is not of the expected form", came=repr(members)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned({name: value for name, value in learned.items() if name != "models_"})
        self._models = {name: build(catalog.load(f"logs.{name}"), state) for name, state in models.items()}
        self._among = {}

    def _forget(self) -> None:
        super()._forget()
        for name in ("_models", "_among"):
            self.__dict__.pop(name, None)
