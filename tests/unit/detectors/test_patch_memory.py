"""Embedded patches against a memory."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.patch_memory import PatchMemory


def _wave(t: int = 700, seed: int = 0) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(seed).normal(size=t))[:, None]


def _quick(**changes: object) -> PatchMemory:
    return PatchMemory(**{"window": 24, "hidden": 8, "training": {"epochs": 2}, **changes})


@pytest.mark.parametrize("way", ["still", "turned", "noisy"])
def test_an_odd_shape_stands_out(way: str) -> None:
    odd = _wave(seed=1)
    stretch = odd[300:318]
    noise = 0.5 * np.random.default_rng(2).normal(size=(18, 1))
    stretch[:] = {"still": stretch[:1], "turned": stretch[::-1].copy(), "noisy": stretch + noise}[way]
    assert 285 <= int(_quick().fit(_wave()).anomaly_score(odd).argmax()) < 333


def test_level_counts_by_its_weight() -> None:
    higher = _wave(seed=1)
    higher[300:400] += 1.5

    def contrast(level: float) -> float:
        scores = _quick(level=level).fit(_wave()).anomaly_score(higher)
        return float(scores[330:370].mean() / np.median(scores))

    assert contrast(0) < 1.5 < 2 < contrast(0.4)


def test_own_rows_are_judged_without_themselves() -> None:
    X = _wave()
    X[350:362] = X[350]  # once only: it is in the memory, and nothing else there is like it
    detector = _quick()
    own = detector.fit_score(X)
    assert 335 <= int(own.argmax()) < 377
    assert own[355] > 2 * detector.anomaly_score(X)[355]


def test_memory_is_a_share_within_bounds() -> None:
    assert len(_quick().fit(_wave()).memory_) == 200
    assert len(_quick(share=0.5).fit(_wave()).memory_) == round(0.5 * (700 - 23) - 0.5)
    assert len(_quick().fit(_wave(120)).memory_) == 97  # fewer patches than the least kept


def test_the_window_follows_the_period() -> None:
    def length(period: int, t: int) -> int:
        return PatchMemory(training={"epochs": 1}, hidden=4).fit(np.sin(np.arange(t) * 2 * np.pi / period)).shape_[0]

    assert (length(8, 600), length(50, 600), length(150, 900), length(50, 120)) == (32, 50, 96, 20)


def test_small_enough() -> None:
    detector = PatchMemory(window=96, training={"epochs": 1}).fit(np.repeat(_wave(), 3, 1))
    assert sum(array.size for array in detector.net_.arrays().values()) < 300_000


def test_held_out_stretches_are_watched_when_asked_for() -> None:
    detector = _quick(training={"epochs": 2, "validation": 0.2}).fit(_wave())
    assert all(record["validation"] is not None for record in detector.history_)


def test_training_lowers_the_loss() -> None:
    losses = [record["loss"] for record in _quick(training={"epochs": 6}).fit(_wave()).history_]
    assert losses[-1] < 0.8 * losses[0]


def test_short_segments() -> None:
    groups = np.arange(700) // 10  # all shorter than a patch
    detector = _quick().fit(_wave(), groups=groups)
    assert np.isfinite(detector.anomaly_score(_wave(), groups=groups)).all()
    assert np.isfinite(_quick().fit_score(_wave(), groups=groups)).all()


def test_a_constant_series_that_moves_for_once() -> None:
    odd = np.full((300, 1), 5.0)
    detector = _quick().fit(odd)
    odd[150] += 1e-3
    scores = detector.anomaly_score(odd)
    assert scores.max() == scores[150] > scores[:100].max()


@pytest.mark.parametrize("wrong", [{"window": 3}, {"hidden": 0}, {"embedding": 0}, {"share": 1.0}, {"neighbours": 0}, {"level": -0.1}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        PatchMemory(**wrong).fit(_wave(60))
