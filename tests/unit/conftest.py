"""A store in SQLite and in a real PostgreSQL: a test that takes ``store`` or ``database`` runs with both.

PostgreSQL is the one that is installed (Debian's package will do): started once, on a free port of 127.0.0.1 and with a password of its
own, stopped at the end. Where there is none, those tests skip and say so.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tocsin.store.engine import Store

_USER = "tocsin"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running server's first database."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    tools = _tools()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        password, log = secrets.token_hex(16), folder / "log"
        (folder / "password").write_text(password)
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        secret = f"--pwfile={folder / 'password'}"
        _run(tools, "initdb", "-D", folder / "data", "-U", _USER, "-A", "scram-sha-256", secret, "-E", "UTF8", "--no-sync")
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=60"
        _run(tools, "pg_ctl", "start", "-w", "-t", "60", "-D", folder / "data", "-l", log, "-o", settings)
        try:
            yield f"postgresql+psycopg://{_USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            _run(tools, "pg_ctl", "stop", "-m", "immediate", "-D", folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres(postgres: str) -> Iterator[str]:
    """The address of an empty database."""
    from sqlalchemy import create_engine, make_url

    name = f"t_{secrets.token_hex(6)}"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """What ``Store`` takes as its database: None for SQLite in the folder, the address of an empty PostgreSQL."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("new_postgres"))


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    """An empty store."""
    from tocsin.store.engine import Store

    with Store(tmp_path / "place", database) as opened:
        yield opened


def _tools() -> Path:
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: int(home.parent.name.split(".")[0]))
    found = shutil.which("initdb")
    homes += [Path(found).parent] if found else []
    if os.name != "posix" or not homes or not (homes[-1] / "pg_ctl").exists():
        pytest.skip("PostgreSQL is not installed")
    if os.getuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    return homes[-1]


def _run(tools: Path, program: str, *words: object) -> None:
    command = [str(tools / program), *map(str, words)]
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    # no pipes: the server would keep them open
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    done = subprocess.run([*as_postgres, *command], cwd="/", **quiet)
    assert done.returncode == 0, f"{program} ended with {done.returncode}"
