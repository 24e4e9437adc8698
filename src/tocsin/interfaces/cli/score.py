"""``tocsin score``: a saved model over data of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, reading, takes

_EPILOG = """
**Examples**

`tocsin score pump.tocsin new.parquet --out result`  — five million rows stream through bounded memory

`tocsin score pump.tocsin new.csv --out result --threshold false_alarm_rate=0.001 --json`

`tocsin detect new.csv --model pump.tocsin --out result`  — the same with reasons and a report, for data that fit into memory
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(score)


@takes(reading)
def score(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)],
    file: File,
    out: Annotated[Path, typer.Option(help="Folder for detections.csv and summary.json.", show_default=False)],
    threshold: Annotated[str | None, typer.Option(help="Move the threshold: false_alarm_rate=0.001, contamination=0.05, ...")] = None,
    rows: Annotated[int, typer.Option(help="Rows held in memory at a time.", min=1)] = 65_536,
    fail_on_anomaly: Annotated[bool, typer.Option("--fail-on-anomaly", help="Exit code 3 when something was found.")] = False,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Judge a file of any size with a saved model, in batches, into a csv file."""
    from tocsin.delivery import artifact
    from tocsin.flows import score as flow
    from tocsin.interfaces.cli.folder import staged
    from tocsin.interfaces.cli.output import counting, print_json, to_json

    fitted = artifact.load(model)
    if threshold is not None:
        fitted = fitted.with_threshold(threshold)
    with staged(out) as stage, counting("scoring", quiet=json_) as progress:
        summary = flow.score(fitted, _source(file, reading), stage / "detections.csv", rows=rows, progress=progress, **reading)
        summary = {
            **summary,
            "out": str(out / "detections.csv"),
            "source": file,
            "model": str(model),
            "version": fitted.facts_["version"],
            "rule": fitted.facts_["threshold"],
        }
        (stage / "summary.json").write_text(to_json(summary) + "\n", encoding="utf-8")
    if json_:
        print_json(summary)
    else:
        _tell(summary, fitted, out)
    if fail_on_anomaly and summary["anomalies"]:
        raise typer.Exit(3)


def _source(file: str, reading: dict[str, Any]) -> Any:
    joined = reading.pop("join", ())
    return [file, *joined] if joined else file


def _tell(summary: dict[str, Any], fitted: Any, out: Path) -> None:
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.trained import block, promise, smallest_p
    from tocsin.interfaces.report.words import headline, meaning

    screen, n, flagged = console(), summary["rows"], summary["anomalies"]
    rarest = 1.0 if summary["min_p_value"] is None else summary["min_p_value"]
    screen.print(f"{headline(flagged, n, fitted.kind_, summary['events'] or 0)}.", style="bold")
    facts = fitted.facts_
    screen.print(meaning(flagged, n, fitted.kind_, promise(facts["threshold"]), rarest, smallest_p(facts), block(facts)))
    for note in summary.get("left_out", ()):
        screen.print(f"note: {note}", soft_wrap=True, markup=False)
    screen.print(f"\nwrote {out / 'detections.csv'}\n      {out / 'summary.json'}", soft_wrap=True)
