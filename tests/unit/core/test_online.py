from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ConfigError, StateError
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.core.state import build
from tocsin.core.tags import Tags

ONLINE = ("half_space_trees", "seasonal_forecaster")


class _Mean(Stepper):
    """Distance to the mean of all rows so far."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.n, self.mean = state["n"], state["mean"]

    def step(self, row: Sequence[float], time: float | None = None) -> float:
        self.warm = self.n > 0
        off = float(np.abs(np.asarray(row) - self.mean).max()) if self.warm else 0.0
        self.n += 1
        self.mean += (np.asarray(row) - self.mean) / self.n
        return off

    def state(self) -> dict[str, Any]:
        return {"n": self.n, "mean": self.mean.copy()}

    def cut(self) -> None:
        self.n = 1


class Running(OnlineDetector):
    tags = Tags(modality="series", min_rows=1, online=True)

    def __init__(self) -> None:
        pass

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _stepper(self, state: dict[str, Any] | None, channels: int) -> Stepper:
        return _Mean(state or {"n": 0, "mean": np.zeros(channels)})


def _series(t: int, c: int = 1, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    wave = np.sin(np.arange(t)[:, None] * 2 * np.pi / 24 + np.arange(c))
    return wave + 0.1 * random.normal(size=(t, c))


def test_a_stepper_scores_first_and_learns_then() -> None:
    stepper = Running().stepper()
    assert [stepper.step([value]) for value in (4.0, 6.0, 5.0)] == [0.0, 2.0, 0.0]


def test_fit_keeps_the_state_and_score_leaves_it() -> None:
    model = Running().fit([[1.0], [3.0]])
    assert model.anomaly_score([[2.0], [5.0]]).tolist() == [0.0, 3.0]
    assert model.anomaly_score([[2.0], [5.0]]).tolist() == [0.0, 3.0]  # nothing was learned from the first call
    assert model.update([[2.0]]).anomaly_score([[5.0]]).tolist() == [3.0]
    assert model.stream_["n"] == 3


def test_every_segment_starts_from_the_fitted_state() -> None:
    model = Running().fit([[0.0], [0.0]])
    assert model.anomaly_score([[3.0], [3.0], [3.0]], groups=[0, 1, 1]).tolist() == [3.0, 3.0, 2.0]


def test_segments_are_cut_when_learned_from() -> None:
    assert Running().fit([[0.0], [0.0], [0.0]], groups=[0, 0, 1]).stream_["n"] == 2
    assert Running().fit([[0.0], [0.0], [0.0]]).stream_["n"] == 3


def test_a_stepper_does_not_share_its_state() -> None:
    model = Running().fit([[1.0], [3.0]])
    given = model.stepper().state()
    stepper = model.stepper(given)
    stepper.step([9.0])
    assert given["n"] == 2 == model.stream_["n"] and given["mean"].tolist() == [2.0] == model.stream_["mean"].tolist()


@pytest.mark.parametrize("channels", [0, -1, 1.5, True])
def test_a_cold_stepper_needs_a_channel(channels: Any) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Running().stepper(channels=channels)


def test_an_unfitted_detector_gives_cold_steppers_but_no_scores() -> None:
    assert Running().stepper(channels=2).step([1.0, 2.0]) == 0.0
    with pytest.raises(StateError, match="TOC-301"):
        Running().anomaly_score([[1.0]])


@pytest.mark.parametrize("name", ONLINE)
@pytest.mark.parametrize("channels", [1, 3])
def test_batch_and_stream_give_the_same_numbers(name: str, channels: int) -> None:
    X = _series(700, channels)
    X[600] += 5
    model = catalog.load(name).small().fit(X[:400])
    assert isinstance(model, OnlineDetector)
    batch = model.anomaly_score(X[400:])
    stepper = model.stepper()
    assert [stepper.step(row) for row in X[400:].tolist()] == batch.tolist()
    alone = []
    for row in X[400:]:  # one call each, as a service does
        alone.append(float(model.anomaly_score(row[None])[0]))
        model.update(row[None])
    assert alone == batch.tolist()


@pytest.mark.parametrize("name", ONLINE)
@pytest.mark.parametrize("at", [0, 1, 30, 99, 100, 101, 333])
def test_a_saved_stream_goes_on_as_if_never_stopped(name: str, at: int) -> None:
    rows = _series(450, 2).tolist()
    model = catalog.load(name).small()
    assert isinstance(model, OnlineDetector)
    whole = model.stepper(channels=2)
    wanted = [whole.step(row) for row in rows]
    first = model.stepper(channels=2)
    made = [first.step(row) for row in rows[:at]]
    state = first.state()
    [first.step(row) for row in rows[:50]]  # what the old one does later does not reach its state
    second = model.stepper(state, channels=2)
    assert made + [second.step(row) for row in rows[at:]] == wanted


@pytest.mark.parametrize("name", ONLINE)
def test_a_fit_in_two_parts_equals_one(name: str) -> None:
    X = _series(500)
    cls = catalog.load(name)
    once, twice = cls.small().fit(X), cls.small().fit(X[:170]).update(X[170:])
    assert np.array_equal(once.anomaly_score(X), twice.anomaly_score(X))
    again = build(cls, once.state())
    assert np.array_equal(again.anomaly_score(X), once.anomaly_score(X))


@pytest.mark.parametrize("name", ONLINE)
def test_scores_are_zero_until_warm(name: str) -> None:
    model = catalog.load(name).small()
    assert isinstance(model, OnlineDetector)
    stepper, warm = model.stepper(), []
    scores = []
    for row in (100 * np.random.default_rng(1).normal(size=(300, 1))).tolist():
        scores.append(stepper.step(row))
        warm.append(stepper.warm)
    first = warm.index(True)
    assert 0 < first < 200 and all(warm[first:]) and not any(scores[:first]) and any(scores[first:])


@pytest.mark.parametrize("name", ONLINE)
def test_memory_of_a_stream_does_not_grow(name: str) -> None:
    model = catalog.load(name).small()
    assert isinstance(model, OnlineDetector)

    def size(state: dict[str, Any]) -> int:
        return sum(np.asarray(value).size for value in state.values())

    stepper, rows = model.stepper(), np.random.default_rng(0).normal(size=(6000, 1)).tolist()
    for row in rows:
        stepper.step(row)
    before = size(stepper.state())
    for row in rows[:2000]:
        stepper.step(row)
    assert size(stepper.state()) == before


@pytest.mark.parametrize("name", ONLINE)
def test_odd_streams_get_finite_scores(name: str) -> None:
    flat = np.full(400, 7.0)
    for x in (flat, np.r_[flat, flat + 1e9], np.r_[flat, 1e300, flat, -1e300, flat], np.arange(500) * 1e-300, np.r_[[0.0, 1e6] * 300]):
        model = catalog.load(name).small()
        assert isinstance(model, OnlineDetector)
        stepper = model.stepper()
        assert np.isfinite([stepper.step([value]) for value in x.tolist()]).all()


@pytest.mark.parametrize("name", ONLINE)
def test_a_spike_and_a_level_shift_are_seen_from_a_cold_start(name: str) -> None:
    x = _series(1500, seed=3)
    x[900] += 4
    x[1300:] += 6
    model = catalog.load(name).small()
    assert isinstance(model, OnlineDetector)
    stepper = model.stepper()
    scores = np.array([stepper.step(row) for row in x.tolist()])
    usual = np.quantile(scores[300:890], 0.99)
    assert scores[900] > usual and scores[1300] > usual
