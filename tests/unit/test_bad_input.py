"""Bad and odd input through the public doors: a defined result or an error with a code; no NaN, nothing dropped, nothing left behind."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tocsin
from tocsin.interfaces.cli.app import main

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(60, 3)).round(4)
LINES = [",".join(map(str, row)) for row in NORMAL.tolist()]
STAMPS = np.datetime_as_string(np.datetime64("2024-01-01") + np.arange(120) * np.timedelta64(1, "h"), unit="s").tolist()
LEVEL = (10 + np.sin(np.arange(120) / 4) + RNG.normal(size=120) * 0.1).round(3).tolist()


def table(lines: list[str], names: str = "a,b,c") -> str:
    return "\n".join([names, *lines]) + "\n"


def series(stamps: list[str], values: list[Any] = LEVEL) -> str:
    return table([f"{stamp},{value}" for stamp, value in zip(stamps, values)], "t,v")


def sound(found: tocsin.Detections, rows: int) -> tocsin.Detections:
    assert len(found) == rows and np.isfinite(found.score).all()
    assert ((found.p_value > 0) & (found.p_value <= 1)).all()
    assert found.to_arrow().num_rows == rows
    return found


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """(exit code, stdout); nothing but the stated errors leaves the command."""
    code = 0
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return code, captured.out


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The code of the error that the command states as JSON, and only there."""
    code, out = command(capsys, *words, "--json")
    error = json.loads(out)["error"]
    assert code == 1 and error["what"] and error["todo"]
    assert command(capsys, *words) == (1, "")
    return str(error["code"])


def refused(code: str, call: Callable[[], Any]) -> None:
    with pytest.raises(tocsin.TocsinError) as caught:
        call()
    assert caught.value.code == code


@pytest.fixture
def model(tmp_path: Path) -> Path:
    frame = pd.DataFrame(NORMAL, columns=list("abc")).assign(d=list("xyz") * 20)
    return tocsin.save(tocsin.fit(frame, "gaussian"), tmp_path / "m.tocsin")


BAD_FILES: list[tuple[str, str, str | bytes]] = [
    ("TOC-122", "empty.csv", ""),
    ("TOC-122", "blank.csv", "\n\n"),
    ("TOC-122", "header.csv", "a,b\n"),
    ("TOC-113", "one_row.csv", "a,b\n1,2\n"),
    ("TOC-125", "ragged.csv", "a,b\n1,2\n3,4\n5,6,7\n"),
    ("TOC-125", "short_line.csv", table([*LINES, "1,2"])),
    ("TOC-123", "image.csv", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ("TOC-123", "archive.csv", b"PK\x03\x04" + bytes(100)),
    ("TOC-123", "sheet.parquet", "no parquet"),
    ("TOC-123", "array.npy", "no array"),
    ("TOC-126", "lines.jsonl", '{"a": 1}\n{"a": \n'),
    ("TOC-102", "twice.csv", table(LINES, "a,b,a")),
    ("TOC-153", "nothing.csv", table([",,"] * 30)),
    ("TOC-153", "constant.csv", table(["1,2,3"] * 30)),
    ("TOC-118", "short_series.csv", series(STAMPS[:10])),
]


@pytest.mark.parametrize(("code", "name", "content"), BAD_FILES, ids=[name for _, name, _ in BAD_FILES])
def test_a_bad_file_is_refused_with_its_code_and_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str, name: str,
                                                                content: str | bytes) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refusal(capsys, "detect", path, "--out", out, "--save") == code
    assert refusal(capsys, "fit", path, "--out", tmp_path / "m.tocsin") == code
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    refused(code, lambda: tocsin.detect(path))


def test_random_bytes_named_csv_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "noise.csv").write_bytes(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes())
    assert refusal(capsys, "detect", tmp_path / "noise.csv", "--out", tmp_path / "out") in ("TOC-123", "TOC-124", "TOC-125")
    assert [entry.name for entry in tmp_path.iterdir()] == ["noise.csv"]


def test_a_wrong_encoding_is_an_error_and_the_right_one_is_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(table([f"{line},tür" for line in LINES], "a,b,c,größe").encode("cp1252"))
    assert refusal(capsys, "detect", path, "--encoding", "utf-8") == "TOC-124"
    assert refusal(capsys, "detect", path, "--encoding", "nonsense") in ("TOC-124", "TOC-138")
    assert tocsin.read(path).schema.names == ("a", "b", "c", "größe")


