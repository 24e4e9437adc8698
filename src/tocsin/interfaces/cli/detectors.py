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
_PACKAGE_OF = {"deep": "torch", "vision": "PIL", "text": "tokenizers", "logs": "drain3"}  # whose presence shows that an extra is installed
_HEADINGS = {
    "vector": "Tables (series through windows)",
    "series": "Series",
    "images": "Images",
    "texts": "Texts",
    "logs": "Logs",
}


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
    """A heading for each kind of data, a line for each detector, as far as the terminal is wide."""
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    screen = console()
    width = max(len(card.name) for card in cards)
    for modality, heading in _HEADINGS.items():
        screen.print(Text(heading, style="bold"))
        for card in (card for card in cards if card.tags.modality == modality):
            there = "" if installed(card) else f"(pip install 'tocsin[{card.tags.extra}]') "
            line = Text(f"  {card.name:<{width}}  ").append(there, style="yellow").append(card.summary, style="dim")
            screen.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        screen.print()
    screen.print("`auto` takes neighbour_fusion, robust_knn or guided_fusion for tables, fusion for all else.")
    screen.print("tocsin detectors NAME tells what one does, when it works and when not, and its settings.")


def _one(name: str, *, as_json: bool) -> None:
    """Settings come from the class itself, so this imports it."""
    import inspect

    from rich.text import Text

    from tocsin.core import catalog
    from tocsin.interfaces.cli.output import console, print_json

    cls = catalog.load(name)
    card = catalog.card(name)
    settings = {
        parameter.name: parameter.default
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    settings = {key: None if value is inspect.Parameter.empty else value for key, value in settings.items()}
    if as_json:
        print_json({**_plain(card), "settings": settings})
        return
    screen = console()
    screen.print(Text(name, style="bold"))
    screen.print(Text(_told(inspect.getdoc(cls) or "")))
    if offers(card):
        screen.print(f"\nOffers: {', '.join(offers(card))}.")
    screen.print()
    for key, value in settings.items():
        screen.print(f"  --param {key}={'none' if value is None else value}")


def _told(docstring: str) -> str:
    r"""What a reader on a terminal wants of it: without the example at its end, and each paragraph as one line for the terminal to fold.

    >>> _told("One\nidea.\n\nParameters\n    k  how many\n\n>>> Idea()")
    'One idea.\n\nParameters\n    k  how many'
    """
    made = []
    for part in docstring.partition(">>>")[0].strip().split("\n\n"):
        indented = any(line.startswith(" ") for line in part.split("\n"))
        made.append(part if indented else " ".join(part.split()))
    return "\n\n".join(made)
