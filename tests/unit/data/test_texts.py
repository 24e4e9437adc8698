from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.core.errors import DataError
from tocsin.data.texts import read


def _refused(code: str, *said: str, source: object, **options: object) -> None:
    with pytest.raises(DataError) as caught:
        read(source, **options)
    assert caught.value.code == code
    for word in said:
        assert word in str(caught.value)


def test_a_list_is_texts_numbered_from_0() -> None:
    data = read(["one text", "another text"])
    assert (data.kind, data.X, data.ids.tolist()) == ("texts", ["one text", "another text"], [0, 1])
    assert (data.y, data.schema.names) == (None, ("text",))
    assert data.origin.digest == read(("one text", "another text")).origin.digest != read(["one text"]).origin.digest


def test_a_file_holds_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("first line\r\nzwei Wörter\n".encode())
    data = read(path)
    assert data.X == ["first line", "zwei Wörter"]
    assert data.ids.tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Öl und Wasser\nein Satz\n", encoding=encoding)
    assert read(path).X == ["Öl und Wasser", "ein Satz"]


def test_an_encoding_is_taken_as_given(tmp_path: Path) -> None:
    path = tmp_path / "reviews.pos"
    path.write_text("un café serré\nune idée\n", encoding="latin-1")
    _refused("TOC-164", "reviews.pos, line 1", "utf-8", source=path)
    assert read(path, encoding="latin-1").X == ["un café serré", "une idée"]
    _refused("TOC-124", source=path, encoding="klingon")


@pytest.mark.parametrize(("line", "said"), [(b"", "empty"), (b"   ", "empty"), (b"caf\xe9", "not written in utf-8"),
                                            (b"a\x00b", "null bytes"), (b"x" * (1 << 20), "1,048,576 bytes")])
def test_what_is_no_text_is_named_by_file_and_line_or_left_out_and_counted(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a good line\n" + line + b"\nanother one\n")
    _refused("TOC-164", "a.txt, line 2", said, "1 of 3", source=path)
    data = read(path, skip_bad=True)
    assert (data.X, data.ids.tolist()) == (["a good line", "another one"], [1, 3])
    assert any("1 of 3 texts could not be used" in note and said in note for note in data.origin.notes)


def test_nothing_left_is_refused_even_when_bad_ones_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n\n")
    _refused("TOC-164", "2 of 2", source=path, skip_bad=True)


def test_a_folder_holds_a_text_a_file(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("several\nlines\n")
    (tmp_path / "b" / "c.txt").write_text("one line")
    (tmp_path / "notes.csv").write_text("no,text")
    data = read(tmp_path)
    assert (data.X, data.ids.tolist()) == (["several\nlines", "one line"], ["a.txt", "b/c.txt"])
    (tmp_path / "zero.txt").touch()
    _refused("TOC-164", "zero.txt", "empty file", source=tmp_path)
    assert len(read(tmp_path, skip_bad=True)) == 2
    with pytest.raises(DataError, match="TOC-120"):
        read(tmp_path / "b" / "none")


def _messages(tmp_path: Path) -> Path:
    path = tmp_path / "m.tsv"
    path.write_text("label\tmessage\tlang\nham\tsee you at eight then\ten\nspam\tWIN a car right now\ten\nham\tare you coming home\ten\n")
    return path


def test_a_table_gives_its_one_column_of_free_text_and_labels(tmp_path: Path) -> None:
    data = read(_messages(tmp_path), label="label", normal="ham")
    assert data.X == ["see you at eight then", "WIN a car right now", "are you coming home"]
    assert data.y is not None
    assert (data.y.tolist(), data.schema.names, data.schema.label, data.schema.normal) == ([0, 1, 0], ("message",), "label", "ham")


def test_a_plain_label_is_recognised_and_switched_off() -> None:
    table = {"text": ["a b c", "d e f"], "label": [0, 1]}
    assert np.asarray(read(table).y).tolist() == [0, 1]
    assert read(table, label=False).y is None


def test_names_come_from_the_id_column(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"key": ["k1", "k2"], "body": ["some words here", "more words there"]}), path)
    assert read(path, id="key").ids.tolist() == ["k1", "k2"]


def test_a_first_line_that_is_a_text_is_no_name(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("ham\tthis is the very first of all messages\nspam\tthis is the second of the messages here\n")
    assert len(read(path)) == 2


def test_a_column_that_cannot_be_told_is_asked_for() -> None:
    two = {"a": ["some words here", "more words there"], "b": ["again some words", "and then some more"]}
    _refused("TOC-165", "'a', 'b'", source=two)
    assert list(read(two, text="b").X) == two["b"]
    assert read({**two, "message": ["one two three", "four five six"]}).schema.names == ("message",)
    _refused("TOC-165", "no text", source={"n": [1, 2]}, text="n")
    _refused("TOC-165", "no column of texts", source={"n": [1, 2]})
    _refused("TOC-129", "'c'", source=two, text="c")
    _refused("TOC-165", "label", source=["a", "b"], label="x")


def test_a_missing_cell_is_named_by_its_row() -> None:
    table = {"text": ["a b c", None, "d e f"]}
    _refused("TOC-164", "row 2", "missing", source=table)
    assert read(table, skip_bad=True).ids.tolist() == [0, 2]
