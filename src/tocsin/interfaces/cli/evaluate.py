"""``tocsin evaluate``: a saved model against labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

_EPILOG = """
**Examples**

`tocsin evaluate pump.tocsin labelled.csv --label broken`

`tocsin evaluate pump.tocsin labelled.csv --label broken --json`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(evaluate)


@takes(reading)
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)],
    file: File,
    threshold: Annotated[str | None, typer.Option(help="Move the threshold first: false_alarm_rate=0.001, ...")] = None,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Measure a saved model on labelled rows: order, decision, and the false-alarm rate delivered."""
    from tocsin.delivery import artifact
    from tocsin.flows import evaluate as flow
    from tocsin.interfaces.cli.output import print_json, working

    fitted = artifact.load(model)
    if threshold is not None:
        fitted = fitted.with_threshold(threshold)
    with working(f"judging {file}", quiet=json_):
        data = dataset(file, reading, kind=fitted.kind_, schema=fitted.schema_)
        figures = flow.evaluate(fitted, data)
    if json_:
        print_json(figures)
    else:
        _tell(figures)


def _tell(figures: dict[str, Any]) -> None:
    from rich.table import Table

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.measures import measures

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in measures(figures):
        table.add_row(name, value)
    console().print(table)
