"""Options that several subcommands share. A group is a function: its parameters are the options, and the subcommand gets what it returns.

    @takes(reading, learning)
    def fit(file: ..., *, reading: dict, learning: dict) -> None: ...

Typer sees ``fit`` with all options of both groups.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from tocsin.core.types import Dataset

Group = Callable[..., Any]
_READ, _LEARN, _NET = "Reading the file", "Learning", "Training of networks"

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="csv, tsv, Parquet, JSON lines, npy or npz file; a glob in quotes; an SQL URL with --query; a folder or zip of images; a log, "
        "- for one from standard input; with --kind texts a file of texts.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]


def takes(*groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a subcommand the options of ``groups``; it receives each group's value under the group's name."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = _parameters(command, leave_out={group.__name__ for group in groups})
        shared = [parameter for group in groups for parameter in _parameters(group)]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            values = {
                group.__name__: group(**{parameter.name: given.pop(parameter.name) for parameter in _parameters(group)}) for group in groups
            }
            command(**given, **values)

        parameters = [*own, *shared]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__  # inspect would follow it to the command without the shared options
        return run

    return decorate


def _parameters(function: Callable[..., Any], leave_out: set[str] | None = None) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in (leave_out or set())
    ]


def reading(
    kind: Annotated[
        str | None,
        typer.Option(
            help="table, series, images, texts or logs; a time column makes a series, a folder of pictures images, a .log file a log.",
            rich_help_panel=_READ,
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of labels: 1 or 'anomaly' is an anomaly. Never used as a feature.", rich_help_panel=_READ)
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(help="The label's value that is normal, where the others name kinds of anomalies.", rich_help_panel=_READ),
    ] = None,
    time: Annotated[str | None, typer.Option(help="Column of time stamps.", rich_help_panel=_READ)] = None,
    group: Annotated[str | None, typer.Option(help="Column that names the series or entity of a row.", rich_help_panel=_READ)] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column that names a row in the results.", rich_help_panel=_READ)] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column to leave out; may be repeated.", rich_help_panel=_READ)] = None,
    query: Annotated[str | None, typer.Option(help="SQL query, when FILE is a database URL.", rich_help_panel=_READ)] = None,
    join: Annotated[
        list[str] | None,
        typer.Option(help="A further file: joined with --on, otherwise its rows are appended; may be repeated.", rich_help_panel=_READ),
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="Column to join on: a key, or the time column (nearest earlier row).", rich_help_panel=_READ)
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option(help="How far back a join on time may reach, for example 5min.", rich_help_panel=_READ)
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Cell separator; found out when not given.", rich_help_panel=_READ)] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark, '.' or ','; found out when not given.", rich_help_panel=_READ)] = None,
    encoding: Annotated[str | None, typer.Option(help="Text encoding; found out when not given.", rich_help_panel=_READ)] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names the columns.", show_default=False, rich_help_panel=_READ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column that holds the texts.", rich_help_panel=_READ)] = None,
    session: Annotated[
        str | None,
        typer.Option(help="Which lines of a log belong together: a regular expression (its group, if it has one).", rich_help_panel=_READ),
    ] = None,
    part: Annotated[str | None, typer.Option(help="train or test, of a folder of images that holds both.", rich_help_panel=_READ)] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out images, texts and lines that cannot be read, and count them.", rich_help_panel=_READ),
    ] = False,
    no_label: Annotated[
        bool, typer.Option("--no-label", help="Take no column for labels, whatever its name.", rich_help_panel=_READ)
    ] = False,
) -> dict[str, Any]:
    """What was given of the keywords of ``tocsin.read``, and ``join``: see :func:`dataset`."""
    given = {
        "kind": kind,
        "label": False if no_label else label,
        "normal": normal,
        "time": time,
        "group": group,
        "id": id_,
        "ignore": tuple(ignore or ()) or None,
        "query": query,
        "join": join or None,
        "on": on,
        "tolerance": tolerance,
        "delimiter": delimiter,
        "decimal": decimal,
        "encoding": encoding,
        "header": header,
        "text": text,
        "session": session,
        "part": part,
        "skip_bad": skip_bad or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def dataset(file: str, reading: dict[str, Any], *, learn: bool = False, **more: Any) -> Dataset:
    """The data set that ``file`` and the reading options describe; ``more`` are further keywords, overridden by the options. To ``learn``
    from, of a folder of images that holds training and test images the former."""
    from tocsin.data.items import kind_of
    from tocsin.data.read import read

    options = {**more, **reading}
    if learn and "part" not in options and options.get("kind", kind_of(file)) == "images":
        options["part"] = "train"
    if file == "-":
        return read(sys.stdin.buffer, **{"kind": "logs", **options})
    joined = options.pop("join", ())
    return read([file, *joined] if joined else file, **options)


def learning(
    detector: Annotated[str, typer.Option(help="Name from `tocsin detectors`, or auto.", rich_help_panel=_LEARN)] = "auto",
    param: Annotated[
        list[str] | None, typer.Option(help="Setting of the detector, name=value; may be repeated.", rich_help_panel=_LEARN)
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="false_alarm_rate=0.01 (the default), false_discovery=0.1, contamination=0.05 or cost=1:10.", rich_help_panel=_LEARN
        ),
    ] = None,
    scale: Annotated[str, typer.Option(help="standard, robust, quantile, log or none.", rich_help_panel=_LEARN)] = "standard",
    denoise: Annotated[str | None, typer.Option(help="median or savgol: smooth a series first.", rich_help_panel=_LEARN)] = None,
    covariates: Annotated[
        list[str] | None,
        typer.Option(
            "--covariates", help="Column of a series that explains and is not judged (a holiday); may be repeated.", rich_help_panel=_LEARN
        ),
    ] = None,
    calendar: Annotated[
        bool, typer.Option("--calendar", help="The hour and the weekday explain the series, too.", rich_help_panel=_LEARN)
    ] = False,
    missing: Annotated[
        str | None,
        typer.Option(help="error or ignore: what an absent channel of a series is when rows are judged.", rich_help_panel=_LEARN),
    ] = None,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            help="Change to images that keeps their meaning, learned from as well (flip_left_right, noise, ...); may be repeated.",
            rich_help_panel=_LEARN,
        ),
    ] = None,
    copies: Annotated[
        int | None, typer.Option(help="Changed copies of each image, with --augment.", show_default=False, rich_help_panel=_LEARN)
    ] = None,
    clean: Annotated[
        bool | None,
        typer.Option(
            "--clean/--unclean", help="Whether the training rows are (nearly) all normal.", show_default=False, rich_help_panel=_LEARN
        ),
    ] = None,
    clean_rows: Annotated[
        int | None,
        typer.Option(help="So many rows at a series' start are known to be normal.", show_default=False, rich_help_panel=_LEARN),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", rich_help_panel=_LEARN)] = 0,
    epochs: Annotated[int | None, typer.Option(help="Most passes over the training rows.", rich_help_panel=_NET)] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.", rich_help_panel=_NET)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per step.", rich_help_panel=_NET)] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before training stops.", rich_help_panel=_NET)] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 or mps.", rich_help_panel=_NET)] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder to write training states to, and to resume from.", rich_help_panel=_NET)
    ] = None,
) -> dict[str, Any]:
    """The keywords of ``flows.train.compose`` that were given."""
    from tocsin.core.errors import ConfigError

    params = parameters(param or [])
    training = {"epochs": epochs, "lr": lr, "batch_size": batch_size, "patience": patience, "device": device, "checkpoint": checkpoint}
    training = {name: value for name, value in training.items() if value is not None}
    if training:
        if not _trains(detector):
            raise ConfigError(
                "TOC-281",
                f"the detector {detector!r} trains no network",
                came="--" + ", --".join(name.replace("_", "-") for name in training),
                todo="leave these options out, or name a detector with a network: tocsin detectors",
            )
        params["training"] = {**training, "seed": seed}
    made: dict[str, Any] = {"detector": detector, "params": params, "scale": scale, "denoise": denoise, "seed": seed}
    optional = {
        "threshold": threshold,
        "clean": clean if clean_rows is None else clean_rows,
        "covariates": tuple(covariates or ()) or None,
        "calendar": calendar or None,
        "missing": missing,
        "augment": tuple(augment or ()) or None,
        "copies": copies,
    }
    return {**made, **{name: value for name, value in optional.items() if value is not None}}


def parameters(pairs: list[str]) -> dict[str, Any]:
    """``["k=3", "metric=cosine"]`` as ``{"k": 3, "metric": "cosine"}``. Raises ConfigError TOC-280.

    >>> parameters(["k=3", "metric=cosine", "hidden=[32, 8]", "window=none"])
    {'k': 3, 'metric': 'cosine', 'hidden': [32, 8], 'window': None}
    """
    from tocsin.core.errors import ConfigError

    made: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier():
            raise ConfigError("TOC-280", "a detector's setting has the form name=value", came=repr(pair), todo="write --param k=3")
        try:
            made[name] = json.loads({"none": "null", "true": "true", "false": "false"}.get(text.strip().lower(), text))
        except json.JSONDecodeError:
            made[name] = text.strip()
    return made


def _trains(detector: str) -> bool:
    from tocsin.core import catalog

    known = [name for name in catalog.names() if detector in (name, name.partition(".")[2])]
    return any(catalog.card(name).tags.slow_fit for name in known)
