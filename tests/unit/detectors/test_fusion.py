from __future__ import annotations

import json

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.core.types import Dataset
from tocsin.detectors.fusion import JOINT, LEAN, MEMBERS, Fusion
from tocsin.pipeline.pipeline import Pipeline

_FEW = ("shape", "behaviour", "single points")


def _wave(t: int = 900, c: int = 1, seed: int = 0) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 25) * (1 + np.arange(c)) + 0.05 * generator(seed, "wave").normal(size=(t, c))


@pytest.mark.parametrize("kind", ["flat", "level", "spike", "fast", "noise"])
def test_each_kind_of_anomaly_is_found_by_the_whole(kind: str) -> None:
    train, X = _wave(), _wave(600, seed=1)
    at = slice(300, 325)
    if kind == "flat":
        X[at] = X[300]
    elif kind == "level":
        X[at] += 1.5
    elif kind == "spike":
        X[310] += 2.5
    elif kind == "fast":
        X[at, 0] = np.sin(np.arange(25) * 4 * np.pi / 25)
    else:
        X[at] += generator(2, "noise").normal(size=(25, 1)) * 0.8
    assert 280 <= Fusion(most=300).fit(train).anomaly_score(X).argmax() < 345


def test_the_report_says_who_was_used_how_good_and_how_heavy() -> None:
    model = Fusion(most=200).fit(_wave())
    assert [entry["member"] for entry in model.report_] == list(MEMBERS)
    assert sum(entry["weight"] for entry in model.report_) == pytest.approx(1)
    best = max(model.report_, key=lambda entry: entry["quality"])
    assert best["weight"] == max(entry["weight"] for entry in model.report_)
    assert all(0 <= entry["quality"] <= 1 for entry in model.report_) and best["quality"] > 0.3
    assert json.loads(json.dumps(model.report_)) == model.report_


def test_a_channel_among_many_is_named_by_the_map() -> None:
    train, X = _wave(700, 10), _wave(400, 10, seed=1)
    X[200:225, 7] = X[200, 7]
    model = Fusion(most=100, members=_FEW).fit(train)
    score, cells = model.anomaly_score(X), model.anomaly_map(X)
    assert 180 <= score.argmax() < 245 and cells[score.argmax()].argmax() == 7


def test_many_channels_use_the_lean_set() -> None:
    model = Fusion(most=60).fit(_wave(200, 9))
    assert {entry["member"] for entry in model.report_} == {*LEAN, *JOINT}
    assert {entry["channel"] for entry in model.report_} == {*range(-1, 9)}


def test_a_broken_relation_is_seen_though_each_channel_looks_usual() -> None:
    at = np.arange(1500)[:, None]
    slow = generator(5, "slow").normal(size=(1500, 1)).cumsum(axis=0)
    base = np.sin(at * 2 * np.pi / 40 + slow * 0.1)
    X = np.hstack([base, base]) + 0.05 * generator(6, "pair").normal(size=(1500, 2))
    X[1200:1260, 1] *= -1
    score = Fusion(most=400, members=_FEW).fit(X[:1000]).anomaly_score(X)
    assert 1180 <= score.argmax() < 1280


def test_switches_are_left_out_unless_there_is_nothing_else() -> None:
    X = np.hstack([_wave(300), (np.arange(300) % 40 < 20).astype(float)[:, None]])
    model = Fusion(most=60, members=_FEW, switches=(1,)).fit(X)
    assert {entry["channel"] for entry in model.report_} == {0}
    odd = X.copy()
    odd[100:110, 1] = 1 - odd[100:110, 1]
    np.testing.assert_array_equal(model.anomaly_score(odd), model.anomaly_score(X))
    assert {entry["channel"] for entry in Fusion(most=60, members=_FEW, switches=(0,)).fit(X[:, [1]]).report_} == {0}


