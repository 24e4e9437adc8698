import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.logs import read

LINES = ["2024-05-01 10:00:00,250 INFO job=7 start", "2024-05-01 10:00:01,000 INFO job=8 start", "2024-05-01 10:00:02,000 ERROR job=7 lost"]


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_gives_one_item_a_line_with_its_number_and_time(tmp_path: Path) -> None:
    data = read(_file(tmp_path, "app.log", "\r\n".join([LINES[0], "", *LINES[1:], ""])))
    assert data.kind == "logs" and data.X == LINES
    assert data.ids.tolist() == [1, 3, 4]
    assert data.time is not None and data.time[0] == np.datetime64("2024-05-01T10:00:00.25")
    assert data.schema.session is None and data.y is None and len(data.origin.digest) == 64


def test_rotated_files_of_a_glob_are_read_from_the_oldest_on(tmp_path: Path) -> None:
    _file(tmp_path, "app.log.2.gz", gzip.compress(LINES[0].encode()))
    _file(tmp_path, "app.log.1", LINES[1])
    _file(tmp_path, "app.log", LINES[2])
    data = read(tmp_path / "app.log*")
    assert data.X == LINES
    assert data.ids.tolist() == ["app.log.2.gz:1", "app.log.1:1", "app.log:1"]


def test_lines_may_stream() -> None:
    assert read(line + "\n" for line in LINES).X == LINES
    assert read([line.encode() for line in LINES]).X == LINES
    assert read("\n".join(LINES)).X == LINES


@pytest.mark.parametrize(("rule", "names"), [(r"job=(\d+)", ["7", "8"]), (r"job=\d+", ["job=7", "job=8"])])
def test_sessions_are_joined_in_order_of_first_appearance(rule: str, names: list[str]) -> None:
    data = read([*LINES, "no session here"], session=rule)
    assert data.ids.tolist() == names
    assert [f"{LINES[0]}\n{LINES[2]}", LINES[1]] == data.X
    assert data.origin.notes == ("1 of 4 lines belong to no session",)
    assert data.schema.session == rule


def test_the_label_is_cut_from_every_line() -> None:
    data = read(["- 1117838570 all well", "KERNDTLB 1117838573 data TLB error"], label="bgl")
    assert data.y is not None and data.y.tolist() == [0, 1]
    assert data.X == ["1117838570 all well", "1117838573 data TLB error"]


def test_a_label_without_a_place_of_its_own_is_cut_where_it_stands() -> None:
    data = read(["a b ALERT c", "ALERT a b c", "a b c"], label=" ?ALERT ?")
    assert data.y is not None and data.y.tolist() == [1, 1, 0]
    assert not any("ALERT" in line for line in data.X)


def test_a_session_with_an_alert_is_an_anomaly() -> None:
    data = read(["- s=1 a", "X s=2 b", "- s=2 c"], session=r"s=(\d)", label="bgl")
    assert data.y is not None and data.y.tolist() == [0, 1]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_table_gives_its_message_column(tmp_path: Path, form: str) -> None:
    table = pa.table({"LineId": [1, 2, 3], "Level": ["INFO", "INFO", "FATAL"], "Node": ["a", "b", "a"],
                      "Content": ["up, well", "up", "lost"], "label": [0, 0, 1]})
    path = tmp_path / f"app.{form}"
    if form == "csv":
        path.write_text("LineId,Level,Node,Content,label\n1,INFO,a,\"up, well\",0\n2,INFO,b,up,0\n3,FATAL,a,lost,1\n")
    elif form == "jsonl":
        path.write_text("\n".join(str(row).replace("'", '"') for row in table.to_pylist()))
    else:
        pq.write_table(table, path)
    data = read(path, session="Node", label="label")
    assert data.X == ["INFO up, well\nFATAL lost", "INFO up"] and data.ids.tolist() == ["a", "b"]
    assert data.y is not None and data.y.tolist() == [1, 0]
    with pytest.raises(DataError, match="TOC-167"):
        read(path, session="Host")


def test_a_table_without_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="TOC-167"):
        read(_file(tmp_path, "a.csv", "a,b\n1,2\n3,4\n"))


@pytest.mark.parametrize(("bad", "wrong"), [(b"caf\xe9", "not utf-8 at byte 3"), (b"a\x00b", "NUL"),
                                            (b"x" * 1_000_001, "1000001 characters")])
def test_a_line_that_is_no_text_is_named_and_may_be_left_out(tmp_path: Path, bad: bytes, wrong: str) -> None:
    path = _file(tmp_path, "app.log", b"\n".join([b"good " * 60, bad, b"good again"]))
    with pytest.raises(DataError, match=rf"TOC-166.*app.log: line 2: .*{wrong}"):
        read(path)
    data = read(path, skip_bad=True)
    assert data.ids.tolist() == [1, 3]
    assert data.origin.notes[0].startswith("1 lines left out that cannot be read as text") and "line 2" in data.origin.notes[0]


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = _file(tmp_path, "app.log", "Tür auf".encode("latin-1"))
    assert read(path, encoding="latin-1").X == ["Tür auf"]
    assert read(_file(tmp_path, "b.log", "Tür\nauf".encode("utf-16"))).X == ["Tür", "auf"]
    with pytest.raises(DataError, match="TOC-124"):
        read(path, encoding="klingon")


@pytest.mark.parametrize(("name", "content", "code"), [
    ("empty.log", b"", "TOC-122"), ("blank.log", b"\n \n", "TOC-122"),
    ("program.log", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9, "TOC-123"),
    ("noise.log", bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)), "TOC-123"),
    ("broken.log.gz", b"\x1f\x8b\x08x", "TOC-123"),
])
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(DataError, match=f"{code}.*{name}"):
        read(_file(tmp_path, name, content))


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for options in ({"session": "("}, {"session": "(a)(b)"}, {"label": "["}):
        with pytest.raises(ConfigError, match="TOC-219"):
            read(LINES, **options)
    with pytest.raises(DataError, match=r"TOC-167.*no line belongs"):
        read(LINES, session="block_\\d+")
    with pytest.raises(DataError, match=r"TOC-167.*more lines"):
        read(LINES, lines_most=2)
    with pytest.raises(DataError, match="TOC-120"):
        read(tmp_path / "none.log")
    with pytest.raises(DataError, match="TOC-115"):
        read(7)
