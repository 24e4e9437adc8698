from pathlib import Path

from tocsin.data.logfile import given, rotated


def test_dated_and_numbered_files_come_oldest_first() -> None:
    names = ["app.log", "app.log-20240102.gz", "app.log-20240101", "web.log.3", "web.log.12.gz", "web.log"]
    found = [path.name for path in rotated(map(Path, names))]
    assert found == ["app.log-20240101", "app.log-20240102.gz", "app.log", "web.log.12.gz", "web.log.3", "web.log"]


def test_what_is_left_out_is_counted() -> None:
    made = given(["a\n", "b\nc\n", None, "d"], None, True)  # type: ignore[list-item]
    assert made.texts == ["a", "d"] and made.numbers == [1, 4]
    assert [each.rpartition(": ")[2] for each in made.bad] == ["line ends within", "NoneType in place of text"]
