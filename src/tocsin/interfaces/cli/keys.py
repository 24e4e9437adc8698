"""``tocsin keys``: who may use the service."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

if TYPE_CHECKING:
    from tocsin.store.engine import Store

_EPILOG = """
**Examples**

`tocsin keys create --data-dir data --scope score --name "line 3"`  — the key alone, on standard output: it is not shown again

`tocsin keys list --data-dir data`

`tocsin keys revoke 0f3a9c0d5b7e --data-dir data`  — within seconds it no longer works

`tocsin keys page-link --data-dir data`  — a new link to the page; it works once
"""


class Action(StrEnum):
    """What to do."""

    create = "create"
    list = "list"
    revoke = "revoke"
    page_link = "page-link"


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(keys)


def keys(
    action: Annotated[Action, typer.Argument(metavar="ACTION", help="create, list, revoke or page-link.", show_default=False)],
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key to revoke: its id.", show_default=False)] = "",
    data_dir: Annotated[
        Path, typer.Option(help="The service's data folder; TOCSIN_DATA_DIR when not given.", envvar="TOCSIN_DATA_DIR")
    ] = Path("tocsin-data"),
    database: Annotated[
        str | None,
        typer.Option(help="PostgreSQL address, when the service uses one; TOCSIN_DATABASE when not given.", envvar="TOCSIN_DATABASE"),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="create: score, label or manage (which includes the others); may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option(help="create: whose key it is; it signs what is done with it.")] = "",
    json_: Json = False,
) -> None:
    """Make, list and revoke the keys of the service, and make links to its page."""
    if (action is Action.revoke) != bool(id_):
        raise typer.BadParameter("revoke needs the id of a key, the other actions take none")
    if action is not Action.create and (scope or name):
        raise typer.BadParameter("--scope and --name belong to create")
    with _store(data_dir, database) as store:
        {Action.create: _create, Action.list: _list, Action.revoke: _revoke, Action.page_link: _page_link}[action](
            store, {"id": id_, "scopes": scope or [], "name": name, "json": json_}
        )


def _store(data_dir: Path, database: str | None) -> Store:
    from tocsin.interfaces.cli.serve import needs_extra

    with needs_extra():
        from tocsin.store.engine import Store

    return Store(data_dir, database)


def _create(store: Store, given: dict[str, Any]) -> None:
    import sys

    from tocsin.interfaces.server.keys import Keys

    key = Keys(store).create(given["scopes"], name=given["name"])
    if given["json"]:
        _print_json({"key": key, "id": key.split("_")[1], "scopes": given["scopes"], "name": given["name"]})
        return
    print(key)
    print("Keep it now: it is stored as a hash and cannot be shown again.", file=sys.stderr)


def _list(store: Store, given: dict[str, Any]) -> None:
    from tocsin.interfaces.server.keys import Keys

    found = Keys(store).list()
    if given["json"]:
        _print_json({"keys": [_told(key) for key in found]})
        return
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    if not found:
        console().print("There are no keys. `tocsin keys create` makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("id", "name", "scopes", "made", "last used", "state"):
        table.add_column(heading, no_wrap=heading == "id")
    for key in found:
        state = f"revoked {key.revoked[:10]}" if key.revoked else "works"
        used = (key.used or "never")[:16].replace("T", " ")
        table.add_row(key.id, Text(key.name), ", ".join(sorted(key.scopes)), key.at[:10], used, state)
    console().print(table)


def _revoke(store: Store, given: dict[str, Any]) -> None:
    from tocsin.interfaces.server.keys import Keys

    key = Keys(store).revoke(given["id"])
    if given["json"]:
        _print_json(_told(key))
    else:
        print(f"revoked {key.id}{f' ({key.name})' if key.name else ''}; a running service refuses it within seconds")


def _page_link(store: Store, given: dict[str, Any]) -> None:
    from tocsin.interfaces.server.session import Sessions

    link = Sessions(store).link()
    if given["json"]:
        _print_json({"link": link})
    else:
        print(link)


def _told(key: Any) -> dict[str, Any]:
    return {**vars(key), "scopes": sorted(key.scopes)}


def _print_json(value: dict[str, Any]) -> None:
    from tocsin.interfaces.cli.output import print_json

    print_json(value)
