"""``tocsin benchmark``: many detectors on many sets, in one run that anyone can repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import Json

_EPILOG = """
**Examples**

`tocsin benchmark --data data --out results.csv --method knn --method iforest`

`tocsin benchmark --data data --out results.csv --method knn --method pyod:KNN --reference pyod:KNN --seed 0 --seed 1 --jobs 4`

Started again with the same --out, it goes on where it was stopped. benchmarks/README.md describes the layout of the data folder.
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(benchmark)


def benchmark(
    data: Annotated[Path, typer.Option(help="Folder of labelled sets.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The csv that the runs are written to, and resumed from.")] = Path("benchmark.csv"),
    method: Annotated[
        list[str] | None, typer.Option(help="knn, 'knn(k=1)', pyod:KNN, ...; may be repeated; all detectors by default.")
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="adbench, oddbench, ovrbench, tsbad_u or tsbad_m; may be repeated.")] = None,
    protocol: Annotated[list[str] | None, typer.Option(help="one-class, unsupervised, split or prefix; may be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only sets whose name holds this text; may be repeated.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed of a run; may be repeated.")] = None,
    limit: Annotated[float, typer.Option(help="Seconds that one run may take.")] = 90,
    memory_mb: Annotated[int, typer.Option(help="Megabytes that one run may claim; 0 for no bound.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds for everything; 0 for no bound.")] = 0,
    cap: Annotated[int, typer.Option(help="Most rows of a set; 0 for all.")] = 10_000,
    jobs: Annotated[int, typer.Option(help="Runs at a time.", min=1)] = 1,
    retry: Annotated[bool, typer.Option("--retry", help="Run again what did not end well.")] = False,
    reference: Annotated[str | None, typer.Option(help="Method that the others are tested against.")] = None,
    table: Annotated[Path | None, typer.Option(help="Also write the summary here: .md or .csv.")] = None,
    json_: Json = False,
) -> None:
    """Compare detectors on labelled sets: mean, rank, wins and a paired test, resumable, each run with its own time limit."""
    from tocsin.core import catalog
    from tocsin.evaluation.benchmark import Benchmark, render, run
    from tocsin.evaluation.tables import summarise

    methods = tuple(method) if method else tuple(name for name in catalog.names() if name != "windows")
    settings: dict[str, Any] = {
        "data": str(data),
        "out": str(out),
        "methods": methods,
        "limit": limit,
        "memory_mb": memory_mb,
        "budget": budget,
        "cap": cap,
        "jobs": jobs,
        "retry": retry,
    }
    settings |= {
        name: tuple(given) for name, given in (("suites", suite), ("protocols", protocol), ("sets", only), ("seeds", seed)) if given
    }
    with _progress(quiet=json_) as told:
        rows = run(Benchmark(**settings), told)
    markdown, as_csv = render(rows, reference)
    if table is not None:
        _write(table, as_csv if table.suffix == ".csv" else markdown)
    if json_:
        from tocsin.interfaces.cli.output import print_json

        print_json({"runs": len(rows), "out": str(out), "table": summarise(rows, reference)})
    else:
        print(markdown)


def _progress(*, quiet: bool) -> Any:
    """A context whose value is told each finished run: a bar on a terminal, nothing elsewhere."""
    import contextlib
    import sys

    if quiet or not sys.stderr.isatty():
        return contextlib.nullcontext(None)

    @contextlib.contextmanager
    def bar() -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as shown:
            task = shown.add_task("runs", total=None)
            yield lambda done, total, row: shown.update(task, completed=done, total=total, description=f"{row['set']} {row['method']}")

    return bar()


def _write(path: Path, text: str) -> None:
    from tocsin.interfaces.cli.folder import staged

    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")
