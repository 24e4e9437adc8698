"""Several channels: which caused it, what broke, what is absent, late or explained by something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tocsin
from tocsin.interfaces.server.desk.answers import reason

NAMES = ("flow", "pressure", "temp", "level")
T, BAD = 800, slice(300, 340)


def frame(X: np.ndarray, names: tuple[str, ...] = NAMES, start: str = "2024-01-01") -> dict[str, Any]:
    stamps = np.datetime64(start, "us") + np.arange(len(X)) * np.timedelta64(1, "h")
    return {"t": stamps, **{name: X[:, j] for j, name in enumerate(names)}}


def channels(seed: int, t: int = T) -> np.ndarray:
    rng, k = np.random.default_rng(seed), np.arange(t)
    flow = np.sin(2 * np.pi * k / 24) + 0.1 * rng.normal(size=t)
    temp = np.cos(2 * np.pi * k / 48) + 0.1 * rng.normal(size=t)
    return np.c_[flow, 0.9 * flow + 0.15 * rng.normal(size=t), temp, rng.normal(size=t) * 0.3]


@pytest.fixture(scope="module")
def model() -> tocsin.Pipeline:
    return tocsin.fit(frame(channels(0)), "knn", time="t", missing="ignore")


def stuck() -> np.ndarray:
    X = channels(1)
    X[BAD, 0] = X[300, 0]
    return X


@pytest.mark.parametrize("detector", ["knn", "iforest", "gaussian"])
@pytest.mark.parametrize(("channel", "name"), [(0, "flow"), (2, "temp")])
def test_the_channel_at_fault_is_named_whatever_the_detector(detector: str, channel: int, name: str):
    """knn and gaussian tell what they expected, a forest does not."""
    X = channels(1)
    X[BAD, channel] += 2.5
    fitted = tocsin.fit(frame(channels(0)), detector, time="t", params={"trees": 30} if detector == "iforest" else {})
    why = fitted.explain(frame(X), rows=np.arange(305, 335, 6))
    assert why.labels[int(why.values.mean(axis=0).argmax())] == name


def test_the_broken_relation_is_told_everywhere(model):
    found = model.detect(frame(stuck()))
    why = model.explain(frame(stuck()), rows=np.arange(300, 340), found=found)
    pair = why.relations[20][0]
    assert {pair.a, pair.b} == {"flow", "pressure"} and pair.usual > 0.8 and abs(pair.now) < 0.5
    assert "`flow` and `pressure` usually move together (r 0." in why.sentences[20] and "here they do not" in why.sentences[20]
    told = reason(why, 20)["relations"][0]
    assert {told["a"], told["b"]} == {"flow", "pressure"}
    whole = model.explain(frame(channels(1)), rows=np.arange(300, 340))
    assert whole.relations[20] == () and "relations" not in reason(whole, 20)


def test_relations_survive_saving(model, tmp_path):
    again = tocsin.load(tocsin.save(model, tmp_path / "m.tocsin"))
    rows = np.arange(300, 340)
    assert again.explain(frame(stuck()), rows).relations == model.explain(frame(stuck()), rows).relations


def test_a_table_has_no_relations():
    rows = np.random.default_rng(0).normal(size=(60, 2))
    assert tocsin.fit(rows, "gaussian").explain(rows, rows=[0]).relations == ()


@pytest.mark.parametrize("gone", NAMES)
def test_a_channel_without_a_cell_raises_no_alarm_and_is_told(model, gone: str):
    data = {**frame(channels(2)), gone: np.full(T, np.nan)}
    found = model.detect(data)
    assert np.isfinite(found.score).all() and found.is_anomaly.mean() < 0.05
    told = [finding for finding in model.findings(data) if finding.what == "channel_missing"]
    assert [finding.column for finding in told] == [gone] and told[0].level == "warning"


def test_an_absent_channel_is_an_error_unless_allowed(model, tmp_path):
    short = frame(channels(2)[:, :3], NAMES[:3])
    with pytest.raises(tocsin.TocsinError, match="missing='ignore'") as caught:
        tocsin.fit(frame(channels(0)), "gaussian", time="t").detect(short)
    assert caught.value.code == "TOC-133"
    again = tocsin.load(tocsin.save(model, tmp_path / "m.tocsin"))
    same = again.detect({**short, "level": np.full(T, np.nan)}).score
    assert np.array_equal(again.detect(short).score, same)
    with pytest.raises(tocsin.TocsinError, match="TOC-247"):
        tocsin.fit(np.random.default_rng(0).normal(size=(60, 2)), missing="ignore")


def test_the_others_are_still_judged_when_a_channel_is_gone(model):
    X = channels(1)
    X[BAD, 0] += 4.0
    assert model.detect({**frame(X), "level": np.full(T, np.nan)}).is_anomaly[BAD].mean() > 0.8


@pytest.mark.parametrize("late", ["flow", "temp"])
@pytest.mark.parametrize("detector", ["knn", "gaussian", "fusion"])
def test_a_late_channel_is_no_alarm(late: str, detector: str, model):
    given = {"params": {"most": 100}} if detector == "fusion" else {"missing": "ignore"}  # the fusion has it without being asked
    fitted = model if detector == "knn" else tocsin.fit(frame(channels(0)), detector, time="t", **given)
    data = frame(channels(2))
    data[late] = data[late].copy()
    data[late][-5:] = np.nan
    found = fitted.detect(data)
    assert np.isfinite(found.score).all() and not found.is_anomaly[-5:].any()
    assert found.p_value[-5:].min() > 0.02
    assert [f.count for f in fitted.findings(data) if f.what == "channel_late"] == [5]


def test_a_relation_with_an_unmeasured_channel_is_not_broken(model):
    data = {**frame(channels(2)), "pressure": np.full(T, np.nan)}
    assert not any(model.explain(data, rows=np.arange(100, 160)).relations)


def load(seed: int, holidays: tuple[int, ...], t: int = 24 * 42) -> dict[str, Any]:
    """Demand with a day and a quiet weekend; on holidays it is quiet, too. Starts on a Monday."""
    rng, k = np.random.default_rng(seed), np.arange(t)
    holiday = np.isin(k // 24, holidays).astype(float)
    quiet = np.maximum(holiday, k // 24 % 7 >= 5)
    values = 100 + 30 * np.sin(2 * np.pi * (k % 24) / 24 - 1.5) * (1 - 0.8 * quiet) - 25 * quiet + 2 * rng.normal(size=t)
    return {**frame(values[:, None], ("load",)), "holiday": holiday}


LEARNED = load(0, (2, 10, 17, 24, 30, 37))


@pytest.fixture(scope="module")
def calendar() -> tocsin.Pipeline:
    return tocsin.fit(LEARNED, "knn", time="t", covariates=["holiday"], calendar=True)


def test_a_quiet_holiday_is_usual_and_a_quiet_weekday_is_not(calendar):
    new = load(1, (8, 22))
    new["load"][24 * 15:24 * 16] = load(2, (15,))["load"][24 * 15:24 * 16]  # quiet, and no holiday
    found = calendar.detect(new)
    day = np.arange(len(found)) // 24
    assert found.is_anomaly[day == 15].mean() > 0.6
    assert found.is_anomaly[(day == 8) | (day == 22)].mean() < 0.1
    why = calendar.explain(new, rows=[24 * 15 + 12], found=found)
    assert why.labels == ("load",) and why.observed[0][0] < 85 and why.expected[0][0] > 110  # own units, the effect added


def test_covariates_survive_saving_and_count_as_usual_when_they_are_absent(calendar, tmp_path):
    new = load(1, (8,))
    again = tocsin.load(tocsin.save(calendar, tmp_path / "m.tocsin"))
    assert np.array_equal(again.detect(new).score, calendar.detect(new).score)
    del new["holiday"]
    assert np.isfinite(again.detect(new).score).all()
    assert [f.column for f in again.findings(new) if f.what == "covariate_missing"] == ["holiday"]


def test_a_model_with_covariates_is_not_exported(calendar, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(tocsin.TocsinError, match="Adjust") as caught:
        tocsin.export(calendar, tmp_path / "m.onnx")
    assert caught.value.code == "TOC-422"


def test_covariates_that_make_no_sense():
    for code, settings in (("TOC-171", {"covariates": ["weather"]}), ("TOC-172", {"covariates": ["load", "holiday"]})):
        with pytest.raises(tocsin.TocsinError) as caught:
            tocsin.fit(LEARNED, "gaussian", time="t", **settings)
        assert caught.value.code == code
    with pytest.raises(tocsin.TocsinError, match="TOC-245"):
        tocsin.fit({"a": [1.0, 2.0] * 20, "b": [1.0, 3.0] * 20}, covariates=["b"])
    with pytest.raises(tocsin.TocsinError, match="TOC-246"):
        tocsin.fit({**LEARNED, "t": np.arange(len(LEARNED["load"]))}, "gaussian", time="t", calendar=True)
