"""``tocsin watch``: rows from files and standard input, bad lines, and a state that goes on."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tocsin.interfaces.cli import watch as module
from tocsin.interfaces.cli.app import main


@pytest.fixture(scope="module")
def pump(files, tmp_path_factory):
    """A saved model of a series."""
    path = tmp_path_factory.mktemp("pump") / "pump.tocsin"
    with pytest.raises(SystemExit) as end:
        main(["fit", str(files["pump"]), "--detector", "windows", "--param", "window=8", "--clean", "--out", str(path), "--json"])
    assert not end.value.code
    return path


def _lines(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


def test_every_row_of_a_file_is_told_with_all(tocsin, files, pump):
    ran = tocsin("watch", files["pump"], "--model", pump, "--all")
    assert ran.code == 0
    told = _lines(ran)
    assert sorted(one["position"] for one in told) == list(range(400))
    assert all(one["final"] for one in told)
    assert told[0]["time"] == "2024-01-01T00:00:00.000000"
    assert "400 rows" in ran.err


def test_anomalies_only_and_an_exit_code(tocsin, files, tmp_path):
    text = files["pump"].read_text().splitlines()
    text[350] = text[350].split(",")[0] + ",1000"
    (tmp_path / "f.csv").write_text("\n".join(text))
    ran = tocsin("watch", tmp_path / "f.csv", "--detector", "seasonal_forecaster", "--warmup", 100, "--fail-on-anomaly")
    assert ran.code == 3
    assert 349 in [one["position"] for one in _lines(ran)]
    assert all(one["is_anomaly"] or one["note"] for one in _lines(ran))


def test_standard_input_as_json_lines_with_bad_ones(tocsin, monkeypatch):
    rows = [json.dumps({"a": i % 7, "b": 1.5}) for i in range(60)]
    rows[10] = "{broken"
    rows[20] = "[1, 2]"
    rows[30] = '{"a": "high", "b": 1}'
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(rows) + "\n"))
    ran = tocsin("watch", "-", "--detector", "seasonal_forecaster", "--all")
    assert ran.code == 0
    assert len(_lines(ran)) == 57
    assert [line.split(":")[0] for line in ran.err.splitlines()[:3]] == ["line 11", "line 21", "line 31"]
    assert "3 bad lines" in ran.err


def test_a_state_goes_on_where_it_stopped(tocsin, files, pump, tmp_path):
    text = files["pump"].read_text().splitlines()
    (tmp_path / "one.csv").write_text("\n".join(text[:150]))
    (tmp_path / "two.csv").write_text("\n".join([text[0], *text[150:]]))
    state = tmp_path / "pump.stream"
    first = tocsin("watch", tmp_path / "one.csv", "--model", pump, "--state", state, "--all")
    second = tocsin("watch", tmp_path / "two.csv", "--model", pump, "--state", state, "--all")
    whole = tocsin("watch", files["pump"], "--model", pump, "--state", tmp_path / "other.stream", "--all")
    assert (first.code, second.code) == (0, 0)
    assert _lines(first) + _lines(second) == _lines(whole)


def test_an_interrupt_saves_the_state(tocsin, files, pump, tmp_path, monkeypatch):
    def broken(lines, comma):
        yield from list(module_rows(lines, comma))[:50]
        raise KeyboardInterrupt

    module_rows = module._rows
    monkeypatch.setattr(module, "_rows", broken)
    ran = tocsin("watch", files["pump"], "--model", pump, "--state", tmp_path / "s")
    assert ran.code == 130
    assert (tmp_path / "s").exists()


def test_early_words_are_told_when_asked(tocsin, files, pump):
    ran = tocsin("watch", files["pump"], "--model", pump, "--all", "--early")
    assert {one["final"] for one in _lines(ran)} == {True, False}


def test_decimal_commas_and_files_without_names(tocsin, tmp_path):
    (tmp_path / "f.csv").write_text("\n".join(f"{i},5;{i % 3},25" for i in range(40)))
    rows = list(module._rows((tmp_path / "f.csv").read_text().splitlines(), True))
    assert rows[0] == (1, {"x0": "0,5", "x1": "0,25"})
    ran = tocsin("watch", tmp_path / "f.csv", "--detector", "seasonal_forecaster", "--decimal", ",", "--all")
    assert len(_lines(ran)) == 40


def test_nothing_usable_and_wrong_wishes_are_errors(tocsin, tmp_path):
    (tmp_path / "f.csv").write_text("a,b\nx,y\nz,w\n")
    assert "TOC-122" in tocsin("watch", tmp_path / "f.csv", "--detector", "seasonal_forecaster").err
    assert "TOC-279" in tocsin("watch", tmp_path / "f.csv").err
    assert "TOC-120" in tocsin("watch", tmp_path / "none.csv", "--detector", "seasonal_forecaster").err
    assert "TOC-202" in tocsin("watch", tmp_path / "f.csv", "--detector", "seasonal_forecaster", "--lateness", "soon").err


def test_late_rows_are_counted_and_shown_with_all(tocsin, tmp_path):
    stamps = np.datetime64("2024-01-01T00:00") + np.r_[0:50, 10, 50:60] * np.timedelta64(1, "m")
    (tmp_path / "f.csv").write_text("\n".join(["time,v", *(f"{at},{i % 5}" for i, at in enumerate(stamps))]))
    ran = tocsin("watch", tmp_path / "f.csv", "--detector", "seasonal_forecaster", "--all")
    assert [one["position"] for one in _lines(ran) if one["state"] == "late"] == [50]
    assert "1 late" in ran.err


def _fed(tocsin, monkeypatch, rows, *more):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(rows) + "\n"))
    return tocsin("watch", "-", "--detector", "seasonal_forecaster", "--all", *more)


@pytest.mark.parametrize("odd", ['{"t": 99, "a": ' + "9" * 400 + "}", '{"t": 99, "a": ' + "9" * 5000 + "}",
                                 '{"t": ' + "9" * 400 + ', "a": 1}'], ids=["cell", "long", "time"])
def test_numerals_of_hundreds_of_digits_are_bad_lines(tocsin, monkeypatch, odd):
    rows = [json.dumps({"t": i, "a": i % 7}) for i in range(40)]
    rows[9] = odd
    ran = _fed(tocsin, monkeypatch, rows, "--time", "t")
    assert (ran.code, len(_lines(ran))) == (0, 39)
    assert ran.err.startswith("line 10: TOC-")


@pytest.mark.parametrize("odd", ['"' + "x" * 200_000 + '",1', "1\r2,3"], ids=["cell", "return"])
def test_lines_that_are_no_csv_are_bad_lines(tocsin, monkeypatch, odd):
    ran = _fed(tocsin, monkeypatch, [odd, "a,b", *(f"{i % 7},1" for i in range(20)), odd, "3,1"])
    assert (ran.code, len(_lines(ran))) == (0, 21)
    assert [line.split(":")[0] for line in ran.err.splitlines()[:2]] == ["line 1", "line 23"]


def test_another_file_as_state_and_a_warmup_without_bounds_are_errors(tocsin, monkeypatch, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(3.0))
    assert "TOC-404" in _fed(tocsin, monkeypatch, ["1"] * 9, "--state", tmp_path / "s.npy").err
    assert np.load(tmp_path / "s.npy").tolist() == [0.0, 1.0, 2.0]
    assert "TOC-202" in _fed(tocsin, monkeypatch, ["1"] * 9, "--warmup", 10**12).err


def test_a_model_that_judged_all_rows_is_not_said_to_warm_up(tocsin, files, pump, monkeypatch):
    assert "warming" not in tocsin("watch", files["pump"], "--model", pump).err
    assert "warming" in _fed(tocsin, monkeypatch, ["1", "2", "3"]).err
