"""``tocsin ask``: which rows a person should judge first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

_EPILOG = """
**Examples**

`tocsin ask pump.tocsin june.csv --rows 10 --out judge.csv`  — then write 1 or 0 into the column is_anomaly

`tocsin answer pump.tocsin judge.csv --out pump2.tocsin`  — the answers count at once
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(ask)


@takes(reading)
def ask(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model of a table.", show_default=False)],
    file: File,
    out: Annotated[Path, typer.Option(help="The csv file to write.", show_default=False)],
    rows: Annotated[int, typer.Option(help="How many rows to ask about.", min=1)] = 10,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Write the rows whose judgement teaches the model most, with an empty column is_anomaly to fill in."""
    from tocsin.delivery import artifact
    from tocsin.flows.answers import ANSWER, to_judge, written
    from tocsin.interfaces.cli.output import console, print_json, working

    fitted = artifact.load(model)
    with working(f"judging {file}", quiet=json_):
        data = dataset(file, reading, kind=fitted.kind_, schema=fitted.schema_)
        chosen = fitted.ask(data, rows)
        written(to_judge(fitted, data, chosen), out)
    if json_:
        print_json({"out": str(out), "rows": chosen, "of": len(data)})
        return
    console().print(
        f"wrote {len(chosen)} of {len(data):,} rows to {out}: fill in {ANSWER} (1 anomaly, 0 normal, empty when you cannot tell)\n"
        f"next:  tocsin answer {model} {out} --out NEWMODEL",
        soft_wrap=True,
    )
