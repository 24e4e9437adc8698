"""``tocsin shrink``: a saved model as a smaller ONNX file, its network in int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json, dataset, reading, takes

if TYPE_CHECKING:
    from tocsin.delivery.shrink import Shrunk

_EPILOG = """
**Examples**

`tocsin shrink pump.tocsin --data unseen.csv --out small.onnx`

`tocsin shrink pump.tocsin --data labelled.csv --label broken --out small.onnx --report shrink.json`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(shrink)


@takes(reading)
def shrink(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model that holds a network.", show_default=False)],
    data: Annotated[str, typer.Option(help="Normal rows that the model was not fitted on.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The ONNX file to write, for example small.onnx.", show_default=False)],
    threshold: Annotated[str | None, typer.Option(help="Move the threshold first: false_alarm_rate=0.001, contamination=0.05, ...")] = None,
    full_range: Annotated[bool, typer.Option("--full-range", help="Weights of 8 bits instead of 7.")] = False,
    activations: Annotated[bool, typer.Option("--activations", help="Compute in whole numbers, too; costs accuracy.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write the comparison to this JSON file.", show_default=False)] = None,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Write a model as a smaller ONNX file: its network in int8, calibrated anew.

    One half of the data calibrates, the other half judges. A file that ranks rows differently than the model is refused.
    """
    from tocsin.delivery import artifact
    from tocsin.delivery.shrink import shrink as write
    from tocsin.interfaces.cli.output import print_json, to_json, working

    with working(f"shrinking {model}", quiet=json_):
        fitted = artifact.load(model)
        rows = dataset(data, reading, kind=fitted.kind_, schema=fitted.schema_)
        made = write(fitted, out, rows, threshold=threshold, reduce_range=not full_range, activations=activations)
    told = {"out": str(out), "model": str(model), "detector": fitted.facts_["detector"], **made.to_dict()}
    told.pop("path")
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(to_json(told) + "\n", encoding="utf-8")
    if json_:
        print_json(told)
    else:
        _tell(made, fitted, report)


def _tell(made: Shrunk, fitted: Any, report: Path | None) -> None:
    from rich.table import Table

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import count, seconds

    screen, rows = console(), "time step" if fitted.kind_ == "series" else "row"
    share = made.after.bytes / made.before.bytes
    screen.print(f"{fitted.facts_['detector']} shrunk to {share:.0%} of its bytes in {seconds(made.seconds)}.", style="bold")
    screen.print(f"Calibrated on {count(made.calibrated, rows)}, judged on {made.judged:,} others.\n")
    table = Table(box=None, pad_edge=False)
    for name in ("", "before", "after"):
        table.add_column(name, justify="right" if name else "left")
    for name, before, after in _lines(made):
        table.add_row(name, before, after)
    screen.print(table)
    screen.print(f"\nwrote {made.path}" + (f"\n      {report}" if report is not None else ""), soft_wrap=True)


def _lines(made: Shrunk) -> list[tuple[str, str, str]]:
    """(what, before, after)."""

    def both(name: str, form: str) -> tuple[str, ...]:
        values = (getattr(figures, name) for figures in (made.before, made.after))
        return tuple("" if value is None else format(value, form) for value in values)

    lines = [
        ("bytes", *both("bytes", ",")),
        ("latency, p50 ms", *both("p50_ms", ".3f")),
        ("latency, p99 ms", *both("p99_ms", ".3f")),
        ("rank correlation", "1", f"{made.rank_correlation:.4f}"),
        ("false-alarm rate", *both("false_alarm_rate", ".2%")),
    ]
    if made.before.auroc is not None:
        lines.append(("AUROC", *both("auroc", ".4f")))
    return [(name, before, after) for name, before, after in lines]
