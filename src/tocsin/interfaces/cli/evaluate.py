"""``tocsin evaluate``: a saved model against labels, or settings by cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json, dataset, learning, reading, takes

_EPILOG = """
**Examples**

`tocsin evaluate pump.tocsin labelled.csv --label broken`

`tocsin evaluate pump.tocsin labelled.csv --label broken --json`

`tocsin evaluate labelled.csv --label broken --cv 5 --detector knn --param k=3`

`tocsin evaluate readings.csv --cv 5 --split time --out folds.json`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(evaluate)


@takes(reading, learning)
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A saved model; with --cv there is none.", show_default=False)],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="csv, tsv, Parquet, JSON lines, npy or npz file; a glob in quotes; an SQL URL with --query.",
            show_default=False,
        ),
    ] = None,
    cv: Annotated[
        int | None, typer.Option(help="Cross-validate settings on FILE in so many folds, in place of a saved model.", show_default=False)
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="With --cv: random, stratified, group, blocks or time; chosen by the data when not given.", show_default=False),
    ] = None,
    repeats: Annotated[int, typer.Option(help="With --cv: draw the folds anew so many times.")] = 1,
    purge: Annotated[int, typer.Option(help="With --cv, in time: rows left out between what is learned and what is judged.")] = 0,
    out: Annotated[Path | None, typer.Option(help="With --cv: write all folds to this JSON file.", show_default=False)] = None,
    json_: Json = False,
    *,
    reading: dict[str, Any],
    learning: dict[str, Any],
) -> None:
    """Measure a saved model on labelled rows: order, decision, and the false-alarm rate delivered.

    With --cv there is no saved model: the settings are fitted anew on every fold of FILE and judged on the rest; without labels
    by how well held-out rows are told from made anomalies.
    """
    if cv is not None:
        if file is not None:
            raise typer.BadParameter("with --cv give FILE alone, without a model", param_hint="--cv")
        _cross_validate(model, cv, {"kind": split, "repeats": repeats, "purge": purge}, out, json_, reading, learning)
        return
    if file is None:
        raise typer.BadParameter("give MODEL and FILE, or FILE and --cv", param_hint="FILE")
    _measure(Path(model), file, learning.get("threshold"), json_, reading)


def _measure(model: Path, file: str, threshold: str | None, json_: bool, reading: dict[str, Any]) -> None:
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


def _cross_validate(
    file: str, folds: int, split: dict[str, Any], out: Path | None, json_: bool, reading: dict[str, Any], learning: dict[str, Any]
) -> None:
    from tocsin.flows import evaluate as flow
    from tocsin.interfaces.cli.folder import staged
    from tocsin.interfaces.cli.output import print_json, to_json, training, working

    with working(f"reading {file}", quiet=json_):
        data = dataset(file, reading)
    with training(quiet=json_):
        made = flow.cross_validate(data, folds=folds, **split, **learning)
    if out is not None:
        with staged(out.parent) as stage:
            (stage / out.name).write_text(to_json(made), encoding="utf-8")
    if json_:
        print_json(made)
    else:
        _tell_folds(made)
        if out is not None:
            print(f"\nwrote {out}")


def _tell_folds(made: dict[str, Any]) -> None:
    from rich.table import Table

    from tocsin.interfaces.cli.output import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("figure", "mean", "spread", "folds"):
        table.add_column(heading)
    for name, mean in made["mean"].items():
        if mean is not None:
            spread = made["sd"][name]
            table.add_row(name.replace("_", " "), f"{mean:.3f}", "" if spread is None else f"{spread:.3f}", str(made["defined"][name]))
    console().print(table)


def _tell(figures: dict[str, Any]) -> None:
    from rich.table import Table

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.measures import measures

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in measures(figures):
        table.add_row(name, value)
    console().print(table)
