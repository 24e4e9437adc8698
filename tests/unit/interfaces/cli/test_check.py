"""The data-quality report on the terminal and as JSON."""

from __future__ import annotations

import pytest


@pytest.fixture
def dirty(tmp_path):
    path = tmp_path / "dirty.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{i % 7 if i % 3 else ''},same\n" for i in range(60)), encoding="utf-8")
    return path


def test_findings_are_told(tocsin, dirty):
    ran = tocsin("check", dirty)
    assert ran.code == 0
    assert "60 rows, 3 columns" in ran.out
    assert "missing" in ran.out


def test_json_holds_schema_and_findings(tocsin, dirty):
    told = tocsin("check", dirty, "--json").json
    assert told["rows"] == 60
    assert [column["name"] for column in told["schema"]["columns"]] == ["a", "b", "c"]
    assert "b" in {finding["column"] for finding in told["findings"]}


def test_fail_on_is_3_from_that_level_on(tocsin, dirty, tmp_path):
    levels = {finding["level"] for finding in tocsin("check", dirty, "--json").json["findings"]}
    assert tocsin("check", dirty, "--fail-on", "warning").code == (3 if levels & {"warning", "error"} else 0)
    assert tocsin("check", dirty, "--fail-on", "error").code == (3 if "error" in levels else 0)
    assert tocsin("check", dirty, "--fail-on", "nonsense").code == 2


def test_markup_in_names_stays_text(tocsin, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("[red]x[/red],y\n" + "".join(f"{i},{i * i}\n" for i in range(30)), encoding="utf-8")
    assert "[red]x[/red]" in tocsin("check", path).out


def test_joined_files(tocsin, tmp_path):
    (tmp_path / "a.csv").write_text("key,x\n" + "".join(f"k{i},{i}\n" for i in range(20)), encoding="utf-8")
    (tmp_path / "b.csv").write_text("key,y\n" + "".join(f"k{i},{i * 2}\n" for i in range(20)), encoding="utf-8")
    told = tocsin("check", tmp_path / "a.csv", "--join", tmp_path / "b.csv", "--on", "key", "--json").json
    assert {"x", "y"} <= {column["name"] for column in told["schema"]["columns"]}
    assert told["rows"] == 20


def test_reading_options_reach_the_reader(tocsin, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_bytes("größe;wert\n1,5;2\n2,5;3\n3,5;9\n".encode("latin-1"))
    told = tocsin("check", path, "--delimiter", ";", "--decimal", ",", "--encoding", "latin-1", "--json").json
    assert [column["name"] for column in told["schema"]["columns"]] == ["größe", "wert"]
    assert told["schema"]["columns"][0]["kind"] == "number"