def test_own_rows_are_judged_without_themselves_and_clean_rows_help() -> None:
    X = _wave(900)
    X[600:625] = X[600]
    X[750:775] = X[750]  # the same fault twice: it is its own normal neighbour
    alone, known = Fusion(most=400, members=_FEW).fit_score(X), Fusion(most=400, members=_FEW, clean=500).fit_score(X)
    odd = np.zeros(900, bool)
    odd[600:625] = odd[750:775] = True
    assert 580 <= known.argmax() < 795

    def gap(score: np.ndarray) -> float:
        return float((score[odd].mean() - score[~odd].mean()) / score[~odd].std())
    assert gap(known) > gap(alone) > 0.5


def test_rows_as_if_unseen_score_like_new_rows() -> None:
    train, new = generator(11, "noise").normal(size=(800, 1)), generator(12, "noise").normal(size=(4000, 1))
    model = Fusion()
    unseen = model.fit_held_out(train)
    judged = model.anomaly_score(new)
    assert abs(np.median(unseen) - np.median(judged)) < 0.75 * judged.std()
    assert np.quantile(unseen, 0.95) > 0.5 * np.quantile(judged, 0.95)


def test_training_rows_leave_nothing_behind_but_the_memory() -> None:
    model = Fusion(most=50, members=_FEW)
    model.fit_score(_wave(400))
    state = json.dumps(model.state(), default=lambda value: value.tolist())
    assert "_among" not in state and len(state) < 200_000
    twin = build(Fusion, model.state())
    X = _wave(200, seed=4)
    np.testing.assert_array_equal(twin.anomaly_score(X), model.anomaly_score(X))
    np.testing.assert_array_equal(twin.expected(X), model.expected(X))


def test_scores_are_the_same_in_any_company_and_seed_fixes_all() -> None:
    train, X = _wave(500), _wave(500, seed=1)
    X[250] += 2
    model, again = Fusion(most=100).fit(train), Fusion(most=100).fit(train)
    whole = model.anomaly_score(X)
    np.testing.assert_array_equal(whole, again.anomaly_score(X))
    near = model.longest
    part = model.anomaly_score(X[50:])
    np.testing.assert_allclose(part[near:], whole[50 + near:], rtol=1e-5, atol=1e-6)
    assert 1 < model.span < near


@pytest.mark.parametrize("X", [np.full((200, 1), 7.0), np.r_[np.zeros(199), 1e12][:, None], np.arange(40.0)[:, None],
                               np.r_[np.zeros(150), np.full(150, 5.0)][:, None]])
def test_hard_series_give_finite_scores(X: np.ndarray) -> None:
    for score in (Fusion(most=50).fit_score(X), Fusion(most=50).fit(X).anomaly_score(X), Fusion(most=50).fit(X).anomaly_score(X[:3])):
        assert np.isfinite(score).all()


def test_segments_do_not_mix() -> None:
    X, groups = _wave(600), np.repeat([0, 1, 2], 200)
    model = Fusion(most=60, members=_FEW).fit(X, groups=groups)
    odd = X.copy()
    odd[:200] = 0
    np.testing.assert_allclose(model.anomaly_score(odd, groups=groups)[200:], model.anomaly_score(X, groups=groups)[200:], rtol=1e-6)


@pytest.mark.parametrize("given", [{"window": 1}, {"most": 1}, {"clean": 3}, {"temperature": 0.0}])
def test_settings_out_of_range(given: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Fusion(**given).fit(_wave(100))  # type: ignore[arg-type]


def test_an_unknown_member_is_refused() -> None:
    with pytest.raises(ConfigError, match="TOC-209"):
        Fusion(members=("oracle",)).fit(_wave(100))
    state = Fusion(most=50, members=_FEW).fit(_wave(100)).state()
    state["learned"]["parts_"][0]["member"] = "oracle"
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Fusion, state)


def test_a_pipeline_tells_switches_from_sensors_though_it_scales_them() -> None:
    rng = generator(8, "switches")
    X = np.hstack([_wave(400), (rng.random((400, 3)) < [0.03, 0.5, 0.9]).astype(float), np.zeros((400, 1)), np.full((400, 1), -1.0)])
    model = Pipeline(Fusion(members=_FEW, most=50)).fit(Dataset.of(X, kind="series"))
    assert tuple(model.detector_.switches) == (1, 2, 3, 4)
    assert {entry["channel"] for entry in model.detector_.report_} == {0, 5, -1}
