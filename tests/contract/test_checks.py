"""The checks can fail: each detector here breaks one promise, and the check of that promise notices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.testing import CHECKS, check_detector, checks, checks_for
from tocsin.testing.toy import toy

_EVERYTHING = Tags(modality="vector", online=True, gives_map=True, gives_expected=True)


class Sound(Detector):
    """Keeps every promise: distance from the line through the first two principal axes' plane."""

    tags = _EVERYTHING

    def __init__(self, axes: int = 1) -> None:
        self.axes = axes

    @classmethod
    def small(cls) -> Detector:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.mean_ = X.mean(axis=0)
        self.axes_ = np.linalg.svd(X - self.mean_, full_matrices=False)[2][:self.axes]

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        self.mean_ = (self.mean_ + X.mean(axis=0)) / 2

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self.mean_ + ((X - self.mean_)[:, None, :] * self.axes_).sum(axis=2) @ self.axes_

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.square(X - self._expected(X, groups))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._map(X, groups).mean(axis=1)


def _variant(**members: Any) -> type[Detector]:
    """A class of its own with some members of Sound replaced."""
    of_the_class = ("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl")
    made = {name: value for name, value in vars(Sound).items() if name not in of_the_class}
    return type("Broken", (Detector,), {**made, **members})


def _sound(verb: str) -> Any:
    return getattr(Sound, verb)


_IN_CATALOG_ONLY = {"catalog_reads_the_card", "missing_extra_says_install_line"}


@pytest.mark.parametrize("check", [check for check in checks_for(_EVERYTHING) if check.__name__ not in _IN_CATALOG_ONLY])
def test_a_sound_detector_passes(check: Any) -> None:
    check(Sound)


def _keeping(self: Detector, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
    _sound("_fit")(self, X, y, groups)
    self.kept_ = np.zeros(0)


def _growing(self: Any, X: np.ndarray, groups: np.ndarray) -> None:
    self.kept_ = np.append(self.kept_, X)
    _sound("_update")(self, X, groups)


def _eager(self: Any, axes: int = 1) -> None:
    self.axes = axes
    self.ready_ = True


def _many(self: Any, axes=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i=9) -> None:
    self.axes = axes


def _remembering(self: Any, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
    self.__dict__.setdefault("_seen", []).append(len(X))
    _sound("_fit")(self, X, y, groups)
    self.mean_ = self.mean_ + len(self._seen)


def _globally_random(self: Any, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
    _sound("_fit")(self, X, y, groups)
    self.mean_ = self.mean_ + np.random.rand()  # noqa: NPY002


def _counting(self: Any, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    self.calls_ = getattr(self, "calls_", 0) + 1
    return _sound("_score")(self, X, groups)


def _printing(self: Any, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    print("scoring")
    return _sound("_score")(self, X, groups)


def _changing(self: Any, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    X -= self.mean_
    return np.square(X - (X @ self.axes_.T) @ self.axes_).mean(axis=1)


def _raising(self: Any, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    raise RuntimeError("overflow")


_BROKEN = {
    "constructor_only_stores": _variant(__init__=_eager),
    "few_parameters": _variant(__init__=_many),
    "class_is_final": type("Child", (_variant(),), {}),
    "scores_are_finite": _variant(_score=lambda self, X, groups: np.zeros(len(X))),
    "planted_anomaly_stands_out": _variant(_score=lambda self, X, groups: -Sound._score(self, X, groups)),
    "beats_the_null_model": _variant(_score=lambda self, X, groups: np.square(X - self.mean_).mean(axis=1)),
    "rows_are_judged_alone": _variant(_score=lambda self, X, groups: Sound._score(self, X - X.mean(axis=0) + self.mean_, groups)),
    "huge_values_are_contained": _variant(_score=_raising),
    "one_row_is_scored": _variant(_score=lambda self, X, groups: Sound._score(self, X, groups) / (len(X) - 1)),
    "map_points_to_the_cell": _variant(_map=lambda self, X, groups: np.ones_like(X)),
    "expected_is_near_on_normals": _variant(_expected=lambda self, X, groups: np.zeros_like(X)),
    "same_seed_same_scores": _variant(_fit=_globally_random),
    "input_is_not_changed": _variant(_score=_changing),
    "form_of_input_does_not_matter": _variant(_score=_changing),
    "refit_forgets": _variant(_fit=_remembering),
    "failed_fit_leaves_unfitted": _variant(_forget=lambda self: None),
    "state_builds_the_same": _variant(_learned=lambda self: {"mean_": self.mean_, "axes_": self.axes_ * 0, "width_": self.width_}),
    "update_learns_in_bounded_memory": _variant(_fit=_keeping, _update=_growing),
    "labels_count": _variant(tags=Tags(modality="vector", supervised=True)),
    "constant_columns_are_taken": _variant(_score=lambda self, X, groups: Sound._score(self, X, groups) / np.ptp(self.mean_)),
    "unfitted_is_refused": _variant(_offers=lambda self, offered, verb: None, tags=Tags(modality="vector")),
    "unusable_data_is_refused": _variant(_rows=lambda self, X: np.nan_to_num(np.asarray(X, dtype=float))),
    "fewest_rows_are_kept": _variant(tags=Tags(modality="vector", min_rows=0)),
    "scoring_is_thread_safe": _variant(_score=_counting),
    "nothing_is_printed": _variant(_score=_printing),
    "catalog_reads_the_card": Sound,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", _BROKEN)
def test_a_broken_detector_fails(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - a check may fail by any exception; check_detector makes it one
        getattr(checks, name)(_BROKEN[name])


class FarSighted(Detector):
    """Scores each step by its distance from the mean of all the steps it is shown, segments or not."""

    tags = Tags(modality="series")

    def __init__(self) -> None:
        pass

    @classmethod
    def small(cls) -> Detector:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.std_ = X.std(axis=0)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.square((X - X.mean(axis=0)) / self.std_).mean(axis=1)


@pytest.mark.parametrize("check", [checks.far_changes_stay_far, checks.segments_are_apart, checks.beats_the_null_model])
def test_a_far_sighted_series_detector_fails(check: Any) -> None:
    with pytest.raises(AssertionError):
        check(FarSighted)


def test_every_check_was_seen_to_fail() -> None:
    seen = {*_BROKEN, "far_changes_stay_far", "segments_are_apart", "missing_extra_says_install_line"}
    assert seen == {check.__name__ for check in CHECKS if check.__module__ == checks.__name__}


def test_missing_extra_fails_where_the_import_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.detectors.baseline import Baseline

    monkeypatch.setattr(Baseline, "tags", Tags(modality="vector", extra="deep"))
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["torch>=2.4; extra == 'deep'"])
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"torch": ["torch"]})
    with pytest.raises(AssertionError, match="it loads without them"):
        checks.missing_extra_says_install_line(Baseline)


def test_every_check_is_a_sentence() -> None:
    for check in CHECKS:
        assert (check.__doc__ or "").strip().endswith("."), check.__name__


def test_check_detector_names_the_broken_promise() -> None:
    with pytest.raises(AssertionError, match=r"Broken: does not hold: The constructor stores what it is given"):
        check_detector(_variant(__init__=_eager))


def test_check_detector_takes_a_name() -> None:
    check_detector("baseline")


def test_toy_data_are_read_only_and_some_modalities_have_none() -> None:
    with pytest.raises(ValueError, match="read-only"):
        toy("vector").train[0, 0] = 1.0
    with pytest.raises(ConfigError, match="TOC-208"):
        toy("series", labelled=True)
