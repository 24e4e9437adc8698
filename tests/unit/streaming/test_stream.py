"""The whole stream: equal to batch, restored at any row, bounded, and plain about its state."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.core.tags import Tags
from tocsin.core.types import Dataset
from tocsin.decision.spot import Spot
from tocsin.pipeline.pipeline import Pipeline
from tocsin.streaming.stream import Stream


class Far(OnlineDetector):
    """Distance from the mean of what came; fast and tiny."""

    tags = Tags(modality="series", online=True)

    @classmethod
    def small(cls):
        return cls()

    def _stepper(self, state, channels):
        return FarStepper(state or {"n": 0, "mean": [0.0] * channels})


class FarStepper(Stepper):
    def __init__(self, kept):
        self.n, self.mean = kept["n"], kept["mean"]

    @property
    def warm(self):
        return self.n > 5

    @property
    def needed(self):
        return 6 - self.n

    def step(self, row, time=None):
        score = sum(abs(a - b) for a, b in zip(row, self.mean)) if self.warm else 0.0
        self.n += 1
        self.mean = [b + (a - b) / self.n for a, b in zip(row, self.mean)]
        return score

    def cut(self):
        pass

    def state(self):
        return {"n": self.n, "mean": list(self.mean)}


_STEP = np.timedelta64(1, "m")


def _series(n, seed=0):
    rng = np.random.default_rng(seed)
    X = np.sin(np.arange(n) / 4)[:, None] * [1.0, 3.0] + rng.normal(size=(n, 2)) * 0.1
    return X, np.datetime64("2024-03-31T00:00") + np.arange(n) * _STEP


@pytest.fixture(scope="module")
def model():
    X, time = _series(400)
    return Pipeline(catalog.make("windows", window=8), seed=0).fit(Dataset.of(X, kind="series", names=["a", "b"], time=time))


@pytest.fixture(scope="module")
def plain():
    return Pipeline(catalog.make("windows", window=8)).fit(Dataset.of(_series(400)[0], kind="series", names=["a", "b"]))


def _finals(judgements):
    return {one.position: one for one in judgements if one.final and one.state != "late"}


def _run(stream, rows, times=None):
    made = []
    for i, row in enumerate(rows):
        made += stream.push(row, None if times is None else times[i])
    return made + stream.flush()


def test_a_pipelines_stream_is_its_batch(plain):
    X, _ = _series(120, seed=1)
    X[60:63] += 4
    X[20, 0] = np.nan
    X[40:44, 1] = np.nan
    found = plain.detect(Dataset.of(X, kind="series", names=["a", "b"]))
    told = _finals(_run(Stream(plain), X))
    assert sorted(told) == list(range(120))
    np.testing.assert_allclose([told[i].score for i in range(120)], found.score, rtol=1e-9)
    np.testing.assert_allclose([told[i].p_value for i in range(120)], found.p_value, rtol=1e-6)
    assert [told[i].is_anomaly for i in range(120)] == found.is_anomaly.tolist()
    assert found.is_anomaly.any()


def test_with_times_holes_and_disorder_it_is_the_batch_too(model):
    rng = np.random.default_rng(2)
    X, time = _series(200, seed=1)
    keep = rng.random(200) > 0.15
    keep[90:110] = False  # longer than the gap limit: a new segment
    X, time = X[keep], time[keep]
    found = model.detect(Dataset.of(X, kind="series", names=["a", "b"], time=time))
    order = np.argsort(np.arange(len(X)) + rng.uniform(0, 6, len(X)), kind="stable")
    stream = Stream(model, lateness="30min")
    told = _finals(_run(stream, [dict(zip("ab", X[i])) for i in order], [time[i] for i in order]))
    np.testing.assert_allclose([told[k].score for k in range(len(X))], found.score[order], rtol=1e-9)
    assert [told[k].time for k in range(len(X))] == time[order].tolist() or all(told[k].time == time[order][k] for k in range(len(X)))
    where = stream.status()
    assert (where["late"], where["cuts"], where["held"]) == (0, 1, 0)
    assert where["filled"] > 5


def test_two_rows_in_a_step_are_their_mean_when_asked(model):
    X, time = _series(80, seed=3)
    both = np.concatenate([X, X[10:70:7] + 0.5])
    times = np.concatenate([time, time[10:70:7]])
    order = np.argsort(times, kind="stable")
    found = model.detect(Dataset.of(both[order], kind="series", names=["a", "b"], time=times[order]))
    told = _finals(_run(Stream(model, lateness="5min", duplicates="mean"), both[order], times[order]))
    np.testing.assert_allclose([told[i].score for i in range(len(order))], found.score, rtol=1e-9)
    last = Stream(model, lateness="5min")
    assert len(_finals(_run(last, both[order], times[order]))) == 80
    assert last.status()["duplicates"] == 9


def test_late_rows_come_back_marked(model):
    X, time = _series(30)
    stream = Stream(model)
    for i in range(20):
        stream.push(X[i], time[i])
    late = stream.push(X[3], time[3])
    assert [(one.state, one.position, one.is_anomaly, one.score) for one in late] == [("late", 20, False, 0.0)]
    assert stream.status()["late"] == 1


def test_clock_changes_are_no_gaps_when_stamps_have_their_zone(model):
    zone, X = ZoneInfo("Europe/Rome"), _series(300)[0]
    start = datetime(2024, 10, 26, 23, 0, tzinfo=ZoneInfo("UTC"))
    stream = Stream(model)
    for i in range(300):
        stream.push(X[i], (start + timedelta(minutes=i)).astimezone(zone))
    where = stream.status()
    assert (where["late"], where["filled"], where["cuts"]) == (0, 0, 0)


def test_early_words_come_at_once_and_teach_nothing(plain):
    X, _ = _series(60)
    stream = Stream(plain, threshold=Spot(0.01, warmup=20))
    learned = 0
    for i in range(60):
        made = stream.push(X[i])
        assert [one.position for one in made if not one.final] == [i]
        learned += sum(one.final for one in made)
    assert stream.rule.needed == 0
    assert stream.rule._n == learned
    silent = Stream(plain, early=False)
    assert all(one.final for row in X for one in silent.push(row))


@pytest.mark.parametrize("timed", [False, True])
def test_restored_at_every_row_it_gives_the_same(model, plain, timed, tmp_path):
    X, time = _series(46, seed=5)
    rng = np.random.default_rng(0)
    keep = np.r_[0:12, 13:20, 34:46]
    order = keep[np.argsort(keep + rng.uniform(0, 3, len(keep)), kind="stable")] if timed else np.arange(46)
    X[17, 0] = np.nan
    source, options = (model, {"lateness": "3min"}) if timed else (plain, {})
    times = [time[i] if timed else None for i in order]
    whole, parts = Stream(source, threshold=Spot(0.05, warmup=20), **options), Stream(source, threshold=Spot(0.05, warmup=20), **options)
    for k, i in enumerate(order):
        expected = whole.push(X[i], times[k])
        assert parts.push(X[i], times[k]) == expected
        if k % 5 == 0:
            parts.save(tmp_path / "s")
            parts = Stream.load(tmp_path / "s", source)
        else:
            parts = Stream.from_state(parts.state(), source)
    assert parts.flush() == whole.flush()
    assert parts.status() == whole.status()


def test_a_cold_start_is_restored_without_a_model():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 2)).tolist()
    whole, parts = Stream("seasonal_forecaster", warmup=20), Stream("seasonal_forecaster", warmup=20)
    for row in rows:
        assert parts.push(row) == whole.push(row)
        parts = Stream.from_state(parts.state())


def test_a_cold_start_warms_up_and_finds():
    rng = np.random.default_rng(0)
    stream = Stream(Far(), warmup=50)
    assert stream.status()["state"] == "warming"
    made = [one for value in rng.normal(size=500).tolist() for one in stream.push(value)]
    assert [one.state for one in made].index("live") == 54
    assert stream.status()["needed"] == 0
    assert not any(one.is_anomaly for one in made[:55])
    assert sum(one.is_anomaly for one in made) < 5
    hit = stream.push(25.0)[0]
    assert (hit.is_anomaly, hit.position, hit.final) == (True, 500, True)
    assert hit.p_value < 1e-3


def test_the_quick_way_and_the_long_way_are_one():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2)).tolist()
    quick, long = Stream(Far(), warmup=50), Stream(Far(), warmup=50)
    for row in rows:
        assert quick.push(row) == long.push({"a": row[0], "b": row[1]})
    assert quick.push([1.0, None]) == long.push({"a": 1.0})
    assert quick.push([rows[0][0], 1.0])[0].score == long.push({"b": 1.0, "a": rows[0][0]})[0].score
    assert quick.status()["missing"] == long.status()["missing"] == 1


@pytest.mark.parametrize("rows", [20_000])
def test_memory_is_bounded_over_many_rows(rows):
    stream = Stream(Far(), warmup=50, lateness=5)
    rng = np.random.default_rng(0)
    most = 0
    for i, (value, off) in enumerate(zip(rng.normal(size=rows).tolist(), rng.integers(-4, 5, rows).tolist())):
        stream.push((value,), i + off)
        if i % 1000 == 0:
            most = max(most, stream.status()["held"])
    assert most <= 16
    assert len(stream.rule._kept) == 2000
    assert len(stream.rule._recent) <= 400


def test_after_flush_it_goes_on_with_a_new_segment(plain):
    X, _ = _series(60)
    stream = Stream(plain)
    first, second = _finals(_run(stream, X[:30])), _finals(_run(stream, X[:30]))
    assert [one.score for one in first.values()] == [one.score for one in second.values()]
    assert list(second) == list(range(30, 60))


def test_a_row_that_raises_is_not_taken(model):
    X, time = _series(40)
    whole, hurt = Stream(model), Stream(model)
    for i in range(40):
        with pytest.raises(DataError):
            hurt.push(X[i][:1], time[i])
        with pytest.raises(DataError, match="TOC-197"):
            hurt.push(X[i], "when?")
        if i:
            with pytest.raises(DataError, match="TOC-198"):
                hurt.push(X[i])
            with pytest.raises(DataError, match="TOC-198"):
                hurt.push(X[i], 12.5)
        assert hurt.push(X[i], time[i]) == whole.push(X[i], time[i])


def test_a_time_after_rows_without_is_refused(plain):
    stream = Stream(plain)
    stream.push([1.0, 2.0])
    with pytest.raises(DataError, match="TOC-198"):
        stream.push([1.0, 2.0], 3)


def test_a_giant_spike_a_constant_and_missing_rows(plain):
    stream = Stream(plain, threshold="adaptive=0.01", warmup=30)
    made = _run(stream, [[1e300, -1e300]] + [[1.0, 1.0]] * 60 + [[None, None]] * 40 + [[1.0, 1.0]] * 30)
    assert all(np.isfinite(one.score) and 0 < one.p_value <= 1 for one in made)
    assert len(_finals(made)) == 131


def test_thresholds(plain):
    assert Stream(plain).rule.threshold.value == 0.01
    assert Stream(plain, threshold="false_alarm_rate=0.05").rule.threshold.value == 0.05
    assert Stream(plain, threshold="adaptive=0.1%").rule.rate == pytest.approx(0.001)
    assert Stream(Far(), threshold="false_alarm_rate=0.01").rule.rate == 0.01
    with pytest.raises(ConfigError, match="TOC-278"):
        Stream(plain, threshold="fdr=0.1")
    with pytest.raises(ConfigError, match="TOC-278"):
        Stream(Far(), threshold="contamination=0.1")
    with pytest.raises(ConfigError, match="TOC-242"):
        Stream(plain, threshold="adaptive=often")


def test_what_cannot_be_streamed():
    table = Pipeline("gaussian").fit(np.random.default_rng(0).normal(size=(50, 2)))
    for wrong in (table, catalog.make("knn"), catalog.make("windows"), 3):
        with pytest.raises(ConfigError, match="TOC-279"):
            Stream(wrong)
    with pytest.raises(StateError, match="TOC-301"):
        Stream(Pipeline("windows"))
    with pytest.raises(ConfigError, match="TOC-202"):
        Stream(Far(), lateness="soon")
    with pytest.raises(ConfigError, match="TOC-202"):
        Stream(Far(), duplicates="first")


def test_a_saved_stream_wants_its_model(plain, model, tmp_path):
    stream = Stream(plain)
    stream.push([1.0, 2.0])
    stream.save(tmp_path / "s")
    for other in (None, model, Far()):
        with pytest.raises((StateError, ConfigError)):
            Stream.load(tmp_path / "s", other)
    assert Stream.load(tmp_path / "s", plain).status() == stream.status()


def test_files_that_are_no_saved_stream(tmp_path, plain):
    with pytest.raises(ArtifactError, match="TOC-401"):
        Stream.load(tmp_path / "none", plain)
    (tmp_path / "bad").write_bytes(b"not a stream")
    with pytest.raises(ArtifactError, match="TOC-404"):
        Stream.load(tmp_path / "bad", plain)
    with pytest.raises(ArtifactError, match="TOC-412"):
        Stream.from_state({"format": 1}, plain)
    with pytest.raises(ArtifactError, match="TOC-412"):
        Stream.from_state({"format": 99}, plain)
    with pytest.raises(StateError, match="TOC-345"):
        Stream(plain).save(tmp_path / "no" / "folder")


@pytest.mark.parametrize("given", [
    {"warmup": "a"}, {"warmup": 10**12}, {"warmup": 10**30}, {"columns": 5}, {"columns": "ab"},
    {"columns": []}, {"step": 1e-300}, {"step": np.timedelta64(1, "M")}, {"step": 10**400}, {"lateness": 10**5000}])
def test_settings_that_mean_nothing_are_stated(given):
    with pytest.raises(ConfigError, match="TOC-202"):
        Stream(Far(), **given)


@pytest.mark.parametrize("row", [10**400, [1.0, 10**5000], {"a": 10**400}, [[1], [1, 2]], 1j, object()])
def test_a_cell_that_no_float_holds_is_stated_and_the_stream_goes_on(row):
    stream = Stream(Far())
    with pytest.raises(DataError, match="TOC-199"):
        stream.push(row)


def test_a_number_too_large_for_a_pipeline_is_stated():
    stream = Stream(Pipeline("windows").fit(Dataset.of(np.sin(np.arange(400) / 5), kind="series")))
    for row in (10**400, [10**5000]):
        with pytest.raises(DataError, match="TOC-199"):
            stream.push(row)
    with pytest.raises(DataError, match="TOC-197"):
        stream.push(1.0, 10**400)
    assert stream.status()["pushed"] == 0
    stream.push(1.0, np.longdouble(3))
    assert stream.status()["pushed"] == 1


def test_rows_of_an_open_step_are_held():
    stream = Stream(Far(), step=100, lateness=1)
    for i in range(10):
        stream.push([1.0], i + 0.5)
    assert stream.status()["held"] == 10


def _tampered():
    stream = Stream("seasonal_forecaster", lateness=3, step=1, warmup=20)
    for i in range(160):
        stream.push([float(i % 7)], float(i))
    return stream.state()


@pytest.mark.parametrize(("path", "value"), [
    (("rule", "_scale"), -1.0), (("rule", "_mean"), float("nan")), (("rule", "_n"), 10**9), (("rule", "_at"), -1), (("rule", "_n"), 1.0),
    (("rule", "_knots"), [1.0, 2.0]), (("rule", "_knots"), "abc"), (("rule", "_kept"), np.zeros(3)), (("rule", "_recent"), [None]),
    (("rule", "_share"), 2.0), (("arrival", "latest"), "x"), (("arrival", "late"), -1), (("arrival", "held"), [[1]]),
    (("ticker", "_at"), float("inf")), (("ticker", "merged"), None), (("clock",), 7), (("counts",), [1, 2]), (("waiting",), [[[], [], 0]]),
    (("open",), 5), (("live", "last"), [1.0, 2.0]), (("live", "width"), -3), (("scorer",), 5), (("rule", "_run"), 10**99),
    (("rule", "_mean"), []), (("rule", "_level"), 1e308), (("rule", "_level"), np.zeros(3)), (("scorer", "n"), -1),
    (("scorer", "level"), [])])
def test_a_tampered_state_is_told(path, value):
    state = _tampered()
    part = state
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(ArtifactError, match="TOC-412"):
        Stream.from_state(state)


def test_the_state_before_tampering_is_sound():
    assert Stream.from_state(_tampered()).push([1.0], 160.0)[0].state == "live"
