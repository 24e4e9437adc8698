import numpy as np
import pyarrow as pa
import pytest

from tocsin.data.stamp import as_time, dates, is_clock, named_like_clock


def parsed(*texts):
    return [None if value is None else value.isoformat() for value in dates(pa.chunked_array([list(texts)]))[0].to_pylist()]


@pytest.mark.parametrize(("text", "expected"), [
    ("2024-01-31", "2024-01-31T00:00:00"), ("2024/1/31 7:05", "2024-01-31T07:05:00"),
    ("2024-01-31T10:00:00.250Z", "2024-01-31T10:00:00.250000"),
    ("2024-01-31 10:00:00+02:00", "2024-01-31T08:00:00"), ("2024-01-31 10:00:00-0530", "2024-01-31T15:30:00"),
    ("31.01.2024 23:59", "2024-01-31T23:59:00"),
    ("31/01/2024", "2024-01-31T00:00:00"), ("01/31/2024 12:15 AM", "2024-01-31T00:15:00"), ("01/31/24 1:15 PM", "2024-01-31T13:15:00"),
    ("31 Jan 2024", "2024-01-31T00:00:00"), ("Jan 31, 2024 12:00", "2024-01-31T12:00:00"), ("31-January-2024", "2024-01-31T00:00:00"),
    ("1969-12-31 23:59:59", "1969-12-31T23:59:59"), ("2024-01-31T10", "2024-01-31T10:00:00"), ("2024-01-31 10", "2024-01-31T10:00:00"),
])
def test_forms(text, expected):
    assert parsed(text, None) == [expected, None]
    assert parsed(text, "25.13.2024") == [expected, None]  # a value that is no date beside it changes nothing


@pytest.mark.parametrize("text", ["2024-02-30", "2024-13-01", "2024-01-01 25:00", "31/31/2024", "1.2.3", "12", "31 Foo 2024",
                                  "pump", "0000-01-01"])
def test_what_is_no_date(text):
    assert parsed(text) == [None]


def test_order_of_figures():
    assert dates(pa.chunked_array([["03/04/2024", "13/04/2024"]]))[1] == "dmy"
    assert dates(pa.chunked_array([["03/04/2024", "03/14/2024"]]))[1] == "mdy"
    assert dates(pa.chunked_array([["01/11/2024", "01/12/2024", "02/01/2024"]]))[1] == "mdy"  # only so do they ascend
    assert dates(pa.chunked_array([["03/04/2024"]]))[1] == "dmy?"
    assert dates(pa.chunked_array([["03/04/2024"]]), "mdy")[0][0].as_py().month == 3


def test_nanoseconds_are_kept():
    assert dates(pa.chunked_array([["2024-01-01 00:00:00.123456789"]]))[0].type == pa.timestamp("ns")


def test_numbers_are_times_by_name_and_size():
    seconds = pa.chunked_array([[1_700_000_000, None]])
    assert as_time(seconds, "event_time")[0][0] == np.datetime64("2023-11-14T22:13:20") and np.isnat(as_time(seconds, "ts")[0][1])
    assert as_time(seconds, "amount") is None and as_time(pa.chunked_array([[5, 6]]), "time") is None
    assert as_time(pa.chunked_array([[1.7e9, 1.7e9 + 0.5]]), "time")[0][1] == np.datetime64("2023-11-14T22:13:20.5")
    assert as_time(pa.chunked_array([[20240131]]), "date")[0][0] == np.datetime64("2024-01-31")


def test_names():
    assert all(map(named_like_clock, ["time", "Timestamp", "event_ts", "date (utc)", "Date"]))
    assert not any(map(named_like_clock, ["lifetime", "update", "cats", "x"]))


def test_clock():
    base = np.datetime64("2024-01-01T00:00:00", "us")
    even = base + np.arange(100) * np.timedelta64(60, "s")
    random = base + np.cumsum(np.random.default_rng(0).exponential(1e9, 500)).astype("timedelta64[us]")
    assert is_clock(even) and is_clock(even[::-1]) and is_clock(np.r_[even[:50], even[70:]])
    assert not is_clock(random) and not is_clock(np.repeat(even, 3)) and not is_clock(even[:1])
