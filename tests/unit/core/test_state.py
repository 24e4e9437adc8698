from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError, ConfigError, StateError
from tocsin.core.state import Stateful, build, to_plain


class Counter(Stateful):
    def __init__(self, start: int = 0, step: Any = 1) -> None:
        self.start = start
        self.step = step
        if start < 0:
            raise ConfigError("TOC-202", "start")

    def learn(self, n: int) -> Counter:
        self.count_ = self.start + n
        self.seen_ = np.arange(n)
        self._scratch_ = object()
        return self


class Holder(Stateful):
    def __init__(self, inner: Any = None) -> None:
        self.inner = inner


def test_state_holds_parameters_and_learned_values_only() -> None:
    state = Counter(2).learn(3).state()
    assert state["params"] == {"start": 2, "step": 1}
    assert set(state["learned"]) == {"count_", "seen_"}


def test_build_restores() -> None:
    first = Counter(2).learn(3)
    second = build(Counter, first.state())
    assert second.params() == first.params()
    assert second.count_ == 5
    assert second.seen_.tolist() == [0, 1, 2]


def test_unfitted_objects_can_be_built_too() -> None:
    assert not build(Counter, Counter(4).state()).is_fitted()


def test_fresh_is_unfitted_with_changes() -> None:
    made = Counter(2).learn(3).fresh(step=5)
    assert made.params() == {"start": 2, "step": 5}
    assert not made.is_fitted()


def test_forget() -> None:
    made = Counter().learn(3)
    made._forget()
    assert not made.is_fitted()
    assert made.params() == {"start": 0, "step": 1}


@pytest.mark.parametrize("state", [None, [], {}, {"params": {}}, {"params": [], "learned": {}}, {"params": {"start": 0}, "learned": None},
                                   {"params": {"evil": 1}, "learned": {}}, {"params": {}, "learned": {"__class__": 1}},
                                   {"params": {}, "learned": {"state": 1}}, {"params": {}, "learned": {"a b_": 1}},
                                   {"params": {}, "learned": {"__init__": 1}}, {"params": {"start": -1}, "learned": {}},
                                   {"params": {}, "learned": {"_hidden_": 1}}])
def test_what_is_not_a_state_is_refused(state: Any) -> None:
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Counter, state)


def test_plain_values() -> None:
    made = to_plain({"a": np.float64(1.5), "b": (1, None, True), "c": Training(epochs=3), "d": np.array(["x", "y"]), "e": np.bool_(True)})
    assert made["a"] == 1.5
    assert type(made["a"]) is float
    assert made["b"] == [1, None, True]
    assert made["c"]["epochs"] == 3
    assert made["d"] == ["x", "y"]
    assert made["e"] is True


def test_arrays_stay_arrays() -> None:
    array = np.arange(3)
    assert to_plain([array])[0] is array


def test_nested_stateful_is_written_as_its_state() -> None:
    assert to_plain(Holder(Counter(1)))["params"]["inner"] == {"params": {"start": 1, "step": 1}, "learned": {}}


@pytest.mark.parametrize("value", [object(), {1: "a"}, {1, 2}, np.array([object()]), np.array([1j]), b"bytes", len])
def test_what_cannot_be_written_is_refused(value: Any) -> None:
    with pytest.raises(StateError, match="TOC-304"):
        to_plain({"x": [value]})


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(Counter()) == "Counter()"
    assert repr(Counter(step=np.array([1, 2]))) == "Counter(step=array([1, 2]))"
