"""``tocsin check``: the data-quality report."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

if TYPE_CHECKING:
    from tocsin.core.types import Dataset, Finding

_EPILOG = """
**Examples**

`tocsin check orders.csv`

`tocsin check pump.csv --time stamp --json`

`tocsin check orders.csv --fail-on warning`  — exit code 3 when something needs a look
"""
_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


class Level(StrEnum):
    """From which level on a finding makes the command fail."""

    warning = "warning"
    error = "error"


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(check)


@takes(reading)
def check(
    file: File,
    fail_on: Annotated[Level | None, typer.Option(help="Exit code 3 when there is a finding of this level or worse.")] = None,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Look at a file before anything is learned from it: missing, unreadable and repeated cells, constant columns, clock gaps; and what
    preparing it would change, and how often."""
    from tocsin.flows.check import check as look
    from tocsin.interfaces.cli.output import print_json, working

    with working(f"reading {file}", quiet=json_):
        data = dataset(file, reading)
        findings, changes = look(data)
    if json_:
        print_json(
            {
                "source": data.origin.source,
                "digest": data.origin.digest,
                "kind": data.kind,
                "rows": len(data),
                "schema": data.schema.to_dict(),
                "notes": list(data.origin.notes),
                "findings": [vars(finding) for finding in findings],
                "changes": [vars(change) for change in changes],
            }
        )
    else:
        _tell(data, findings, changes)
    bad = {Level.warning: ("warning", "error"), Level.error: ("error",)}.get(fail_on, ()) if fail_on else ()
    if any(finding.level in bad for finding in findings):
        raise typer.Exit(3)


def _tell(data: Dataset, findings: tuple[Finding, ...], changes: tuple[Finding, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.core.tags import ITEMS
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import count, rows_word, spoken

    screen = console()
    items = data.kind in ITEMS
    shape = count(len(data), rows_word(spoken(data))) + ("" if items else f", {count(len(data.schema.columns), 'column')}")
    screen.print(
        f"{data.origin.source}: {shape}, judged as {'' if items else 'a '}{data.kind}.",
        style="bold",
        soft_wrap=True,
    )
    kinds: dict[str, list[str]] = {}
    for column in data.schema.columns:
        kinds.setdefault(column.kind, []).append(column.name)
    columns = Table(box=None, pad_edge=False, show_header=False)
    for role in ("time", "group", "label", "id"):
        if getattr(data.schema, role):
            columns.add_row(Text(role, style="dim"), Text(str(getattr(data.schema, role))))
    for kind, names in kinds.items():
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        columns.add_row(Text(kind, style="dim"), Text(", ".join(names[:12]) + more))
    screen.print(columns)
    for note in data.origin.notes:
        screen.print(Text(f"note: {note}", style="dim"))
    screen.print()
    _list(findings, "Nothing was noticed.")
    screen.print("\nWhat preparing the data for a detector changes", style="bold")
    _list(changes, "Nothing.")


def _list(findings: tuple[Finding, ...], none: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    if not findings:
        console().print(none)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("level", "column", "what", "finding"):
        table.add_column(heading, no_wrap=heading == "level")
    for finding in sorted(findings, key=lambda finding: list(_STYLES).index(finding.level)):
        table.add_row(
            Text(finding.level, style=_STYLES[finding.level]),
            Text(finding.column or ""),
            finding.what.replace("_", " "),
            Text(finding.message.removeprefix(f"{finding.column}: ")),
        )
    console().print(table)
