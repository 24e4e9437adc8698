"""``tocsin version`` and ``tocsin --version``."""

from __future__ import annotations

import typer

import tocsin
from tocsin.interfaces.cli.help import Command


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog="Example: `tocsin version`")(version)


def version() -> None:
    """Print the version."""
    print(f"tocsin {tocsin.__version__}")


def callback(asked: bool) -> None:
    """Answer ``--version`` before anything else happens."""
    if asked:
        version()
        raise typer.Exit
