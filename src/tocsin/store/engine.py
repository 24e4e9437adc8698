"""A place that keeps things: a data folder with SQLite, or a folder for files and a PostgreSQL address.

    DIR/tocsin.db      the database (SQLite, write-ahead log), unless an address is given
    DIR/files/         models and uploads by their content
    DIR/database       which database the folder belongs to, when an address was given (no user, no password)
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import DataError as Unfit
from sqlalchemy.exc import TimeoutError as NoConnection

from tocsin.core.errors import ConfigError, MissingExtra, ServiceError
from tocsin.store.belongs import Belongs
from tocsin.store.files import Files

_LOCK = 0x70C51  # one migration at a time, on PostgreSQL
_ONE_MIGRATION = threading.Lock()  # alembic's context is one for the whole process
_DAY = 86_400.0
_AWAY = (OperationalError, InternalError, NoConnection)  # locked, full, read-only, gone: not the caller's mistake


class Store:
    """An open data folder. ``begin()`` for writing, ``read()`` for reading, ``files`` for bytes; ``close()`` or ``with`` at the end.

    folder     holds the database and the files; made when missing, readable by its owner alone
    database   an SQLAlchemy address (``postgresql+psycopg://…``) in place of the folder's SQLite; a folder that was used with another one,
               or with none, is refused instead of looking empty

    Opening brings the tables up to date. On SQLite a writer takes the lock at once (no deadlock between two that read first) and waits for
    another for up to 30 s. Several processes may open one place. Raises ConfigError TOC-250, MissingExtra TOC-501, ServiceError TOC-611,
    TOC-612.

    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store, store.read() as base:
    ...     base.execute(text("select count(*) from model")).scalar()
    0
    """

    def __init__(self, folder: str | Path, database: str | None = None) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError("TOC-250", "the data folder cannot be made", came=f"{folder}: {error.strerror}",
                              todo="name a folder that you may write to") from error
        self.files = Files(self.folder / "files")
        database = database or None
        own = URL.create("sqlite", database=str(self.folder.resolve() / "tocsin.db"))  # the folder's name may hold any sign
        self.address = database or own.render_as_string()
        self.engine = _engine(database or own)
        belongs = Belongs(self.folder, None if database is None else self.engine.url)
        try:
            belongs.check()
            with _stated("the database cannot be opened", "check that the folder is writable, or the database's address"):
                _migrate(self.engine)
            belongs.claim()
        except BaseException:
            self.engine.dispose()
            raise
        self.files.sweep(older=_DAY)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction that may write: all of it happens, or none. Raises ServiceError TOC-611, TOC-614."""
        with _stated(), self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that only reads, seeing one moment. Raises ServiceError TOC-611."""
        with _stated(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _stated(what: str = "the database does not answer", todo: str = "try again; check the disk and whether another process holds it",
            ) -> Iterator[None]:
    try:
        yield
    except (Unfit, OverflowError) as error:  # a NUL in a text, a number beyond the column's
        raise ServiceError("TOC-614", "a value cannot be stored", came=_said(error),
                           todo="leave out control characters; use smaller numbers") from error
    except (*_AWAY, DatabaseError) as error:
        if not isinstance(error, _AWAY) and type(error) is not DatabaseError:  # DatabaseError itself: the file is damaged or no database
            raise  # a broken rule of the tables, or a mistake of ours
        raise ServiceError("TOC-611", what, came=_said(error), todo=todo) from error
    except StatementError as error:
        if isinstance(error.orig, ServiceError):  # of _json; psycopg lets it pass as it is
            raise error.orig from None
        raise


def _engine(address: str | URL) -> Engine:
    try:
        url = make_url(address)
        if url.drivername == "postgres":  # as hosts of databases write it
            url = url.set(drivername="postgresql")
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigError("TOC-250", "this kind of database is not supported", came=url.get_backend_name(),
                              todo="leave the address out (SQLite) or use postgresql+psycopg://user:password@host/name")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")  # what this means by itself depends on SQLAlchemy's version
        if url.get_backend_name() == "postgresql":
            return create_engine(url, pool_pre_ping=True, json_serializer=_json)
        engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, json_serializer=_json)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError("TOC-250", "this is not the address of a database", came=str(error)[:120],
                          todo="use postgresql+psycopg://user:password@host/name") from error
    except ImportError as error:
        raise MissingExtra("TOC-501", "this database needs a driver that is not installed", came=str(error),
                           todo="pip install 'tocsin[sql]' and begin the address with postgresql+psycopg://") from error
    event.listen(engine, "connect", _prepare_sqlite)
    _owners_alone(url.database)
    return engine


def _owners_alone(database: str | None) -> None:
    """A new database is its owner's alone, whatever the folder is: it holds cells, and the secret of webhooks."""
    if database and database != ":memory:" and not Path(database).exists() and os.access(Path(database).parent, os.W_OK):
        os.close(os.open(database, os.O_CREAT, 0o600))


def _json(value: Any) -> str:
    """NaN is no JSON: PostgreSQL would refuse it, SQLite would keep it."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ServiceError("TOC-614", "a value cannot be stored as JSON", came=str(error)[:200],
                           todo="pass plain values: text, finite numbers, lists and dictionaries") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would open transactions late; begin() and read() open them
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """The migrations' settings, working on ``connection``."""
    config = AlembicConfig()
    config.set_main_option("script_location", os.fspath(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _migrate(engine: Engine) -> None:
    config = alembic_config()
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return  # the usual case takes no lock
        connection.rollback()
    with _ONE_MIGRATION, engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise ServiceError("TOC-612", "the data folder was written by a newer version of tocsin", came=f"revision {current}",
                               todo="install the newer version, or open another folder")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _said(error: Exception) -> str:
    """The driver's own sentence, without the statement and its values."""
    return (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0][:200]
