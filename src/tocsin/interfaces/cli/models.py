"""``tocsin models``: the versions that a data folder keeps, which one is live, and how to get back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

if TYPE_CHECKING:
    from tocsin.delivery.registry import Registry, Version
    from tocsin.store.engine import Store

_EPILOG = """
**Examples**

`tocsin models add pump pump.tocsin --why "after the overhaul" --promote`

`tocsin models list`

`tocsin models show pump`  — its versions and who moved what; with a number, one version

`tocsin models compare pump 1 2`

`tocsin models learn pump --data june.csv`  — a candidate that knows June, too, if it is no worse

`tocsin models promote pump 2 --why "fewer false alarms"`

`tocsin models rollback pump --why "missed the leak"`  — one step back; a second time swaps again

`tocsin models key > trusted.pub`  — for load(..., require_signature="trusted.pub")
"""


class Action(StrEnum):
    """What to do."""

    list = "list"
    show = "show"
    add = "add"
    learn = "learn"
    promote = "promote"
    rollback = "rollback"
    compare = "compare"
    key = "key"


_TAKES = {  # action → how many words it takes, and what they are
    Action.list: (0, 0, "nothing"),
    Action.show: (1, 2, "the name of a model, and a version if you like"),
    Action.add: (2, 2, "the name of a model and a saved model"),
    Action.learn: (1, 1, "the name of a model"),
    Action.promote: (2, 2, "the name of a model and a version"),
    Action.rollback: (1, 1, "the name of a model"),
    Action.compare: (3, 3, "the name of a model and two versions"),
    Action.key: (0, 0, "nothing"),
}
_CHANGING = (Action.add, Action.learn, Action.promote, Action.rollback)


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(models)


def models(
    action: Annotated[
        Action,
        typer.Argument(metavar="ACTION", help="list, show, add, learn, promote, rollback, compare or key.", show_default=False),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", help="What the action is about: a model's name, versions (3, live), a file.", show_default=False),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="The data folder; TOCSIN_DATA_DIR when not given.", envvar="TOCSIN_DATA_DIR")] = Path(
        "tocsin-data"
    ),
    database: Annotated[
        str | None,
        typer.Option(help="PostgreSQL address, when the folder uses one; TOCSIN_DATABASE when not given.", envvar="TOCSIN_DATABASE"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who does it; your login name when not given.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept for ever.")] = "",
    alias: Annotated[str, typer.Option(help="promote, rollback: the alias to move.")] = "live",
    promote: Annotated[bool, typer.Option("--promote", help="add: make the new version live at once.")] = False,
    trust: Annotated[
        list[Path] | None, typer.Option(help="add: public key that must have signed the file; may be repeated.", show_default=False)
    ] = None,
    new_columns: Annotated[
        bool, typer.Option("--new-columns", help="add: take a model that asks for other columns than the newest version.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="learn: file of new rows.", show_default=False)] = None,
    replay: Annotated[
        Path | None, typer.Option(help="learn: file of old rows; those that were kept when not given.", show_default=False)
    ] = None,
    accept_shift: Annotated[
        bool, typer.Option("--accept-shift", help="learn: take a lasting change for the new usual.")
    ] = False,
    json_: Json = False,
) -> None:
    """List and compare trained models, add one, promote one, roll back.

    Every version stays, and so does who moved what, when and why.
    """
    given = words or []
    fewest, most, what = _TAKES[action]
    if not fewest <= len(given) <= most:
        raise typer.BadParameter(f"{action.value} takes {what}")
    if action is not Action.add and (promote or trust or new_columns):
        raise typer.BadParameter("--promote, --trust and --new-columns belong to add")
    if action is not Action.learn and (data is not None or replay is not None or accept_shift):
        raise typer.BadParameter("--data, --replay and --accept-shift belong to learn")
    if action is Action.learn and data is None:
        raise typer.BadParameter("learn takes a file of new rows: --data FILE")
    if action not in _CHANGING and (by is not None or why):
        raise typer.BadParameter(f"--by and --why belong to {', '.join(_CHANGING)}")
    whom: dict[str, Any] = {"by": _login() if by is None else by, "why": why} if action in _CHANGING else {}
    with _store(data_dir, database, make=action is Action.add) as store:
        if action is Action.list:
            _list(store, json_)
        elif action is Action.key:
            _key(store, json_)
        elif action is Action.show:
            _show(store, given, json_)
        elif action is Action.compare:
            _compare(store, given, json_)
        elif action is Action.learn and data is not None:
            _learn(store, given[0], data, replay, accept_shift, whom, data_dir, json_)
        elif action is Action.add:
            _told(_add(store, given, whom, promote, trust, new_columns), given[0], "added", json_, folder=data_dir)
        else:
            _told(_move(store, action, given, alias, whom), given[0], action.value, json_, alias)


# ---- changing ---------------------------------------------------------------------------------------------------------------


def _add(store: Store, words: list[str], whom: dict[str, Any], promote: bool, trust: list[Path] | None, new_columns: bool) -> Version:
    """The next version; the first one of a name begins its line."""
    from tocsin.core.errors import ServiceError
    from tocsin.delivery import artifact
    from tocsin.delivery.registry import Registry
    from tocsin.delivery.sign import SigningKey

    name, path = words
    registry = Registry(store, SigningKey.load_or_create(store.folder))
    facts = artifact.read_manifest(path)["model"]
    if name not in {line["name"] for line in registry.models()}:
        try:
            registry.create(name, facts.get("kind"), {key: facts.get(key) for key in ("kind", "detector")}, **whom)
        except ServiceError as error:
            if error.code != "TOC-620":  # somebody else began it just now: all the better
                raise
    version = registry.add(name, path, **whom, trust=trust or None, allow_other_columns=new_columns)
    return registry.promote(name, version.number, **whom) if promote else version


def _learn(store: Store, name: str, data: Path, replay: Path | None, accept_shift: bool, whom: dict[str, Any], folder: Path,
           as_json: bool) -> None:
    """A candidate, or nothing and exit code 1; either way what was measured is told."""
    from tocsin.interfaces.cli import learned

    version, found = learned.run(store, name, data, replay, accept_shift, whom)
    if as_json:
        _print_json({"done": "learned" if version else "refused", "version": version and _plain(version), **found.facts()})
    else:
        learned.tell(version, found, name, "" if version is None else _next(version, folder))
    if version is None:
        raise typer.Exit(1)


def _move(store: Store, action: Action, words: list[str], alias: str, whom: dict[str, Any]) -> Version:
    registry = _registry(store)
    if action is Action.rollback:
        return registry.rollback(words[0], alias=alias, **whom)
    return registry.promote(words[0], registry.version(words[0], words[1]).number, alias=alias, **whom)


def _told(version: Version, name: str, done: str, as_json: bool, alias: str = "live", folder: Path | None = None) -> None:
    if as_json:
        _print_json({"done": done, "alias": alias, "version": _plain(version)})
        return
    from tocsin.interfaces.cli.output import console

    if done == "added":
        next_ = f"; next:  {_next(version, folder)}" if not version.live else ", live now"
        console().print(f"added {name}, version {version.number}{next_}", soft_wrap=True)
    else:
        console().print(f"{name}: {alias} is version {version.number} now", soft_wrap=True)


def _next(version: Version, folder: Path | None) -> str:
    known = folder is None or str(folder) == os.environ.get("TOCSIN_DATA_DIR", "tocsin-data")
    place = "" if known else f" --data-dir {shlex.quote(str(folder))}"
    return f"tocsin models promote {version.model} {version.number}{place}"


# ---- telling ----------------------------------------------------------------------------------------------------------------


def _list(store: Store, as_json: bool) -> None:
    lines = _registry(store).models()
    if as_json:
        _print_json({"models": lines})
        return
    from tocsin.interfaces.cli.output import console

    if not lines:
        console().print("There are no models. `tocsin models add NAME FILE` adds one.")
        return
    rows = [(line["name"], line["kind"], line["live"] or "none", line["previous"] or "", line["versions"], *_when(line)) for line in lines]
    _table(("name", "judges", "live", "previous", "versions", "made (UTC)", "by", "why"), rows)


def _show(store: Store, words: list[str], as_json: bool) -> None:
    registry = _registry(store)
    if len(words) == 2:
        _show_one(store, registry.version(*words), as_json)
        return
    line, versions, moves = registry.model(words[0]), registry.versions(words[0]), registry.moves(words[0])
    if as_json:
        _print_json({"model": line, "versions": [_plain(version) for version in versions], "moves": moves})
        return
    from tocsin.interfaces.cli.output import console

    screen = console()
    live = f"version {line['live']} is live" if line["live"] else "nothing is live yet"
    screen.print(f"{line['name']}: a {line['kind']}, {live}")
    screen.print()
    _table(("version", "", "detector", "decision", "added (UTC)", "by", "why"), [_row(one, line) for one in versions])
    screen.print()
    moved = [(one["alias"], one["kind"], one["source"] or "nothing", one["target"], *_when(one)) for one in moves]
    _table(("alias", "move", "from", "to", "when (UTC)", "by", "why"), moved)


def _show_one(store: Store, version: Version, as_json: bool) -> None:
    path = store.files.path(version.digest, check=True)
    if as_json:
        _print_json({"version": _plain(version), "file": str(path)})
        return
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.trained import facts

    screen = console()
    screen.print(f"{version.model}, version {version.number}{', live' if version.live else ''}")
    at, by, why = _when(vars(version))
    about = [("added", f"{at} UTC"), ("by", by), ("why", why), ("signed by", version.signer or "nobody"),
             ("digest", version.digest), ("size", _size(version.bytes)), ("file", str(path))]
    for name, text in [*about, *facts(version.facts)]:
        screen.print(f"  {_clean(name):<36}{_clean(text)}".rstrip(), soft_wrap=True)


def _compare(store: Store, words: list[str], as_json: bool) -> None:
    told = _registry(store).compare(*words)
    if as_json:
        _print_json(told)
        return
    from tocsin.interfaces.cli.output import console

    if not told["facts"]:
        console().print("Their manifests say the same.")
        return
    screen = console()
    screen.print(f"version {told['numbers'][0]}  →  version {told['numbers'][1]}")
    for name, (a, b) in {"size": [*map(_size, told["bytes"])], **told["facts"]}.items():
        screen.print(f"  {_clean(name)}: {_clean(_whole(a))}  →  {_clean(_whole(b))}", soft_wrap=True, markup=False)


def _key(store: Store, as_json: bool) -> None:
    import sys

    from tocsin.delivery.sign import SigningKey

    public = SigningKey.load_or_create(store.folder).public
    if as_json:
        _print_json({"fingerprint": public.fingerprint, "public": public.pem})
        return
    print(public.pem, end="")
    print(f"fingerprint {public.fingerprint}", file=sys.stderr)


# ---- parts ------------------------------------------------------------------------------------------------------------------


def _store(data_dir: Path, database: str | None, *, make: bool) -> Store:
    """The open data folder; only adding makes a new one."""
    from tocsin.core.errors import ConfigError

    if not make and not data_dir.is_dir():
        raise ConfigError("TOC-254", "there is no data folder here", came=str(data_dir),
                          todo="pass --data-dir, or set TOCSIN_DATA_DIR; `tocsin models add` and `tocsin serve` make one")
    from tocsin.store.engine import Store

    return Store(data_dir, database)


def _registry(store: Store) -> Registry:
    from tocsin.delivery.registry import Registry

    return Registry(store)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without an account for its user
        raise typer.BadParameter("your login name cannot be found out: pass --by") from None


def _plain(version: Version) -> dict[str, Any]:
    return dict(vars(version))


def _row(version: Version, line: Mapping[str, Any]) -> tuple[Any, ...]:
    from tocsin.interfaces.report.trained import detector_words, rule_words

    facts = version.facts
    mark = "live" if version.live else "previous" if version.number == line["previous"] else ""
    rule = rule_words(facts["threshold"]) if isinstance(facts.get("threshold"), Mapping) else ""
    return (version.number, mark, detector_words(facts), rule, *_when(vars(version)))


def _when(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["at"][:16].replace("T", " "), row["by"], row["why"]


def _size(count: int) -> str:
    from tocsin.interfaces.report.words import number

    if count < 1_000:
        return f"{count} bytes"
    power = min((len(str(count)) - 1) // 3, 3)
    return f"{number(count / 1_000**power, 3)} {('kB', 'MB', 'GB')[power - 1]}"


def _whole(value: Any) -> str:
    import json

    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clean(text: Any) -> str:
    """What somebody else wrote, on one line and without anything that steers a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def _table(headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("", "name", "version") or "UTC" in heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_clean(cell)) for cell in row))
    console().print(table)


def _print_json(value: dict[str, Any]) -> None:
    from tocsin.interfaces.cli.output import print_json

    print_json(value)
