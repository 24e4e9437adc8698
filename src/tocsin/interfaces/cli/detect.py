"""``tocsin detect``: from a file to the judged rows and the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, learning, reading, takes

if TYPE_CHECKING:
    from tocsin.core.types import Dataset, Detections
    from tocsin.pipeline.pipeline import Pipeline

_EPILOG = """
**Examples**

`tocsin detect orders.csv`  — judge every row by the others

`tocsin detect pump.csv --time stamp --out result`  — a series, with report

`tocsin detect new.csv --train normal.csv --out result --save`  — learn what is normal from another file

`tocsin detect new.csv --model pump.tocsin --threshold false_alarm_rate=0.001 --fail-on-anomaly --json`

`tocsin detect app.log --out result`  — the odd lines of a log; `--session 'job=(\\d+)'` judges whole sessions

`tocsin detect new/ --train good/ --out result`  — folders of images
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(detect)


@takes(reading, learning)
def detect(
    file: File,
    out: Annotated[Path | None, typer.Option(help="Folder for detections.csv, summary.json and report.html.")] = None,
    model: Annotated[Path | None, typer.Option(help="Judge with this saved model instead of learning.")] = None,
    train: Annotated[str | None, typer.Option(help="Learn from this file of normal rows instead of from FILE itself.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Also write the model, model.tocsin, to --out.")] = False,
    top: Annotated[int, typer.Option(help="Rows to show on the terminal.", min=0)] = 10,
    fail_on_anomaly: Annotated[bool, typer.Option("--fail-on-anomaly", help="Exit code 3 when something was found.")] = False,
    json_: Json = False,
    *,
    reading: dict[str, Any],
    learning: dict[str, Any],
) -> None:
    """Find the unusual rows of a file, say why, and write a report.

    Without --train or --model, each row is judged by a detector that did not learn from it.
    """
    from tocsin.interfaces.cli.judged import Judged
    from tocsin.interfaces.cli.output import print_json, working

    if save and out is None:
        raise typer.BadParameter("--save needs --out", param_hint="--save")
    if model is not None and train is not None:
        raise typer.BadParameter("give --model or --train, not both", param_hint="--train")
    fitted, data, found = _judge(file, model, train, reading, learning, quiet=json_)
    with working("finding reasons", quiet=json_):
        judged = Judged.of(fitted, data, found)
        files = [] if out is None else judged.write(out, save=save)
    if json_:
        print_json({**judged.summary(), "files": files})
    else:
        _tell(judged, files, top)
    if fail_on_anomaly and found.is_anomaly.any():
        raise typer.Exit(3)


def _judge(
    file: str, model: Path | None, train: str | None, reading: dict[str, Any], learning: dict[str, Any], *, quiet: bool
) -> tuple[Pipeline, Dataset, Detections]:
    from tocsin.flows.train import compose
    from tocsin.interfaces.cli.output import training, working

    if model is not None:
        fitted = _loaded(model, learning)
    elif train is not None:
        with working(f"reading {train}", quiet=quiet):
            known = _known(train, reading)
        with training(quiet=quiet):
            fitted = compose(known, **learning).fit(known)
    else:
        with working(f"reading {file}", quiet=quiet):
            data = dataset(file, reading)
        fitted = compose(replace(data, y=None), **{"clean": False, **learning})  # labels are not looked at, not even to choose
        with training(quiet=quiet):
            return fitted, data, fitted.fit_detect(data)
    with working(f"judging {file}", quiet=quiet):
        data = dataset(file, reading, kind=fitted.kind_, schema=fitted.schema_)
        return fitted, data, fitted.detect(data)


def _known(train: str, reading: dict[str, Any]) -> Dataset:
    """The file of normal rows; that it has no label column is usual, a label is then only looked for in FILE."""
    from tocsin.core.errors import DataError

    try:
        return dataset(train, reading, learn=True)
    except DataError as error:
        if error.code != "TOC-129" or repr(reading.get("label")) not in error.what:
            raise
    return dataset(train, {name: value for name, value in reading.items() if name != "label"}, learn=True)


def _loaded(path: Path, learning: dict[str, Any]) -> Pipeline:
    from tocsin.core.errors import ConfigError
    from tocsin.delivery import artifact

    changed = {
        name: value for name, value in learning.items() if name not in ("threshold", "seed") and value not in ("auto", {}, "standard", None)
    }
    if changed:
        raise ConfigError(
            "TOC-284",
            "a saved model is judged with as it is",
            came=", ".join(changed),
            todo="leave these options out; only --threshold can be moved",
        )
    fitted: Pipeline = artifact.load(path)
    return fitted.with_threshold(learning["threshold"]) if "threshold" in learning else fitted


def _tell(judged: Any, files: list[str], top: int) -> None:
    from tocsin.interfaces.cli.judged import top_table
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import count

    screen, summary = console(), judged.summary()
    screen.print(f"{summary['headline']}.", style="bold")
    screen.print(summary["meaning"])
    if top:
        screen.print()
        screen.print(top_table(judged.data, judged.found, judged.explanation, top))
    serious = [finding for finding in judged.findings if finding.level != "info"]
    if serious:
        screen.print(f"\n{count(len(serious), 'finding')} about the data, for example: {serious[0].message} (all of them: tocsin check)")
    if files:
        screen.print("\nwrote " + "\n      ".join(files), soft_wrap=True)
