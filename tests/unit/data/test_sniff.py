from pathlib import Path

import pytest

from tocsin.data.sniff import delimiter_of, dialect_of, encoding_of


@pytest.mark.parametrize(("lines", "mark"), [
    (["a,b", "1,2"], ","), (["a;b", "1,5;2,5"], ";"), (["1,5;2,5", "3,5;4,5"], ";"), (["a\tb", "1,5\t2"], "\t"), (["a|b", "1|2"], "|"),
    (["flow", "1"], ""), (["a,b;c", "1,2", "3,4"], ","),
])
def test_delimiter(lines, mark):
    assert delimiter_of(lines) == mark


def test_encoding_without_a_mark():
    assert encoding_of("a,b\n1,2\n".encode("utf-16-be"), Path("a")) == "utf-16-be" and encoding_of(b"\x81\xe4", Path("a")) == "latin-1"


@pytest.mark.parametrize(("first", "header"), [
    ("a,b", True), ("1.5,2", False), ("2024-01-01,3", False), ("2019,2020,2021", True), ("0,tcp,SF,0,0,0", False), ("id,1,2", True),
    (",0,1", True),
])
def test_header(tmp_path, first, header):
    (tmp_path / "a.csv").write_text(first + "\n" + ",".join(["7"] * (first.count(",") + 1)) + "\n")
    assert dialect_of(tmp_path / "a.csv").header is header
