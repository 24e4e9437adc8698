"""``tocsin serve``: the service, on this machine unless told otherwise."""

from __future__ import annotations

import importlib
import ipaddress
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command

if TYPE_CHECKING:
    from tocsin.interfaces.server.place import Place

_EPILOG = """
**Examples**

`tocsin serve --data-dir data`  — prints a link to the page; open it in a browser

`tocsin keys create --data-dir data --scope manage`  — a key for programs

`tocsin serve --data-dir data --host 0.0.0.0 --allow-host tocsin.example.org`  — for other machines: put https in front

Stops on Ctrl-C or SIGTERM: requests that run are finished, a job that runs is taken up at the next start.
"""
_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "structlog", "httpx", "sqlalchemy", "alembic", "cryptography")
_GRACE = 15  # seconds that open connections get at the end


class Log(StrEnum):
    """How log lines look."""

    plain = "plain"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(serve)


def serve(
    data_dir: Annotated[
        Path, typer.Option(help="Folder that keeps everything, made when missing; else TOCSIN_DATA_DIR.", envvar="TOCSIN_DATA_DIR")
    ] = Path("tocsin-data"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for a free one.", min=0, max=65_535)] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Host name that the service goes by, beside localhost; may be repeated.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="PostgreSQL address in place of the folder's SQLite; TOCSIN_DATABASE when not given.", envvar="TOCSIN_DATABASE"),
    ] = None,
    max_body_mb: Annotated[int, typer.Option(help="Largest request, in MiB.", min=1)] = 256,
    max_rows: Annotated[int, typer.Option(help="Most rows of one call for scoring.", min=1)] = 100_000,
    timeout: Annotated[float, typer.Option(help="Seconds until an answer must begin.")] = 60,
    log: Annotated[Log, typer.Option(help="Lines for people or JSON, on stderr.")] = Log.plain,
) -> None:
    """Run the service: detectors over HTTP, a page for people, jobs, incidents, figures for Prometheus."""
    if not 0 < timeout < 86_400:
        raise typer.BadParameter("--timeout is a number of seconds above 0")
    hosts = _hosts(host, allow_host or [])
    with _listening(host, port) as listener:  # before the seconds that the imports take
        with needs_extra(*_PACKAGES):
            from tocsin.interfaces.server.app import create_app
            from tocsin.interfaces.server.log import make
            from tocsin.interfaces.server.place import Place
        with Place.open(data_dir, database, hosts=hosts, body=max_body_mb << 20, rows=max_rows, seconds=timeout) as place:
            logger = make(log.value)
            app = create_app(place, log=logger, form=log.value)
            _greet(place, listener, host)
            _run(app, place, listener, logger)


@contextmanager
def needs_extra(*packages: str) -> Iterator[None]:
    """Inside, a package of the extra ``serve`` that is not installed becomes MissingExtra TOC-501; ``packages`` are tried at once."""
    from tocsin.core.errors import MissingExtra

    try:
        for package in packages:
            importlib.import_module(package)
        yield
    except ImportError as error:
        if isinstance(error, MissingExtra) or (error.name or "").startswith("tocsin"):
            raise
        raise MissingExtra("TOC-501", f"the service needs the package {error.name!r}", came=str(error),
                           todo="pip install 'tocsin[serve]'") from error


def _hosts(host: str, allowed: list[str]) -> tuple[str, ...]:
    """The names that the service goes by. Raises ConfigError TOC-258 for an open door without a name."""
    from tocsin.core.errors import ConfigError

    for name in allowed:
        if not name or any(sign in name for sign in "/:*@ "):
            raise ConfigError("TOC-258", "--allow-host takes a host name", came=repr(name), todo="write --allow-host tocsin.example.org")
    if not allowed and not _loopback(host):
        raise ConfigError(
            "TOC-258", "other machines could reach the service, and no host name is allowed", came=f"--host {host}",
            todo="say by which name they reach it: --allow-host tocsin.example.org (and put https in front: keys and cookies travel with "
            "each request); or leave --host out")
    return tuple(allowed)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The socket, bound before anything else is begun. Raises ConfigError TOC-257."""
    from tocsin.core.errors import ConfigError

    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)  # now, so that a second service on this port fails at its start
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ConfigError("TOC-257", "the service cannot listen here", came=f"{host}:{port}: {error.strerror or error}",
                          todo="stop what listens there, or choose another --port (0 takes a free one)") from error
    with listener:
        yield listener


def _greet(place: Place, listener: socket.socket, host: str) -> None:
    """Where it is, and the link to the page. The address is kept for `tocsin keys page-link`."""
    from tocsin.interfaces.server.session import Sessions

    shown = place.hosts[0] if not _loopback(host) else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    sessions = Sessions(place.store)
    sessions.moved(address)
    print(f"Tocsin listens on {address}", file=sys.stderr)
    print(f"The page, with a link that works once: {sessions.link(address)}", file=sys.stderr, flush=True)


def _run(app: Any, place: Place, listener: socket.socket, logger: Any) -> None:
    """Until a signal asks for the end; then requests are finished, and the exit code is 0."""
    import uvicorn

    from tocsin.core.errors import ServiceError
    from tocsin.interfaces.server.wire import Wire

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            place.stopping.set()  # long answers end by themselves
            super().handle_exit(sig, frame)

    config = uvicorn.Config(app, http=Wire, ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
                            proxy_headers=False, timeout_keep_alive=5, timeout_graceful_shutdown=_GRACE)
    with _our_process(logger):
        try:
            Server(config).run(sockets=[listener])
        except SystemExit as end:  # the library's way to say that the start failed; why is in the log
            raise ServiceError("TOC-604", "the service could not start", came=f"exit code {end.code}", todo="read the log above") from end


@contextmanager
def _our_process(logger: Any) -> Iterator[None]:
    """What the service sets for the whole process, for as long as it runs: complaints of the library and of our own parts go into our log,
    and the signals that end it end nothing more, for the library raises them once again when it is done."""
    import logging

    from tocsin.interfaces.server.log import Forward

    sources = [logging.getLogger(name) for name in ("uvicorn.error", "tocsin")]
    kept = [(source.handlers[:], source.propagate) for source in sources]
    for source in sources:
        source.handlers[:], source.propagate = [Forward(logger)], False
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for source, (handlers, propagate) in zip(sources, kept):
            source.handlers[:], source.propagate = handlers, propagate
        for number, handler in before.items():
            signal.signal(number, handler)
