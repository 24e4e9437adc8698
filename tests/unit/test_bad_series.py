"""Odd series through the public doors, with the default detector: a defined result or a clear error with a code."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tocsin
from tocsin.interfaces.cli.app import main

T = 200
K = np.arange(T)
V = np.sin(2 * np.pi * K / 20) + 0.1 * np.random.default_rng(0).normal(size=T)
HOURS = np.datetime64("2024-03-25T00", "s") + K * np.timedelta64(1, "h")
GOOD: dict[str, Any] = {"t": HOURS, "v": V}
HOUR, CHANGE = np.timedelta64(1, "h"), 147  # Sunday, 31 March, 03:00


@pytest.fixture(scope="module")
def model() -> tocsin.Pipeline:
    return tocsin.fit(GOOD, time="t")


def changed(**parts: Any) -> dict[str, Any]:
    return {**GOOD, **parts}


def but(rows: Any, value: Any) -> np.ndarray:
    made = V.copy()
    made[rows] = value if not callable(value) else value(made[rows])
    return made


def sound(found: tocsin.Detections, rows: int) -> tocsin.Detections:
    assert len(found) == rows and np.isfinite(found.score).all()
    assert ((found.p_value > 0) & (found.p_value <= 1)).all()
    return found


def whats(model: tocsin.Pipeline, data: dict[str, Any]) -> set[str]:
    return {finding.what for finding in model.findings(data)}


def refused(code: str, data: Any, **options: Any) -> None:
    for verb in (tocsin.detect, tocsin.fit):
        with pytest.raises(tocsin.TocsinError) as caught:
            verb(data, time="t", **options)
        assert caught.value.code == code and caught.value.todo


def test_a_constant_series_is_learned_as_one_and_odd_where_it_moves(model):
    still = tocsin.fit(changed(v=np.ones(T)), time="t")
    assert not sound(still.detect(changed(v=np.ones(T))), T).is_anomaly.any()
    moved = sound(still.detect(changed(v=np.where(np.arange(T) // 10 == 10, 2.0, 1.0))), T)
    assert moved.is_anomaly[100:110].all() and 90 <= moved.score.argmax() < 120
    assert not sound(tocsin.detect(changed(v=np.ones(T)), time="t"), T).is_anomaly.any()
    assert sound(model.detect(changed(v=np.ones(T))), T).is_anomaly.mean() > 0.5


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_fewer_points_than_a_window(model, rows):
    short = {name: part[:rows] for name, part in GOOD.items()}
    assert not sound(model.detect(short), rows).is_anomaly.any()
    refused("TOC-113" if rows < 4 else "TOC-118", short)


def test_all_missing(model):
    refused("TOC-153", changed(v=np.full(T, np.nan)))
    gone = changed(v=np.full(T, np.nan))
    assert not sound(model.detect(gone), T).is_anomaly.any()  # nothing was measured: nothing is evidence
    assert whats(model, gone) == {"channel_missing"}


@pytest.mark.parametrize("spike", [1e12, -1e12, 1e300, np.inf])
def test_one_giant_spike(model, spike):
    data = changed(v=but(100, spike))
    found = sound(model.detect(data), T)
    own = sound(tocsin.detect(data, time="t"), T)
    if np.isfinite(spike):
        assert found.is_anomaly[100] and own.score.argmax() == 100
        assert not found.is_anomaly[:66].any() and not found.is_anomaly[135:].any()  # its longest window is 33 steps
    else:
        assert not found.is_anomaly[100]  # no number: a missing cell


def test_a_model_learned_with_a_giant_spike_still_judges():
    learned = tocsin.fit(changed(v=but(100, 1e12)), time="t", clean=False)
    score = sound(learned.detect(changed(v=but(slice(60, 75), 0.0))), T).score
    assert score[60:75].mean() > 1.5 * score[120:].mean()


def test_a_level_shift_for_the_rest_of_time(model):
    shifted = changed(v=but(slice(100, None), lambda part: part + 5))
    found = sound(model.detect(shifted), T)
    assert found.is_anomaly[110:].all() and not found.is_anomaly[:66].any()
    assert found.events[-1].end == T - 1
    sound(tocsin.detect(shifted, time="t"), T)


def test_gaps(model):
    rows = np.r_[0:60, 63:100, 130:T]
    gaps = {name: part[rows] for name, part in GOOD.items()}
    found = sound(model.detect(gaps), len(rows))
    assert found.is_anomaly.mean() < 0.1
    assert whats(model, gaps) == {"gap_filled", "gap_cut"}


def test_an_irregular_clock(model):
    random = np.random.default_rng(1).exponential(3600, T)
    data = changed(t=HOURS[0] + random.cumsum().astype("timedelta64[s]"))
    sound(tocsin.detect(data, time="t"), T)
    assert "irregular" in whats(model, data)
    sound(model.detect(data), T)
    jitter = changed(t=HOURS + np.random.default_rng(2).integers(-300, 300, T).astype("timedelta64[s]"))
    assert "jitter" in whats(model, jitter)
    assert not sound(model.detect(jitter), T).is_anomaly.any()


def test_the_clock_goes_forward_in_spring(model):
    """Local times: the hour from 2 to 3 does not exist; one step is filled and nothing is an alarm."""
    data = changed(t=np.where(K < CHANGE, HOURS, HOURS + HOUR))
    assert not sound(model.detect(data), T).is_anomaly.any()
    assert whats(model, data) == {"gap_filled"}


def test_the_clock_goes_back_in_autumn(model):
    """Local times: an hour comes twice; its two rows share a step."""
    data = changed(t=np.where(K < CHANGE, HOURS, HOURS - HOUR))
    assert not sound(model.detect(data), T).is_anomaly.any()
    assert {"duplicate_time", "merged"} <= whats(model, data)
    sound(tocsin.detect(data, time="t"), T)


def test_times_that_tell_their_zone_have_no_seam(model):
    summer = np.where(K < CHANGE, 1, 2)
    text = [f"{stamp}+0{ahead}:00" for stamp, ahead in zip((HOURS + summer * HOUR).astype(str), summer.tolist())]
    found = sound(model.detect(changed(t=text)), T)
    assert np.array_equal(found.score, model.detect(GOOD).score) and not whats(model, changed(t=text))


def test_a_change_of_zone_in_the_middle(model):
    """Local times of a device that was moved nine hours west: rows overlap and are averaged, with a warning."""
    data = changed(t=np.where(K < CHANGE, HOURS, HOURS - 9 * HOUR))
    sound(model.detect(data), T)
    assert "merged" in whats(model, data)


def test_two_series_in_one_file():
    both = {"t": np.r_[HOURS, HOURS], "v": np.r_[V, 5 - V], "g": ["a"] * T + ["b"] * T}
    mixed = np.random.default_rng(0).permutation(2 * T)
    model = tocsin.fit(both, time="t", group="g")
    found = sound(model.detect({"t": both["t"][mixed], "v": both["v"][mixed], "g": np.array(both["g"])[mixed]}), 2 * T)
    assert np.array_equal(found.score, model.detect(both).score)  # each by itself, in its own order
    assert found.is_anomaly.mean() < 0.05
    sound(tocsin.detect({name: both[name] for name in "tv"}, time="t"), 2 * T)  # the group not named: two rows a step


@pytest.mark.parametrize("rows", [1, 5, 12])
def test_late_rows_are_no_alarm(model, rows):
    found = sound(model.detect(changed(v=but(slice(T - rows, None), np.nan))), T)
    assert not found.is_anomaly.any()


def test_two_hundred_channels():
    rng = np.random.default_rng(1)
    X = V[:120, None] * rng.normal(size=200) + 0.2 * rng.normal(size=(120, 200))
    data = {"t": HOURS[:120], **{f"c{j}": X[:, j] for j in range(200)}}
    model = tocsin.fit(data, time="t")
    data["c7"] = data["c7"].copy()
    data["c7"][60:70] += 40
    found = sound(model.detect(data), 120)
    why = model.explain(data, rows=[65], found=found)
    assert why.labels[int(why.values[0].argmax())] == "c7"


def test_time_and_memory_grow_with_the_rows_alone(model):
    """Ten times the rows: the same scores in the parts that do not touch, so nothing looks at the whole."""
    many = {"t": HOURS[0] + np.arange(10 * T) * HOUR, "v": np.tile(V, 10)}
    assert np.allclose(model.detect(many).score[:T - 40], model.detect(GOOD).score[:T - 40])


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    code = 0
    try:
        main([str(word) for word in (*words, "--json")])
    except SystemExit as end:
        code = int(end.code or 0)
    out = capsys.readouterr().out
    return code, json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def write(path: Path, data: dict[str, Any]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(data)
        for line in zip(*(np.asarray(part).tolist() if name != "t" else np.asarray(part).astype(str) for name, part in data.items())):
            lines.writerow(["" if isinstance(cell, float) and np.isnan(cell) else cell for cell in line])
    return path


@pytest.mark.parametrize(("code", "data"), [
    ("TOC-153", changed(v=np.full(T, np.nan))), ("TOC-118", {k: v[:9] for k, v in GOOD.items()})])
def test_the_command_refuses_with_the_same_codes(capsys, tmp_path, code, data):
    status, told = command(capsys, "detect", write(tmp_path / "s.csv", data), "--time", "t", "--kind", "series")
    assert status == 1 and told["error"]["code"] == code


@pytest.mark.parametrize("data", [
    changed(v=but(100, 1e12)), changed(v=but(slice(190, None), np.nan)), changed(t=np.where(K < CHANGE, HOURS, HOURS - HOUR)),
], ids=["spike", "late", "autumn"])
def test_the_command_judges_every_row(capsys, tmp_path, data):
    status, told = command(capsys, "detect", write(tmp_path / "s.csv", data), "--time", "t", "--out", tmp_path / "o")
    assert status == 0 and told["rows"] == T
    assert len((tmp_path / "o" / "detections.csv").read_text().splitlines()) == T + 1


def test_the_command_with_covariates_and_an_absent_channel(capsys, tmp_path):
    holiday = (K // 24 % 4 == 1).astype(float)
    known = write(tmp_path / "known.csv", {"t": HOURS, "v": V - 3 * holiday, "w": V[::-1].copy(), "holiday": holiday})
    saved = tmp_path / "m.tocsin"
    options = ("--time", "t", "--covariates", "holiday", "--calendar", "--missing", "ignore")
    assert command(capsys, "fit", known, "--out", saved, *options)[0] == 0
    new = write(tmp_path / "new.csv", {"t": HOURS, "v": V})
    status, told = command(capsys, "detect", new, "--model", saved)
    found = {(finding["what"], finding["column"]) for finding in told["findings"]}
    assert status == 0 and {("channel_missing", "w"), ("covariate_missing", "holiday")} <= found
