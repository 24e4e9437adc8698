import pytest

from tocsin.data.logstamp import stamps


@pytest.mark.parametrize(("line", "time"), [
    ("2024-05-01T10:00:00.250Z INFO x", "2024-05-01T10:00:00.250000"),
    ("[2024-05-01 12:00:00,250+02:00] x", "2024-05-01T10:00:00.250000"),
    ("1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS", "2005-06-03T15:42:50.675872"),
    ("Jul  9 22:53:19 combo ftpd[24085]: x", "2000-07-09T22:53:19.000000"),
    ("<34>Oct 11 22:14:15 mymachine su: x", "2000-10-11T22:14:15.000000"),
    ('127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /"', "2000-10-10T20:55:36.000000"),
    ("[Sun Dec 04 04:47:44 2005] [notice] x", "2005-12-04T04:47:44.000000"),
    ("17/06/09 20:10:40 INFO executor", "2017-06-09T20:10:40.000000"),
    ("081109 203615 148 INFO dfs.DataNode", "2008-11-09T20:36:15.000000"),
    ("1700000000.5 up", "2023-11-14T22:13:20.500000"),
    ("1700000000500 up", "2023-11-14T22:13:20.500000"),
])
def test_common_stamps_are_read(line: str, time: str) -> None:
    found = stamps([line, line])
    assert found is not None and found.astype(str).tolist() == [time, time]


def test_all_lines_or_none() -> None:
    assert stamps(["2024-05-01 10:00:00 a", "  at java.lang.Thread"]) is None
    assert stamps(["2024-13-45 10:00:00 a"]) is None
    assert stamps(["job 7"]) is None
