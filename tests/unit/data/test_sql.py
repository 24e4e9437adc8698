import sqlite3

import pytest

from tocsin.core.errors import DataError
from tocsin.data.read import read
from tocsin.data.sql import shown


@pytest.fixture
def plant(tmp_path):
    path = tmp_path / "plant.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table readings (at text, flow real, state text, raw blob)")
        connection.executemany("insert into readings values (?, ?, ?, ?)",
                               [(f"2024-01-01 10:{i:02d}:00", i / 2, "on", b"x") for i in range(10)])
        connection.execute("insert into readings values (null, 'broken', null, null)")
    connection.close()
    return f"sqlite:///{path}"


def refused(code, url, query):
    with pytest.raises(DataError) as caught:
        read(url, query=query)
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


def test_query_table_and_types(plant):
    data = read(plant, query="select at, flow from readings where at like '%10:%' and at is not null")
    assert data.kind == "series" and data.X["flow"].to_pylist()[:2] == [0.0, 0.5] and len(data.origin.digest) == 64
    whole = read(plant, query="readings")
    assert len(whole) == 11 and whole.schema["flow"].kind == "number" and whole.X["flow"].to_pylist()[-1] == "broken"


def test_what_a_database_refuses(plant, tmp_path):
    assert "readings" in refused("TOC-135", plant, None)
    refused("TOC-135", plant, "select nothing from nowhere")
    refused("TOC-122", plant, "select * from readings where flow > 1e9 and flow < 0")
    refused("TOC-102", plant, "select flow, flow from readings")
    refused("TOC-135", "nosuch://host/db", "select 1")
    refused("TOC-135", "https://example.org/a.csv", None)


@pytest.mark.parametrize("query", ["delete from readings", "drop table readings", "insert into readings values (1, 1, 1, 1)"])
def test_reading_never_writes(plant, query):
    refused("TOC-135", plant, query)
    assert len(read(plant, query="readings")) == 11


def test_a_missing_database_is_not_made(tmp_path):
    refused("TOC-120", f"sqlite:///{tmp_path / 'no.db'}", "select 1")
    assert not list(tmp_path.iterdir())


def test_passwords_are_never_shown():
    assert shown("postgresql://ann:s3cret@host/db") == "postgresql://ann:***@host/db"
    assert "s3c" not in shown("mssql://host/db?password=s3cret") + shown("mysql://ann:s3c@r/et@host/db")
    assert "s3cret" not in refused("TOC-135", "postgresql://ann:s3cret@localhost:1/db", "select 1")
