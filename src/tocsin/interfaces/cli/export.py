"""``tocsin export``: a saved model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

if TYPE_CHECKING:
    from tocsin.delivery.export.export import Exported

_EPILOG = """
**Examples**

`tocsin export pump.tocsin --out pump.onnx`

`tocsin export pump.tocsin --out pump.onnx --threshold false_alarm_rate=0.001 --json`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(export)


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The ONNX file to write, for example pump.onnx.", show_default=False)],
    threshold: Annotated[str | None, typer.Option(help="Move the threshold first: false_alarm_rate=0.001, contamination=0.05, ...")] = None,
    json_: Json = False,
) -> None:
    """Write a model as one ONNX file that stands alone.

    It holds preparation, network or memory, calibration and threshold, and runs without Tocsin in any ONNX runtime.
    Before it is written it is compared with the model; a difference refuses.
    """
    from tocsin.delivery import artifact
    from tocsin.delivery.export.export import export as write
    from tocsin.interfaces.cli.output import print_json, working

    with working(f"exporting {model}", quiet=json_):
        fitted = artifact.load(model)
        made = write(fitted, out, threshold=threshold)
    if json_:
        print_json({**_plain(made), "model": str(model), "detector": fitted.facts_["detector"], "kind": fitted.kind_})
    else:
        _tell(made, fitted)


def _plain(made: Exported) -> dict[str, Any]:
    return {
        "out": str(made.path),
        "bytes": made.bytes,
        "score_error": made.error,
        "rows": made.rows,
        "batches": list(made.batches),
        "close": made.close,
        "seconds": round(made.seconds, 3),
    }


def _tell(made: Exported, fitted: Any) -> None:
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import count, seconds

    screen, rows = console(), "time step" if fitted.kind_ == "series" else "row"
    batches = "windows by steps" if fitted.kind_ == "series" else "batches of"
    screen.print(f"{fitted.facts_['detector']} exported: {made.bytes:,} bytes in {seconds(made.seconds)}.", style="bold")
    screen.print(
        f"Compared with the model on {count(made.rows, rows)} ({batches} {', '.join(made.batches)}): "
        f"scores differ by {made.error:.1e} at most, p-values and decisions agree."
    )
    if made.close:
        screen.print(f"{count(made.close, 'decision')} too near the cut to be compared.")
    screen.print(f"\nwrote {made.path}", soft_wrap=True)
