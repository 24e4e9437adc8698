from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.detector import Detector
from tocsin.core.errors import DataError, StateError
from tocsin.core.tags import Tags


class Recorder(Detector):
    """Keeps what its hooks were given."""

    tags = Tags(modality="vector", min_rows=2)

    def __init__(self, made: Any = None) -> None:
        self.made = made

    @classmethod
    def small(cls) -> Detector:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.given = X, y, groups
        self.mean_ = X.mean(axis=0)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        self.asked = X, groups
        return X.sum(axis=1) if self.made is None else self.made


class Series(Recorder):
    tags = Tags(modality="series", min_rows=1)


def test_hooks_get_float64_contiguous_rows() -> None:
    model = Recorder().fit(np.asfortranarray(np.arange(6, dtype=np.int8).reshape(3, 2)))
    X, y, groups = model.given
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert y is None
    assert groups.tolist() == [0, 0, 0]


def test_groups_are_counted_up_at_each_change() -> None:
    model = Recorder().fit(np.ones((5, 1)), groups=["b", "b", "a", "b", "b"])
    assert model.given[2].tolist() == [0, 0, 1, 2, 2]


def test_labels_reach_the_hook_as_integers() -> None:
    assert Recorder().fit(np.ones((2, 1)), y=[True, False]).given[1].tolist() == [1, 0]


@pytest.mark.parametrize("y", [[0, 1], [0, 1, 2], [0.5, 0, 1], ["a", "b", "c"], [[0], [1], [0]]])
def test_wrong_labels_are_refused(y: Any) -> None:
    with pytest.raises(DataError, match="TOC-117"):
        Recorder().fit(np.ones((3, 1)), y=y)


def test_a_series_may_have_one_dimension_and_a_table_may_not() -> None:
    assert Series().fit([1.0, 2.0, 3.0]).given[0].shape == (3, 1)
    with pytest.raises(DataError, match=r"TOC-115.*\(3,\)"):
        Recorder().fit([1.0, 2.0, 3.0])


def test_first_bad_cell_is_named() -> None:
    with pytest.raises(DataError, match=r"TOC-110.*2 cells, first at row 1, column 0"):
        Recorder().fit([[1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])


@pytest.mark.parametrize("X", ["text", [["a", "b"]], [[None, 1.0]], [[1 + 2j]], np.array(5.0), np.ones((2, 2, 2)), {"a": 1}])
def test_what_is_not_a_table_of_numbers_is_refused(X: Any) -> None:
    with pytest.raises(DataError, match="TOC-115"):
        Recorder().fit(X)


@pytest.mark.parametrize("made", [np.ones(2), np.ones((3, 1)), np.array([1.0, np.nan, 1.0]), np.array([1.0, np.inf, 1.0])])
def test_scores_that_break_the_promise_are_refused(made: np.ndarray) -> None:
    with pytest.raises(StateError, match="TOC-303"):
        Recorder(made).fit(np.ones((3, 1))).anomaly_score(np.ones((3, 1)))


def test_integer_scores_become_floats() -> None:
    assert Recorder([1, 2, 3]).fit(np.ones((3, 1))).anomaly_score(np.ones((3, 1))).dtype == np.float64


def test_promised_but_unwritten_hooks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Recorder().fit(np.ones((3, 1)))
    monkeypatch.setattr(Recorder, "tags", Tags(modality="vector", gives_map=True, gives_expected=True, online=True))
    for verb, hook in (("anomaly_map", "_map"), ("expected", "_expected"), ("update", "_update")):
        with pytest.raises(StateError, match=f"TOC-302.*promises {hook}"):
            getattr(model, verb)(np.ones((3, 1)))


def test_public_verbs_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="overrides fit, update: public verbs are final"):
        type("Bad", (Detector,), {"fit": lambda self, X: self, "update": lambda self, X: self})


def test_bad_data_leaves_an_earlier_fit_alone() -> None:
    model = Recorder().fit(np.ones((3, 1)))
    with pytest.raises(DataError):
        model.fit([[np.nan]])
    assert model.anomaly_score([[4.0]]).tolist() == [4.0]


def test_interrupted_fit_leaves_an_unfitted_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Recorder().fit(np.ones((3, 1)))

    def interrupted(X: np.ndarray, y: Any, groups: np.ndarray) -> None:
        model.half_ = 1
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "_fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.ones((3, 1)))
    assert not model.is_fitted()
