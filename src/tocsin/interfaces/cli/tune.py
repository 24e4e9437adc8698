"""``tocsin tune``: search settings, keep the model they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

if TYPE_CHECKING:
    from tocsin.evaluation.search import Trial
    from tocsin.flows.tune import Tuned

_EPILOG = """
**Examples**

`tocsin tune normal.csv --out pump.tocsin --budget 60`

`tocsin tune labelled.csv --label broken --detector knn --detector iforest --out pump.tocsin`

`tocsin tune normal.csv --detector autoencoder --space "hidden=16,32,64" --space "lr=1e-4..1e-2 log" --resume pump.study --out pump.tocsin`
"""
_SHOWN = 5  # trials told on the screen
_TAKE = {None: "auto", True: "best", False: "sure"}


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(tune)


@takes(reading)
def tune(
    file: File,
    out: Annotated[Path, typer.Option(help="The model file to write, for example pump.tocsin.", show_default=False)],
    detector: Annotated[
        list[str] | None, typer.Option(help="Detector to search; may be repeated. Default: knn, for a series windows of it.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help='What to try of a setting: "k=1..50", "hidden=16,32,64", "lr=1e-4..1e-2 log"; may be repeated.'),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Seconds to search; 60 when --trials is not given either.", show_default=False)
    ] = None,
    trials: Annotated[int | None, typer.Option(help="At most so many trials.", show_default=False)] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Keep the trials in this file, and go on from it when it exists.", show_default=False)
    ] = None,
    objective: Annotated[str, typer.Option(help="auto (labels when there are any), label-free or labelled.")] = "auto",
    figure: Annotated[
        str, typer.Option(help="With labels: average_precision, auroc or precision_at_n; of a series also vus_pr, vus_roc.")
    ] = "average_precision",
    split: Annotated[
        str | None, typer.Option(help="random, stratified, group, blocks or time; chosen by the data when not given.", show_default=False)
    ] = None,
    folds: Annotated[int | None, typer.Option(help="Folds; 5 with labels, 3 without.", show_default=False)] = None,
    best: Annotated[
        bool | None,
        typer.Option(
            "--best/--sure",
            help="Take the best trial, or only one that is better by more than noise; by default, with labels a third of it suffices.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[int, typer.Option(help="Trials are judged on at most so many rows; the model learns from all.")] = 5_000,
    threshold: Annotated[
        str | None, typer.Option(help="false_alarm_rate=0.01 (the default), false_discovery=0.1, contamination=0.05 or cost=1:10.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Search settings of detectors on a file and save the model that they make.

    With labels the search is for a figure of held-out labelled rows, without for how well held-out rows are told from made anomalies.
    The default settings are the first trial; without labels they are kept unless the best is better by more than noise.
    """
    from tocsin.delivery import artifact
    from tocsin.flows.tune import tune as flow
    from tocsin.interfaces.cli.output import print_json, working

    with working(f"reading {file}", quiet=json_):
        data = dataset(file, reading)
    given: dict[str, Any] = {"threshold": threshold} if threshold is not None else {}
    bound = 60.0 if budget is None and trials is None else budget
    with _progress(bound, trials, quiet=json_) as told:
        tuned = flow(
            data, detector or None, space=space or (), budget=bound, trials=trials, objective=objective,  # type: ignore[arg-type]
            figure=figure, split=split, folds=folds, study=resume, take=_TAKE[best], rows=rows,  # type: ignore[arg-type]
            seed=seed, progress=told, **given,
        )
    artifact.save(tuned.model, out)
    if json_:
        print_json({"out": str(out), **tuned.to_dict()})
    else:
        _tell(tuned, out)


@contextmanager
def _progress(budget: float | None, trials: int | None, *, quiet: bool) -> Iterator[Callable[[Trial, float], None] | None]:
    """A function to be told each trial: a bar of the time or of the trials on a terminal, nothing elsewhere."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("trial 1", total=budget if trials is None else trials)
        best: list[float] = []

        def told(trial: Trial, seconds: float) -> None:
            best.extend([] if trial.value is None else [trial.value])
            done = seconds if trials is None else len(best)
            best_yet = f"best {max(best):.4f}" if best else "none judged"
            bar.update(task, completed=done, description=f"{trial.number + 1} trials, {best_yet}, last {trial.detector}")

        yield told


def _tell(tuned: Tuned, out: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.words import count, seconds

    found, screen = tuned.found, console()
    failed = [trial for trial in found.trials if trial.value is None]
    screen.print(
        f"{count(len(found.trials), 'trial')} in {seconds(found.seconds)}, judged by {tuned.objective.replace('_', ' ')}; "
        f"{len(failed)} not finished.", style="bold", soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("trial", "value", "detector", "settings"):
        table.add_column(heading)
    ranked = sorted((trial for trial in found.trials if trial.value is not None), key=lambda trial: -(trial.value or 0.0))[:_SHOWN]
    for trial in ranked if found.default in ranked else [*ranked, found.default]:
        table.add_row(*map(Text, (str(trial.number), f"{trial.value:.4f}", trial.detector, _settings(trial.settings))))
    screen.print(table)
    for error in dict.fromkeys(trial.error for trial in failed):
        screen.print(f"not finished: {error}", soft_wrap=True)
    noise = "not known from one fold" if found.noise is None else f"{found.noise:.4f}"
    screen.print(f"\ngain over the default {found.gain:+.4f}; what noise may make: {noise}", soft_wrap=True)
    kept = "the settings found" if tuned.settings else "the default settings"
    screen.print(f"taken: {kept} of {tuned.detector} ({_settings(tuned.settings)})", soft_wrap=True)
    screen.print(f"\nwrote {out}\nnext:  tocsin detect FILE --model {out} --out DIR", soft_wrap=True)


def _settings(settings: dict[str, Any]) -> str:
    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in settings.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items()) or "defaults"
