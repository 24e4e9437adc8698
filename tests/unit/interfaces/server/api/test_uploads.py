"""Uploads: what is seen in them, and names, endings and bytes that mean harm."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

TABLE = (
    b"order,amount,city,paid\n"
    + b"".join(f"n{i},{i % 17}.5,{'Oslo' if i % 3 else 'Rome'},{i % 2}\n".encode() for i in range(60))
    + b"n60,,Oslo,1\n"
)
SERIES = b"stamp;flow (l/s)\n" + b"".join(f"2026-01-{1 + i // 24:02d} {i % 24:02d}:00;{i % 7},5\n".encode() for i in range(72))


def sent(service: Any, name: str, content: bytes) -> Any:
    return service.http.post("/uploads", files={"file": (name, content)})


def test_a_table_is_seen(service: Any) -> None:
    answer = sent(service, "orders.csv", TABLE)
    seen = answer.json()
    assert answer.status_code == 201 and (seen["name"], seen["rows"], seen["kind"], seen["bytes"]) == (
        "orders.csv",
        61,
        "table",
        len(TABLE),
    )
    columns = {column["name"]: column for column in seen["columns"]}
    assert columns["amount"] == {"name": "amount", "kind": "number", "missing": 1, "example": 0.5, "low": 0.5, "high": 16.5, "levels": None}
    assert columns["city"]["levels"] == ["Oslo", "Rome"]
    assert [choice["value"] for choice in seen["question"]["choices"]] == ["true", "false"]
    assert any(finding["what"] == "size" for finding in seen["findings"])
    assert service.http.get(f"/uploads/{seen['digest']}").json() == seen


def test_a_series_is_seen(service: Any) -> None:
    seen = sent(service, "pump.csv", SERIES).json()
    assert (seen["kind"], seen["time"], seen["rows"]) == ("series", "stamp", 72)
    assert seen["columns"][0] == {
        "name": "stamp",
        "kind": "time",
        "missing": 0,
        "example": "2026-01-01T00:00:00",
        "low": "2026-01-01T00:00:00",
        "high": "2026-01-03T23:00:00",
        "levels": None,
    }


def parquet() -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"a": list(range(30)), "b": [0.5] * 30}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.tsv", TABLE.replace(b",", b"\t"), 61),
        ("a.TXT", TABLE, 61),
        ("a", TABLE, 61),
        ("a.csv.gz", gzip.compress(TABLE), 61),
        ("a.csv", gzip.compress(TABLE), 61),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', 2),
        ("a.ndjson", b'{"a": 1}\n{"a": 2}\n', 2),
        ("a.json", b'[{"a": 1}, {"a": 2}]', 2),
        ("a", b'{"a": 1}\n{"a": 2}\n', 2),
        ("a.parquet", parquet(), 30),
        ("a.csv", parquet(), 30),
        ("parquet", parquet(), 30),
    ],
)
def test_the_form_is_found_by_name_and_content(service: Any, name: str, content: bytes, rows: int) -> None:
    answer = sent(service, name, content)
    assert answer.status_code == 201 and answer.json()["rows"] == rows


@pytest.mark.parametrize(
    "name",
    [
        "../../x.csv",
        "/etc/passwd",
        "..\\..\\x.csv",
        "a\x00b",
        "x" * 300 + ".csv",
        "<script>alert(1)</script>.csv",
        ".",
        "..",
        "C:\\x.csv",
        "a\r\nb.csv",
        "%2e%2e%2fx.csv",
        "ünïcode 😀.csv",
        "*?[x].csv",
        "sqlite:///x",
        "-rf",
    ],
)
def test_names_are_shown_and_never_used(service: Any, name: str) -> None:
    before = {path for path in service.place.store.folder.parent.rglob("*") if "files" not in path.parts and "tocsin.db" not in path.name}
    answer = sent(service, name, TABLE)
    assert answer.status_code == 201, answer.text
    shown = answer.json()["name"]
    assert len(shown) <= 200 and shown.isprintable() and not set("/\\") & set(shown) and shown
    after = {path for path in service.place.store.folder.parent.rglob("*") if "files" not in path.parts and "tocsin.db" not in path.name}
    assert after == before and not Path("/x.csv").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xlsx", b"PK\x03\x04rest", "TOC-190"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "TOC-190"),
        ("a.parquet", TABLE, "TOC-190"),
        ("a.csv", b"", "TOC-122"),
        ("a.csv", b"a,b\n", "TOC-122"),
        ("a.parquet", b"PAR1 and no more", "TOC-123"),
        ("a.csv", b"a,b\n1,2\n3\n", "TOC-125"),
        ("a.jsonl", b"no json\n", "TOC-126"),
        ("a.csv.gz", b"\x1f\x8bbroken", "TOC-123"),
        ("a.bin", b"\x00\x01\x02\x03" * 50, "TOC-123"),
        ("a.pkl", b"\x80\x04\x95", "TOC-122"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_owner_s_name_and_not_kept(service: Any, name: str, content: bytes, code: str) -> None:
    before = sorted(service.place.store.files.folder.rglob("*"))
    answer = sent(service, name, content)
    told = answer.json()
    assert answer.status_code == 422 and told["code"] == code, told
    assert str(service.place.store.folder) not in answer.text and "upload." not in told["came"]
    assert sorted(service.place.store.files.folder.rglob("*")) == before
    assert not list((service.place.store.folder / "work").glob("*"))


def test_the_same_bytes_under_another_name_are_one_file(service: Any) -> None:
    first, second = sent(service, "one.csv", TABLE).json(), sent(service, "two.csv", TABLE).json()
    assert first["digest"] == second["digest"] and service.http.get(f"/uploads/{first['digest']}").json()["name"] == "two.csv"


def test_a_form_without_a_file_is_refused(service: Any) -> None:
    assert service.http.post("/uploads", data={"file": "no file"}).json()["code"] == "TOC-255"
    assert service.http.post("/uploads", content=b"a,b\n1,2\n", headers={"content-type": "text/csv"}).status_code == 422


def test_a_large_file_is_seen_by_its_first_rows_and_counted(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.interfaces.server.desk import sight

    monkeypatch.setattr(sight, "WHOLE", 100)
    monkeypatch.setattr(sight, "_ROWS", 50)
    for name, content, rows in (
        ("a.csv", TABLE, 61),
        ("a.csv", TABLE[:-1], 61),
        ("a.jsonl", b'{"a": 1}\n' * 70, 70),
        ("a.parquet", parquet(), 30),
        ("a.csv.gz", gzip.compress(TABLE), 61),
    ):
        seen = sent(service, name, content).json()
        assert seen["rows"] == rows and seen["findings"][0]["what"] == "sample", name


def wide(rows: int, columns: int = 1) -> bytes:
    """A small file of very many rows: every cell is the same, so that pages of them take a few bytes."""
    sink = io.BytesIO()
    table = pa.table({f"c{j}": pa.array([7], pa.int64()).take(pa.array([0] * 1_000_000, pa.int32())) for j in range(columns)})
    with pyarrow.parquet.ParquetWriter(sink, table.schema, compression="zstd") as file:
        for _ in range(rows // 1_000_000):
            file.write_table(table)
    return sink.getvalue()


def test_a_small_file_of_very_many_rows_is_refused_before_it_is_read(service: Any, monkeypatch: Any) -> None:
    from tocsin.interfaces.server.desk import sight

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("it was read")

    content = wide(21_000_000)
    assert len(content) < 1 << 20
    with monkeypatch.context() as watched:
        watched.setattr(sight, "read", read)
        watched.setattr(sight, "batches", read)
        answer = sent(service, "bomb.parquet", content)
        assert answer.status_code == 422 and answer.json()["code"] == "TOC-194"
        watched.setattr(sight, "_MOST_BYTES", 100)
        assert sent(service, "a.parquet", parquet()).json()["code"] == "TOC-194"
    assert sent(service, "a.parquet", parquet()).status_code == 201


def test_of_a_small_file_that_becomes_large_the_first_rows_are_seen(service: Any, monkeypatch: Any) -> None:
    from tocsin.interfaces.server.desk import sight

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("it was read whole")

    monkeypatch.setattr(sight, "read", read)
    monkeypatch.setattr(sight, "WHOLE", 1 << 20)
    seen = sent(service, "long.parquet", wide(2_000_000)).json()
    assert seen["rows"] == 2_000_000 and seen["findings"][0]["what"] == "sample"


def test_a_full_disk_is_told(service: Any, monkeypatch: Any) -> None:
    import errno

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/secret")

    with monkeypatch.context() as broken:
        opened = Path.open
        broken.setattr(Path, "open", lambda self, *given, **more: full() if self.name == "raw" else opened(self, *given, **more))
        answer = sent(service, "a.csv", TABLE)
        assert (answer.status_code, answer.json()["code"]) == (507, "TOC-613") and "secret" not in answer.text
    with monkeypatch.context() as broken:
        written = Path.write_bytes
        broken.setattr(Path, "write_bytes", lambda self, data: full() if self.name == "body.csv" else written(self, data))
        answer = service.http.post("/detectors/orders/score", content="amount\n1\n", headers={"content-type": "text/csv"})
        assert (answer.status_code, answer.json()["code"]) == (507, "TOC-613")
    assert sent(service, "a.csv", TABLE).status_code == 201


def test_a_long_word_that_is_named_very_often_is_refused(service: Any) -> None:
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 100_000]))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"a": word}), sink, compression="zstd", dictionary_pagesize_limit=1 << 20)
    assert len(sink.getvalue()) < 1 << 20
    assert sent(service, "words.parquet", sink.getvalue()).json()["code"] == "TOC-194"


def test_many_values_in_few_rows_are_counted(service: Any) -> None:
    from tocsin.interfaces.server.desk import sight

    lists = pa.ListArray.from_arrays(pa.array([0, 1_000_000], pa.int32()), pa.array([7] * 1_000_000))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"a": lists}), sink, compression="zstd")
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(sight, "_MOST_BYTES", 1 << 22)
        assert sent(service, "lists.parquet", sink.getvalue()).json()["code"] == "TOC-194"
