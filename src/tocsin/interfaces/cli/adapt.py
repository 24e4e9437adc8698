"""``tocsin adapt``: a saved model, for a related table of which there are few rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json, reading, takes

if TYPE_CHECKING:
    from tocsin.core.types import Dataset
    from tocsin.flows.adapt import Report
    from tocsin.pipeline.pipeline import Pipeline

_EPILOG = """
**Examples**

`tocsin adapt plant_a.tocsin plant_b.csv --out plant_b.tocsin`  — twenty normal rows of the other plant are a start

`tocsin adapt plant_a.tocsin plant_b.csv --source plant_a.csv --out plant_b.tocsin`
"""
_SHOWN = 8  # moved columns


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(adapt)


@takes(reading)
def adapt(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model of a related table.", show_default=False)],
    file: Annotated[str, typer.Argument(metavar="FEW", help="File of the few rows, mostly normal.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The model file to write, for example plant_b.tocsin.", show_default=False)],
    source: Annotated[
        str | None, typer.Option(help="File that MODEL was fitted on; without it the rows that the model keeps.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0)] = 0,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Adapt a saved model to a related table with few rows: another plant, another month. The columns must be the same."""
    from tocsin.delivery import artifact
    from tocsin.flows import adapt as flow
    from tocsin.interfaces.cli.output import print_json, training, working

    before = artifact.load(model)
    with working(f"reading {file}", quiet=json_):
        few, old = _read(before, file, reading), None if source is None else _read(before, source, reading)
    with training(quiet=json_):
        adapted = flow.adapt(before, few, old, seed=seed)
    artifact.save(adapted.model, out)
    if json_:
        print_json({"out": str(out), **adapted.model.facts_["adapted"]})
    else:
        _tell(adapted.report, out)


def _read(before: Pipeline, file: str, reading: dict[str, Any]) -> Dataset:
    from tocsin.interfaces.cli.options import dataset

    return dataset(file, reading, schema=before.schema_, kind=before.kind_)


def _tell(report: Report, out: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import number

    screen = console()
    for sentence in report.why:
        screen.print(sentence, soft_wrap=True, markup=False)
    if report.moved:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("column", "gain", "level"):
            table.add_column(heading)
        for one in report.moved[:_SHOWN]:
            table.add_row(Text(one.column), Text(number(one.gain, 3)), Text(number(one.level, 3)))
        screen.print()
        screen.print(table)
        if len(report.moved) > _SHOWN:
            screen.print(f"and {len(report.moved) - _SHOWN} more")
    screen.print(f"\nwrote {out}\nnext:  tocsin detect FILE --model {out} --out DIR", soft_wrap=True, markup=False)
