"""Each check for detectors of pictures, texts and logs passes on a sound one and fails on one that is broken in just that respect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.detector import Detector
from tocsin.core.tags import Tags
from tocsin.core.types import Part, Reason
from tocsin.testing import item_checks
from tocsin.testing.register import CHECKS, checks_for, items

_KINDS = 256


def _codes(text: str) -> np.ndarray:
    return np.minimum(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32), _KINDS - 1).astype(np.int64)


class Sound(Detector):
    """Texts and lines of logs by how rare their characters are."""

    tags = Tags(modality="texts", min_rows=4, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)

    def __init__(self, smooth: float = 1.0) -> None:
        self.smooth = smooth

    @classmethod
    def small(cls) -> Detector:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.counts_ = np.sum([self._counts(text) for text in X], axis=0)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.array([self._one(text, self.counts_) for text in X])

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.array([self._one(text, self.counts_ - self._counts(text)) for text in X])

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = np.empty(len(X), dtype=object)
        made[:] = [self._surprise(self.counts_)[_codes(text)] if self.tags.modality == "texts" else np.zeros(text.count("\n") + 1)
                   for text in X]
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> list[Reason]:
        where = (0, 1) if self.tags.modality == "texts" else (0,)
        return [Reason("odd characters", (Part(where, text[:1], 1.0),), (0,), (("characters", 1.0),)) for text in X]

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        self.counts_ = self.counts_ + np.sum([self._counts(text) for text in X], axis=0)

    def _counts(self, text: str) -> np.ndarray:
        return np.bincount(_codes(text), minlength=_KINDS)

    def _surprise(self, counts: np.ndarray) -> np.ndarray:
        return -np.log((counts + self.smooth) / (counts.sum() + _KINDS * self.smooth))

    def _one(self, text: str, counts: np.ndarray) -> float:
        return float(self._surprise(counts)[_codes(text)].sum() / max(len(text), 1))


_LOGS = Tags(modality="logs", min_rows=4, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)


def _variant(**changes: Any) -> type[Detector]:
    """A class with everything of Sound that is not changed; not its child, for classes are final."""
    own = {name: value for name, value in vars(Sound).items() if name not in ("__dict__", "__weakref__", "_abc_impl")}
    made: type[Detector] = type("Broken", (Detector,), {**own, **changes})
    return made


def _remembering(self: Any, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
    self.__dict__.setdefault("_seen", []).append(1)
    self.counts_ = np.sum([self._counts(text) for text in X], axis=0) * len(self._seen) ** 9


def _growing(self: Any, X: np.ndarray, groups: np.ndarray) -> None:
    Sound._update(self, X, groups)
    self.more_ = [*getattr(self, "more_", []), 1.0]


def _lengths(self: Any, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
    Sound._fit(self, X, y, groups)
    self.spread_ = float(np.std([len(text) for text in X]))


_BROKEN: dict[str, type[Detector]] = {
    "anomalies_are_found": _variant(_score=lambda self, X, groups: -Sound._score(self, X, groups)),
    "items_are_judged_alone": _variant(_score=lambda self, X, groups: Sound._score(self, X, groups) * len(X)),
    "later_lines_change_nothing": _variant(tags=_LOGS, _score=lambda self, X, groups: Sound._score(self, X, groups) + len(X)),
    "held_out_scores_are_those_of_new_items": _variant(_held_out=lambda self, X, groups: Sound._own(self, X, groups) - 9.0),
    "odd_forms_are_scored": _variant(_one=lambda self, text, counts: float(self._surprise(counts)[_codes(text)].mean())),
    "copies_are_learned_from": _variant(_fit=_lengths, _score=lambda self, X, groups: Sound._score(self, X, groups) / self.spread_),
    "refitting_forgets": _variant(_fit=_remembering),
    "maps_have_the_items_size": _variant(_map=lambda self, X, groups: np.zeros((len(X), 3))),
    "reasons_tell_the_place": _variant(_reasons=lambda self, X, groups: [Reason("odd", (Part((0, 10_000), "", 1.0),)) for _ in X]),
    "updates_are_learned_in_bounded_memory": _variant(_update=_growing),
    "unusable_items_are_refused": _variant(_rows=lambda self, X: np.array([str(text) for text in np.ravel(X)], dtype=object)),
}


@pytest.mark.parametrize("tags", [Sound.tags, _LOGS], ids=["texts", "logs"])
def test_a_sound_detector_passes(tags: Tags) -> None:
    sound = _variant(tags=tags)
    for check in checks_for(tags):
        if check.__module__ == item_checks.__name__:
            check(sound)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", _BROKEN)
def test_a_broken_detector_fails(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - a check may fail by any exception; check_detector makes it one
        getattr(item_checks, name)(_BROKEN[name])


def test_every_check_was_seen_to_fail() -> None:
    assert set(_BROKEN) == {check.__name__ for check in CHECKS if check.__module__ == item_checks.__name__}


def test_items_are_not_asked_for_cells() -> None:
    named = {check.__name__ for check in checks_for(Sound.tags)}
    assert items(Sound.tags) and "unusable_data_is_refused" not in named and "state_builds_the_same" in named