ODD_FILES: list[tuple[str, str]] = [
    ("one column", table([line.partition(",")[0] for line in LINES], "a")),
    ("all-missing column", table([line.rpartition(",")[0] + "," for line in LINES])),
    ("NaN and inf", table([line if i % 5 else "inf,NaN,-Infinity" for i, line in enumerate(LINES)])),
    ("words among numbers", table([line if i % 9 else "oops,1,2" for i, line in enumerate(LINES)])),
    ("huge", table([line.replace(",", "e300,") for line in LINES])),
    ("beyond the largest number", table([line if i else "1e999,0,0" for i, line in enumerate(LINES)])),
    ("hostile names", table(LINES, '"=cmd|x","<script>alert(1)</script>",😀')),
    ("names of our own columns", table(LINES, "score,p_value,is_anomaly")),
    ("blank names", table(LINES, ",,c")),
    ("few rows", table(LINES[:6])),
    ("unsorted stamps", series([STAMPS[(i * 7) % 120] for i in range(120)])),
    ("repeated stamps", series([STAMPS[i // 2] for i in range(120)])),
]


@pytest.mark.parametrize(("content",), [(content,) for _, content in ODD_FILES], ids=[name for name, _ in ODD_FILES])
def test_an_odd_file_is_judged_row_by_row(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str) -> None:
    path, out = tmp_path / "ö dd (1).csv", tmp_path / "o ü"
    path.write_text(content, encoding="utf-8")
    code, told = command(capsys, "detect", path, "--detector", "gaussian", "--out", out, "--json")
    assert code == 0
    json.loads(told, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert sorted(entry.name for entry in out.iterdir()) == ["detections.csv", "report.html", "summary.json"]
    with (out / "detections.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(content.splitlines()) - 1
    assert all(np.isfinite(float(row["score"])) and 0 < float(row["p_value"]) <= 1 for row in rows)
    assert "<script>alert(1)" not in (out / "report.html").read_text(encoding="utf-8")
    assert command(capsys, "check", path, "--json")[0] == 0


SCORED: list[tuple[str, str, str | None]] = [
    ("absent", table(LINES, "a,b,c"), "TOC-133"),
    ("reordered", table([f"x,{line}" for line in LINES], "d,c,b,a"), None),
    ("one more", table([f"x,{line},7" for line in LINES], "d,c,b,a,new"), None),
    ("words for numbers", table([f"red,{line}" for line in LINES], "a,d,b,c"), "TOC-134"),
    ("dates for numbers", table([f"{stamp},{line}" for stamp, line in zip(STAMPS, LINES)], "a,d,b,c"), "TOC-134"),
    ("a word among numbers", table([f"x,{line}" if i else "x,1,2,red" for i, line in enumerate(LINES)], "d,c,b,a"), None),
    ("everything missing", table([",,,"] * 20, "a,b,c,d"), None),
    ("infinities", table(["inf,-inf,NaN,x"] * 20, "a,b,c,d"), None),
    ("unknown category", table([f"new,{line}" for line in LINES], "d,a,b,c"), None),
    ("one row", table([f"x,{LINES[0]}"], "d,a,b,c"), None),
    ("no rows", "a,b,c,d\n", "TOC-122"),
    ("empty", "", "TOC-122"),
    ("ragged in the end", table([*(f"x,{line}" for line in LINES), "1,2"], "d,a,b,c"), "TOC-125"),
]


@pytest.mark.parametrize(("content", "code"), [case[1:] for case in SCORED], ids=[case[0] for case in SCORED])
def test_scoring_other_columns_than_learned(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path, content: str,
                                            code: str | None) -> None:
    path, out = tmp_path / "new.csv", tmp_path / "out"
    path.write_text(content, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    for words in (("score", model, path, "--out", out, "--rows", 7), ("detect", path, "--model", model, "--out", out)):
        if code is not None:
            assert refusal(capsys, *words) == code
            assert sorted(tmp_path.iterdir()) == before
            continue
        assert command(capsys, *words, "--json")[0] == 0
        with (out / "detections.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(content.splitlines()) - 1
        assert all(np.isfinite(float(row["score"])) and 0 < float(row["p_value"]) <= 1 for row in rows)


def test_a_failure_leaves_the_earlier_result_as_it_was(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    good, bad, out = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "out"
    good.write_text(table([f"x,{line}" for line in LINES], "d,a,b,c"))
    bad.write_text(good.read_text() + "1,2\n")
    assert command(capsys, "score", model, good, "--out", out)[0] == 0
    before = {entry.name: entry.read_bytes() for entry in out.iterdir()}
    assert refusal(capsys, "score", model, bad, "--out", out, "--rows", 5) == "TOC-125"
    assert {entry.name: entry.read_bytes() for entry in out.iterdir()} == before


def test_exit_codes(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text(table([f"x,{line}" for line in LINES] + ["x,99,99,99"], "d,a,b,c"))
    given = ("detect", path, "--model", model, "--json")
    assert command(capsys, *given)[0] == 0
    assert command(capsys, *given, "--fail-on-anomaly")[0] == 3
    assert command(capsys, "detect", tmp_path / "none.csv", "--json")[0] == 1
    assert command(capsys, "detect", path, "--no-such-option")[0] == 2
    assert command(capsys, "no-such-command")[0] == 2


def test_models_and_folders_that_are_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    path, out = tmp_path / "new.csv", tmp_path / "out"
    path.write_text(table([f"x,{line}" for line in LINES], "d,a,b,c"))
    whole = model.read_bytes()
    for content in (b"", b"a,b\n1,2\n", whole[:len(whole) // 2], whole[:-30]):
        (tmp_path / "broken.tocsin").write_bytes(content)
        assert refusal(capsys, "score", tmp_path / "broken.tocsin", path, "--out", out) in ("TOC-404", "TOC-405")
    assert refusal(capsys, "score", tmp_path / "none.tocsin", path, "--out", out) == "TOC-401"
    assert refusal(capsys, "detect", tmp_path) == "TOC-121"
    assert refusal(capsys, "detect", "") == "TOC-120"
    assert refusal(capsys, "detect", path, "--out", path) == "TOC-282"
    assert refusal(capsys, "detect", path, "--out", path / "deeper") == "TOC-282"
    assert refusal(capsys, "fit", path, "--out", path) == "TOC-415"
    assert path.read_text().startswith("d,a,b,c\n")
    assert not out.exists()
    refused("TOC-403", lambda: tocsin.save(None, out))  # type: ignore[arg-type]
    refused("TOC-401", lambda: tocsin.load(None))  # type: ignore[arg-type]


def test_the_wrong_kind_of_data_for_a_model(tmp_path: Path) -> None:
    stamps = pd.DataFrame({"t": np.arange(120), "g": ["p"] * 60 + ["q"] * 60, "v": LEVEL})
    pump = tocsin.fit(stamps, time="t", group="g")
    refused("TOC-133", lambda: pump.detect(stamps.drop(columns="t")))
    refused("TOC-133", lambda: pump.detect(stamps.drop(columns="g")))
    refused("TOC-141", lambda: pump.detect(stamps.assign(g=None)))
    refused("TOC-130", lambda: pump.detect(stamps.assign(t="x")))
    sound(pump.detect(stamps.assign(g="never seen")), 120)
    sound(pump.detect(stamps.assign(g=np.arange(120) // 2)), 120)  # every group shorter than a window
    sound(pump.detect(stamps[:1]), 1)
    sound(pump.detect(pd.concat([stamps, stamps])), 240)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_too_few_rows_to_learn_from(rows: int) -> None:
    refused("TOC-113", lambda: tocsin.fit(NORMAL[:rows]))


@pytest.mark.parametrize("X", [
    NORMAL * 1e300, NORMAL * 1e-300, NORMAL.astype(np.float16), NORMAL.astype(np.longdouble), NORMAL.astype(">f8"), NORMAL[::-1, ::-1],
    np.asfortranarray(NORMAL), NORMAL.astype(object), NORMAL.tolist(), NORMAL.astype(str), NORMAL > 0, np.vstack([NORMAL, [[1e308, 0,
    0]]]),
    np.vstack([NORMAL, [[1.7e308, 0, 0], [-1.7e308, 0, 0]]]), np.repeat(NORMAL[:12], 5, axis=0),
    np.array([[np.iinfo(np.int64).min, 1], [np.iinfo(np.int64).max, 2]] * 20),
], ids=["huge", "tiny", "float16", "longdouble", "swapped bytes", "negative strides", "Fortran", "objects", "lists", "text",
"booleans", "one huge",
        "both ends", "repeated rows", "int64 extremes"])
def test_numbers_of_every_form_are_judged(X: Any) -> None:
    sound(tocsin.detect(X, "gaussian"), len(X))
    fitted = tocsin.fit(X, "gaussian")
    sound(fitted.detect(X), len(X))
    assert np.isfinite(fitted.explain(X, rows=[0]).values).all()


def test_masked_cells_are_missing_not_data() -> None:
    mask = np.zeros(NORMAL.shape, dtype=bool)
    mask[:8, 0] = True
    hidden = np.ma.masked_array(np.where(mask, 1e6, NORMAL), mask=mask)
    model = tocsin.fit(NORMAL)
    assert np.array_equal(model.detect(hidden).score, model.detect(np.where(mask, np.nan, NORMAL)).score)


def test_a_read_only_array_is_neither_refused_nor_changed() -> None:
    X = NORMAL.copy()
    X.flags.writeable = False
    sound(tocsin.fit(X).detect(X), 60)


@pytest.mark.parametrize(("code", "data"), [
    ("TOC-136", None), ("TOC-136", 3), ("TOC-136", (row for row in NORMAL)), ("TOC-136", {1, 2}), ("TOC-136", {"a": {1, 2}}),
    ("TOC-136", {"a": {"b": 1}}),
    ("TOC-115", np.array(3.0)), ("TOC-115", np.zeros((2, 2, 2))), ("TOC-115", [[1, 2], [3]]), ("TOC-151", NORMAL * 1j),
    ("TOC-151", {"a": [1j] * 40}), ("TOC-151", pd.DataFrame({"a": [[1, 2]] * 40})), ("TOC-151", pd.DataFrame({"a": [object()] * 40})),
    ("TOC-151", pd.DataFrame({"a": pd.interval_range(0, 40)})), ("TOC-151", pa.table({"a": [[1]] * 40})),
    ("TOC-140", pa.table({"a": [b"\xff"] * 40})),
    ("TOC-102", pd.DataFrame(NORMAL, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]))),
    ("TOC-102", pd.DataFrame(NORMAL, columns=["a", "a", "b"])),
    ("TOC-102", pa.table({"a": [{"x": 1.0}] * 9, "a.x": range(9)})), ("TOC-124", {"a": ["\ud800", "b"] * 20}),
    ("TOC-124", {"\ud800": [1.0, 2.0] * 20}),
    ("TOC-101", {"a": [1], "b": [1, 2]}), ("TOC-120", "no such file.csv"),
])
def test_what_is_no_data_says_so(code: str, data: Any) -> None:
    refused(code, lambda: tocsin.detect(data))


def test_a_sparse_matrix_is_told_what_to_do() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(tocsin.TocsinError, match="toarray"):
        tocsin.fit(csr_array(NORMAL))


def test_an_unusable_column_can_be_ignored() -> None:
    frame = pd.DataFrame(NORMAL, columns=list("abc")).assign(d=[[1, 2]] * 60, e=[b"\xff"] * 60)
    assert tocsin.read(frame, ignore=["d", "e"]).schema.names == ("a", "b", "c")
    refused("TOC-151", lambda: tocsin.read(frame, id="d", ignore=["e"]))


@pytest.mark.parametrize("frame", [
    pd.DataFrame({"a": pd.array([1, None, 3, 4] * 15, dtype="Int64"), "b": pd.array([True, None] * 30, dtype="boolean"), "c": NORMAL[:,
    0]}),
    pd.DataFrame({"a": pd.Categorical(list("xyz") * 20), "b": list("pq") * 30}), pd.DataFrame({"a": [True, False, True] * 20,
    "b": [True, False] * 30}),
    pd.DataFrame({"a": pd.arrays.SparseArray(NORMAL[:, 0]), "b": pd.to_timedelta(np.arange(60) ** 2, unit="s")}),
    pd.DataFrame(NORMAL, index=[0] * 60), pd.DataFrame(NORMAL, index=[np.nan] * 60), pd.DataFrame(NORMAL, columns=["", "a\nb", "<b>"]),
    pd.DataFrame({"a": ["=cmd|' /C calc'!A0", "+1", "<img src=x>", "a\x00b"] * 15, "b": NORMAL[:, 0]}),
], ids=["nullable", "categories only", "booleans only", "sparse and durations", "one index label", "NaN index", "odd names",
"hostile cells"])
def test_odd_frames_are_judged(frame: pd.DataFrame) -> None:
    model = tocsin.fit(frame, "gaussian")
    found = sound(model.detect(frame), 60)
    assert all(model.explain(frame, rows=found.top(2)).sentences)


def test_a_blank_column_name_is_replaced_and_told() -> None:
    data = tocsin.read(pd.DataFrame(NORMAL, columns=["", "a\nb", "c"]))
    assert data.schema.names == ("column 1", "a b", "c")
    assert any("blank" in note for note in data.origin.notes)


@pytest.mark.parametrize(("code", "labels"), [("TOC-119", [1] * 60), ("TOC-131", [0, 2] * 30), ("TOC-131", ["good", "bad"] * 30),
                                              ("TOC-131", [0, None] * 30)])
def test_labels_that_cannot_be_used(code: str, labels: list[Any]) -> None:
    refused(code, lambda: tocsin.fit(pd.DataFrame(NORMAL, columns=list("abc")).assign(y=labels), label="y"))


@pytest.mark.parametrize("labels", [[0] * 60, [False] * 59 + [True], ["normal"] * 59 + ["anomaly"], [0.0] * 59 + [1.0]])
def test_labels_in_several_spellings(labels: list[Any]) -> None:
    frame = pd.DataFrame(NORMAL, columns=list("abc")).assign(y=labels)
    sound(tocsin.detect(frame, "gaussian", label="y"), 60)


@pytest.mark.parametrize(("code", "settings"), [
    ("TOC-203", {"detector": 3}), ("TOC-203", {"detector": None}), ("TOC-203", {"detector": "../x"}), ("TOC-202", {"kind": "cube"}),
    ("TOC-159", {"kind": "images"}), ("TOC-202", {"seed": -1}), ("TOC-202", {"params": {"k": "x"}, "detector": "knn"}),
    ("TOC-202", {"params": {"k": 2.5}, "detector": "knn"}), ("TOC-202", {"params": {"trees": None}, "detector": "iforest"}),
    ("TOC-204", {"params": {"q": 1}}),
    ("TOC-201", {"nonsense": 1}), ("TOC-241", {"threshold": "false_alarm_rate=0"}), ("TOC-242", {"threshold": "x"}),
    ("TOC-202", {"scale": "x"}),
])
def test_settings_that_make_no_sense(code: str, settings: dict[str, Any]) -> None:
    refused(code, lambda: tocsin.fit(NORMAL, **settings))


def test_a_column_has_one_role() -> None:
    frame = pd.DataFrame(NORMAL, columns=list("abc")).assign(y=[0, 1] * 30)
    refused("TOC-138", lambda: tocsin.fit(frame, label="y", group="y"))


def test_times_in_many_spellings() -> None:
    for stamps in (pd.date_range("2024", periods=120, freq="h", tz="Europe/Oslo"), 1_700_000_000_000 + np.arange(120) * 1000,
    np.arange(120) * 1e300,
                   np.linspace(-9e18, 9e18, 120).astype(np.int64), np.zeros(120), np.arange(120)[::-1]):
        sound(tocsin.detect(pd.DataFrame({"t": stamps, "v": LEVEL}), "gaussian", time="t"), 120)
    for bad in (["x"] * 120, [None, *range(119)], [np.inf, *range(119)], [True] * 120):
        with pytest.raises(tocsin.TocsinError, match=r"TOC-130|TOC-160"):
            tocsin.fit(pd.DataFrame({"t": bad, "v": LEVEL}), time="t")


def test_threads_may_share_a_model() -> None:
    model = tocsin.fit(NORMAL)
    alone, seen = model.detect(NORMAL).score, []
    threads = [threading.Thread(target=lambda: seen.append(np.array_equal(model.detect(NORMAL).score, alone))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 6


def test_ten_thousand_columns(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wide = np.random.default_rng(2).normal(size=(12, 10_000))
    model = tocsin.fit(wide[:8], "baseline")
    sound(model.detect(wide), 12)
