"""``tocsin explain``: why rows score as they do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

if TYPE_CHECKING:
    from tocsin.core.types import Dataset, Detections, Explanation

_EPILOG = """
**Examples**

`tocsin explain pump.tocsin new.csv --top 5`

`tocsin explain pump.tocsin new.csv --rows 3,5,20-24 --json`  — rows are counted from 0
"""
_SHOWN = 6  # columns shown per row


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(explain)


@takes(reading)
def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model.", show_default=False)],
    file: File,
    rows: Annotated[str | None, typer.Option(help="Row numbers from 0, for example 3,5 or 20-24.")] = None,
    top: Annotated[int, typer.Option(help="Explain this many of the most unusual rows, when --rows is not given.", min=1)] = 5,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Say why rows are unusual: which columns, what was observed, what would have been normal."""
    import numpy as np

    from tocsin.delivery import artifact
    from tocsin.interfaces.cli.output import print_json, working

    fitted = artifact.load(model)
    with working(f"judging {file}", quiet=json_):
        data = dataset(file, reading, kind=fitted.kind_, schema=fitted.schema_)
        found = fitted.detect(data)
        wanted = found.top(top) if rows is None else np.array(row_numbers(rows, len(data)))
        why = fitted.explain(data, wanted, found=found)
    if json_:
        print_json({"kind": why.kind, "rows": [_plain(found, why, i) for i in range(len(why))]})
    else:
        _tell(data, found, why)


def row_numbers(text: str, n: int) -> list[int]:
    """``"3,5,8-10"`` as row numbers below ``n``. Raises ConfigError TOC-283.

    >>> row_numbers("3,5,8-10", 20)
    [3, 5, 8, 9, 10]
    """
    from tocsin.core.errors import ConfigError

    made: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError("TOC-283", "row numbers have the form 3,5 or 8-10", came=repr(text), todo="count rows from 0")
        low, high = int(first), int(last or first)
        if high >= n or low > high:
            raise ConfigError("TOC-283", "there is no such row", came=part.strip(), todo=f"name rows from 0 to {n - 1}")
        made += range(low, high + 1)
    return list(dict.fromkeys(made))


def _plain(found: Detections, why: Explanation, i: int) -> dict[str, Any]:
    row = int(why.rows[i])
    columns = [
        {
            "column": why.labels[j],
            "share": why.values[i, j],
            **(
                {"observed": why.observed[i][j], "expected": why.expected[i][j], "usual_distance": why.baseline[j]}
                if why.observed[i]
                else {}
            ),
        }
        for j in (-why.values[i]).argsort(kind="stable")
    ]
    return {
        "row": row,
        "id": found.ids[row],
        "time": None if found.time is None else found.time[row],
        "score": found.score[row],
        "p_value": found.p_value[row],
        "is_anomaly": found.is_anomaly[row],
        "sentence": why.sentences[i] if why.sentences else "",
        "columns": columns,
        "relations": [vars(pair) for pair in why.relations[i]] if why.relations else [],
        **({"parts": [vars(part) for part in why.parts[i]]} if why.parts else {}),
        "neighbours": None if why.neighbours is None else why.neighbours[i],
    }


def _tell(data: Dataset, found: Detections, why: Explanation) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.ranks import cells, name_of_row
    from tocsin.interfaces.report.words import number, odds, percent

    screen = console()
    for i, row in enumerate(int(row) for row in why.rows):
        verdict = "flagged" if found.is_anomaly[row] else "not flagged"
        screen.print(
            f"{name_of_row(data, found, row)} · score {number(found.score[row])} · {odds(float(found.p_value[row]))} · {verdict}",
            style="bold",
        )
        if why.sentences:
            screen.print(why.sentences[i])
        if why.parts and (data.kind != "logs" or data.schema.session is not None):  # a line by itself is its own place
            for part in why.parts[i][:_SHOWN]:
                screen.print(Text(f"  {place(data.kind, part.where)}: {' '.join(part.what.split())[:120]} ({percent(part.share)})"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        cells_told = bool(why.observed[i])
        for heading in ("column" if cells_told else "looked at", "share", "", *(("observed", "expected") if cells_told else ())):
            table.add_column(heading, justify="right" if heading == "share" else "left")
        for j in (-why.values[i]).argsort(kind="stable")[:_SHOWN]:
            if why.values[i, j] > 0:
                cell = cells(why, i, int(j)) if cells_told else {}
                table.add_row(
                    Text(why.labels[j]),
                    percent(why.values[i, j]),
                    Text("█" * max(1, round(20 * why.values[i, j])), style="red"),
                    *(Text(cell[name]) for name in ("observed", "expected") if cell),
                )
        if table.row_count:
            screen.print(table)
        screen.print()


def place(kind: str, where: tuple[int, ...]) -> str:
    """Where a part lies, in words.

    >>> place("images", (10, 20, 40, 50)), place("texts", (0, 4)), place("logs", (2,))
    ('pixels 10-40 across, 20-50 down', 'characters 1-4', 'line 3')
    """
    if kind == "images":
        left, top, right, bottom = where
        return f"pixels {left}-{right} across, {top}-{bottom} down"
    return f"characters {where[0] + 1}-{where[1]}" if kind == "texts" else f"line {where[0] + 1}"
