"""``tocsin detectors``: what is in the catalog, told without importing any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

if TYPE_CHECKING:
    from tocsin.core.catalog import Card

_EPILOG = """
**Examples**

`tocsin detectors`

`tocsin detectors knn`  — its settings and their defaults

`tocsin detectors --json`
"""
_PACKAGE_OF = {"deep": "torch"}  # the package whose presence shows that an extra is installed


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(detectors)


def detectors(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One detector, with its settings.", show_default=False)] = None,
    json_: Json = False,
) -> None:
    """List the detectors: what they judge, what they offer, and whether they are installed."""
    from tocsin.core import catalog
    from tocsin.interfaces.cli.output import print_json

    if name is not None:
        _one(name, as_json=json_)
        return
    cards = [catalog.card(one) for one in catalog.names()]
    if json_:
        print_json({"detectors": [_plain(card) for card in cards]})
    else:
        _tell(cards)


def installed(card: Card) -> bool:
    """Whether the packages of the detector's extra are there, without importing them."""
    from importlib.util import find_spec

    package = _PACKAGE_OF.get(card.tags.extra)
    return package is None or find_spec(package) is not None


def offers(card: Card) -> list[str]:
    """The capabilities worth naming."""
    tags = card.tags
    known = {
        "network": tags.slow_fit,
        "expected values": tags.gives_expected,
        "score per cell": tags.gives_map,
        "online": tags.online,
        "uses labels": tags.supervised,
    }
    return [name for name, there in known.items() if there]


def _plain(card: Card) -> dict[str, Any]:
    return {
        "name": card.name,
        "summary": card.summary,
        "kinds": _kinds(card),
        "offers": offers(card),
        "extra": card.tags.extra,
        "installed": installed(card),
        "min_rows": card.tags.min_rows,
    }


def _kinds(card: Card) -> list[str]:
    return {"vector": ["table", "series"], "series": ["series"]}.get(card.tags.modality, [card.tags.modality])


def _tell(cards: list[Card]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("name", "judges", "offers", "installed", "summary"):
        table.add_column(heading, no_wrap=heading in ("name", "installed"))
    for card in cards:
        there = Text("yes", style="green") if installed(card) else Text(f"pip install 'tocsin[{card.tags.extra}]'", style="yellow")
        table.add_row(Text(card.name, style="bold"), ", ".join(_kinds(card)), ", ".join(offers(card)), there, Text(card.summary))
    console().print(table)


def _one(name: str, *, as_json: bool) -> None:
    """Settings come from the class itself, so this imports it."""
    import inspect

    from rich.text import Text

    from tocsin.core import catalog
    from tocsin.interfaces.cli.output import console, print_json

    cls = catalog.load(name)
    settings = {
        parameter.name: parameter.default
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    settings = {key: None if value is inspect.Parameter.empty else value for key, value in settings.items()}
    if as_json:
        print_json({**_plain(catalog.card(name)), "settings": settings})
        return
    screen = console()
    screen.print(Text(name, style="bold"))
    screen.print(Text(inspect.getdoc(cls) or ""))
    screen.print()
    for key, value in settings.items():
        screen.print(f"  --param {key}={'none' if value is None else value}")
