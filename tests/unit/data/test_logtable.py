from pathlib import Path

import pytest

from tocsin.core.errors import DataError
from tocsin.data.logtable import structured


def test_time_and_level_stand_before_the_message_and_say_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("timestamp,severity,text\n2024-05-01 10:00:00,INFO,up\n2024-05-01 10:00:01,,down\n")
    table = structured(path, None, None, None)
    assert table.texts == ["2024-05-01 10:00:00 INFO up", "2024-05-01 10:00:01 down"]
    assert table.notes[-1] == "column 'text' is the message, with 'timestamp' and 'severity' before it"


def test_the_longest_texts_are_the_message_where_no_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("host,what\na,the disk is full\nb,the fan is loud\n")
    assert structured(path, None, "host", None).texts == ["the disk is full", "the fan is loud"]
    with pytest.raises(DataError, match="TOC-167"):
        structured(path, None, None, "alarm")
