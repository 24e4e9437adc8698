"""Rows of a database, by SQLAlchemy URL: ``sqlite:///plant.db``, ``postgresql://user@host/db``. Reading only; nothing is committed.

The password of a URL is never shown, in no message and in no origin.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from tocsin.core.errors import DataError, MissingExtra
from tocsin.data.delimited import check_names
from tocsin.data.lines import appended
from tocsin.data.literal import column

_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+_]*://")


def is_url(source: Any) -> bool:
    """Whether ``source`` is text of the form scheme://..."""
    return isinstance(source, str) and bool(_URL.match(source))


def shown(url: str) -> str:
    """The URL without its password."""
    return re.sub(r"(://[^/@:]*):.*@", r"\1:***@", re.sub(r"(?i)(password|pwd)=[^&;]*", r"\1=***", url))


def load(url: str, query: str | None) -> pa.Table:
    """All rows of ``query``, a SELECT or the name of a table. DataError TOC-135 when the database refuses, TOC-122 without rows."""
    return appended(list(stream(url, query, 65_536)))


def stream(url: str, query: str | None, rows: int) -> Iterator[pa.Table]:
    """Tables of at most ``rows`` rows, fetched as they are asked for."""
    sql = _sqlalchemy(url)
    engine = _engine(sql, url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            elif engine.dialect.name == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            statement = _statement(sql, connection, query, url)
            # no parameters: colons and per cent signs of the query are its own
            result = connection.execution_options(no_parameters=True, stream_results=True, yield_per=rows).exec_driver_sql(statement)
            if not result.returns_rows:
                raise DataError("TOC-135", "the query returns no rows", came=str(query)[:200], todo="pass a SELECT")
            columns = result.keys()
            names = [str(name) for name in columns]
            check_names(names, "the query")
            empty = True
            for part in result.partitions(rows):
                empty = False
                yield pa.table([column([_plain(row[j]) for row in part]) for j in range(len(names))], names=names)
            if empty:
                raise DataError("TOC-122", "the query found no rows", came=str(query)[:200], todo="pass a query that finds rows")
    except sql.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        raise DataError("TOC-135", "the database refused", came=f"{shown(url)}: {reason.strip()}"[:400],
                        todo="check the URL, the rights and the query; only reading is allowed") from None
    finally:
        engine.dispose()


def _sqlalchemy(url: str) -> Any:
    try:
        return importlib.import_module("sqlalchemy")
    except ImportError as error:
        raise MissingExtra("TOC-501", "reading databases needs SQLAlchemy", came=shown(url), todo="pip install 'tocsin[sql]'") from error


def _engine(sql: Any, url: str) -> Any:
    if url.startswith(("http://", "https://", "s3://", "gs://", "ftp://")):
        raise DataError("TOC-135", "web and cloud addresses are not read", came=shown(url), todo="download the file and pass its path")
    if url.startswith(("postgres://", "postgresql://")):  # psycopg 3 is the driver that the extra installs
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        parsed = sql.engine.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:") \
                and not parsed.database.startswith("file:") and not Path(parsed.database).exists():
            # SQLite would make an empty file
            raise DataError("TOC-120", "there is no such database file", came=parsed.database,
                            todo="check the path; sqlite:////abs/path has four slashes")
        return sql.create_engine(parsed)
    except (sql.exc.ArgumentError, sql.exc.NoSuchModuleError) as error:
        raise DataError("TOC-135", "the database URL is not understood", came=shown(url),
                        todo="pass sqlite:///FILE or postgresql://user@host/db") from error
    except ModuleNotFoundError as error:
        raise MissingExtra("TOC-501", f"this database needs the package {error.name!r}", came=shown(url),
                           todo="pip install 'tocsin[sql]'" if error.name == "psycopg" else f"pip install {error.name}") from error


def _statement(sql: Any, connection: Any, query: str | None, url: str) -> str:
    tables: list[str] = []
    if query is None or re.fullmatch(r"[\w.]+", query.strip()):
        tables = sql.inspect(connection).get_table_names() + sql.inspect(connection).get_view_names()
    if query is None:
        raise DataError("TOC-135", "a database needs a query", came=shown(url),
                        todo=f"pass query='SELECT ...' or a table's name; there are: {', '.join(tables[:20]) or 'no tables'}")
    name = query.strip()
    if name in tables:
        return f"SELECT * FROM {connection.dialect.identifier_preparer.quote_identifier(name)}"  # one of the tables there are
    return query


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
