"""Made anomalies: what each kind does, that y knows where, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.inject import KINDS, inject


def wave(t: int = 600, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = np.arange(t)[:, None] * 2 * np.pi / 25 + np.arange(channels)
    return np.sin(steps) + 0.1 * rng.normal(size=(t, channels))


def one(kind: str, X: np.ndarray | None = None, **words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(before, after, y) of a single kind."""
    X = wave() if X is None else X
    (made,) = inject(X, kinds=[kind], **words)
    return X, made.X, made.y


def runs(y: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, y, 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def test_every_kind_is_made_of_two_channels_and_all_but_one_of_a_single_one() -> None:
    assert [made.kind for made in inject(wave(channels=2))] == list(KINDS)
    assert [made.kind for made in inject(wave())] == [kind for kind in KINDS if kind != "relation"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_only_marked_rows_of_one_channel_an_event_change(kind: str, seed: int) -> None:
    X = wave(channels=3, seed=seed)
    kept = X.copy()
    before, after, y = one(kind, X, seed=seed)
    changed = after != before
    assert (kept == X).all() and after.shape == X.shape and set(np.unique(y)) == {0, 1}
    assert not changed[y == 0].any()
    for low, high in runs(y):
        assert changed[low:high].any(axis=0).sum() == 1
    assert y.mean() < 0.5


@pytest.mark.parametrize("seed", range(20))
def test_events_never_touch_and_are_as_many_as_asked(seed: int) -> None:
    for made in inject(wave(120, seed=seed), seed=seed, events=5, period=4):
        assert len(runs(made.y)) == 5, made.kind


def test_the_same_seed_makes_the_same_and_another_seed_something_else() -> None:
    X = wave()
    first, again, other = inject(X, seed=3), inject(X, seed=3), inject(X, seed=4)
    assert all((a.X == b.X).all() and (a.y == b.y).all() for a, b in zip(first, again))
    assert any((a.y != b.y).any() for a, b in zip(first, other))


def test_nothing_is_made_before_the_start() -> None:
    for made in inject(wave(channels=2), start=400):
        assert not made.y[:400].any() and made.y[400:].any(), made.kind


def test_a_spike_is_short_and_far_in_the_series_own_spreads() -> None:
    X = wave() * 50 + 1_000
    before, after, y = one("spike", X)
    away = np.abs(after - before)[y == 1] / X.std()
    assert all(1 <= high - low <= 3 for low, high in runs(y)) and 4 <= away.min() <= away.max() <= 8


def test_a_shift_is_the_same_step_all_along() -> None:
    before, after, y = one("shift")
    for low, high in runs(y):
        step = (after - before)[low:high, 0]
        assert np.ptp(step) < 1e-12 and 1 <= abs(step[0]) / before.std() <= 3 and 12 <= high - low <= 50


def test_a_trend_grows_to_its_end() -> None:
    before, after, y = one("trend")
    for low, high in runs(y):
        slope = np.diff((after - before)[low:high, 0])
        assert np.ptp(slope) < 1e-9 and slope[0] != 0 and 2 <= abs((after - before)[high - 1, 0]) / before.std() <= 4


def test_what_stands_still_has_one_value() -> None:
    _, after, y = one("flat")
    assert all(np.ptp(after[low:high]) == 0 for low, high in runs(y))


def test_shape_and_frequency_stay_within_the_series_range() -> None:
    for kind in ("shape", "frequency"):
        before, after, _ = one(kind)
        assert before.min() <= after.min() and after.max() <= before.max()


def test_a_stretch_of_another_relation_is_from_another_time_of_the_same_channel() -> None:
    before, after, y = one("relation", wave(channels=2))
    j = int((before != after).any(axis=0).argmax())
    assert np.isin(after[y == 1, j], before[:, j]).all()


def test_a_still_channel_is_left_alone_when_others_move() -> None:
    X = np.c_[wave(), np.full(600, 3.0), (np.arange(600) > 300).astype(float)]
    for made in inject(X, events=4):
        assert (made.X[:, 1:] == X[:, 1:]).all(), made.kind


def test_a_channel_of_few_values_serves_when_there_is_no_other() -> None:
    assert {made.kind for made in inject((np.arange(200) % 20 > 10).astype(float)[:, None])} >= {"spike", "shift"}


def test_a_stretch_that_stood_still_before_is_no_anomaly() -> None:
    X = np.zeros((400, 1))
    X[395:, 0] = np.arange(5)
    kinds = [made.kind for made in inject(X, kinds=["flat", "spike"], events=1)]
    assert kinds == ["spike"]


def test_integers_and_views_are_taken() -> None:
    whole = np.tile(np.arange(20), 20)[:, None]
    whole.flags.writeable = False
    assert inject(whole)[0].X.dtype == np.float64


@pytest.mark.parametrize("X, start", [(np.zeros((100, 2)), 0), (wave(15), 0), (wave(100), 90), (wave(100), 200)])
def test_without_room_or_movement_it_says_so(X: np.ndarray, start: int) -> None:
    with pytest.raises(DataError) as caught:
        inject(X, start=start)
    assert caught.value.code == "TOC-196"


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        inject(wave(), kinds=["spike", "burst"])
    assert caught.value.code == "TOC-296" and "'burst'" in str(caught.value) and "spike, shift" in str(caught.value)


def test_the_smallest_series_takes_something() -> None:
    made = inject(wave(16), events=1)
    assert made and all(0 < one.y.sum() < 16 for one in made)
