"""``tocsin answer``: a model that heeds what a person said of rows, at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

_EPILOG = """
**Examples**

`tocsin answer pump.tocsin judged.csv --out pump2.tocsin`

`tocsin answer pump judged.csv --data-dir watch`  — a new version of a registered model; it waits to be promoted

`tocsin answer pump.tocsin judged.csv --out pump2.tocsin --reach near`  — rows unlike the judged ones keep their scores
"""


class Reach(StrEnum):
    """How far answers reach."""

    all = "all"
    near = "near"


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(answer)


def answer(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A saved model, or without --out the name of one.", show_default=False)],
    answers: Annotated[
        Path, typer.Argument(metavar="ANSWERS", help="File of rows with a column is_anomaly: 1, 0 or empty.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="The model file to write.", show_default=False)] = None,
    reach: Annotated[
        Reach, typer.Option(help="near: change rows like the judged ones alone; all: weigh the columns that set them apart, too.")
    ] = Reach.all,
    data_dir: Annotated[
        Path, typer.Option(help="The data folder of a named model; TOCSIN_DATA_DIR when not given.", envvar="TOCSIN_DATA_DIR")
    ] = Path("tocsin-data"),
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL address, when the folder uses one; TOCSIN_DATABASE when not given.",
                                 envvar="TOCSIN_DATABASE"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who judged the rows of a named model; your login name when not given.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    json_: Json = False,
) -> None:
    """Heed a person's answers without training: rows judged normal and their like are raised no more, confirmed ones are.

    The model that was given stays as it is. Answers about a named model are kept and enter its next training, too.
    """
    if out is None:
        _named(model, answers, reach, data_dir, database, by, why, json_)
        return
    if by is not None or why:
        raise typer.BadParameter("--by and --why belong to a named model, without --out")
    from tocsin.delivery import artifact
    from tocsin.flows.answers import read_answers

    fitted = artifact.load(model)
    rows, said = read_answers(answers, fitted.schema_)
    made = fitted.answered(rows, said, reach=reach.value)
    artifact.save(made, out)
    _tell({"out": str(out), "answers": made.facts_["answers"]}, f"wrote {out}", json_)


def _named(name: str, answers: Path, reach: Reach, data_dir: Path, database: str | None, by: str | None, why: str, as_json: bool) -> None:
    from tocsin.delivery.registry import Registry
    from tocsin.delivery.sign import SigningKey
    from tocsin.flows.answers import answer as flow
    from tocsin.interfaces.cli import models

    with models._store(data_dir, database, make=False) as store:
        registry = Registry(store, SigningKey.load_or_create(store.folder))
        version, told = flow(store, registry, name, answers, by=models._login() if by is None else by, why=why, reach=reach.value)
        next_ = models._next(version, data_dir)
    _tell({"version": dict(vars(version)), "answers": told}, f"{name}: version {version.number} is a candidate; next:  {next_}", as_json)


def _tell(done: dict[str, Any], last: str, as_json: bool) -> None:
    from tocsin.interfaces.cli.output import console, print_json

    if as_json:
        print_json(done)
        return
    told = done["answers"]
    reach = "rows like them" if told["reach"] == "near" else "rows like them, and the columns that set them apart"
    console().print(f"{told['anomaly']} confirmed, {told['normal']} judged normal; heeded for {reach}.", style="bold")
    console().print(last, soft_wrap=True)
