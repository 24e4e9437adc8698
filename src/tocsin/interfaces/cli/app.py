"""The ``tocsin`` command: assembles the subcommands, and is the border where stated errors become one clean message.

Exit codes: 0 done · 1 a stated error · 2 wrong usage · 3 found, and ``--fail-on-anomaly`` (or ``check --fail-on``) asked for it ·
130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from tocsin.interfaces.cli import (
    adapt,
    answer,
    ask,
    benchmark,
    check,
    detect,
    detectors,
    evaluate,
    explain,
    export,
    extend,
    fit,
    keys,
    models,
    score,
    serve,
    shrink,
    tune,
    version,
    watch,
)
from tocsin.interfaces.cli.help import Group

_EPILOG = """
**Start here**

`tocsin detect readings.csv --out result`  — learn from a file, judge every row, write a report

`tocsin detect app.log --out result`, `tocsin detect pictures/ --train good/ --out result`  — logs and folders of images, too

`tocsin check readings.csv`  — what is odd about the file itself

**With known normal data**

`tocsin fit normal.csv --out pump.tocsin`

`tocsin detect new.csv --model pump.tocsin --out result`

**With a page, versions and monitoring**

`tocsin serve --data-dir watch`

Exit codes: 0 done, 1 a stated error, 2 wrong usage, 3 something was found and the command was
asked to fail then. Every error has a code: docs/errors.md
"""

app = typer.Typer(
    name="tocsin",
    help="Find what is unusual in tables, time series, images, texts and logs: calibrated scores, a stated false-alarm rate, a reason "
    "for every alarm.",
    epilog=_EPILOG,
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for part in (
    detect, fit, adapt, extend, tune, score, evaluate, explain, ask, answer, check, detectors, benchmark, export, shrink, models, serve,
    watch, keys, version,
):
    part.register(app)


@app.callback()
def _options(
    show_version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True, callback=version.callback),
) -> None:
    """Options before the subcommand."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code. A stated error is four lines on stderr, with ``--json`` a document on stdout."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    from tocsin.core.errors import ConfigError, TocsinError

    try:
        app(words, prog_name="tocsin")
    except TocsinError as error:
        raise SystemExit(_tell(error, as_json="--json" in words)) from None
    except BrokenPipeError:  # the reader of our output went away (`| head`): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        stated = ConfigError(
            "TOC-282",
            "a file cannot be written or read",
            came=f"{error.filename or ''} {error.strerror or error}".strip(),
            todo="check the path, its rights and the free space",
        )
        raise SystemExit(_tell(stated, as_json="--json" in words)) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _tell(error: object, *, as_json: bool) -> int:
    told = error.to_dict()  # type: ignore[attr-defined]
    if as_json:
        import json

        print(json.dumps({"error": told}, ensure_ascii=False, indent=2))
        return 1
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    lines = [
        ("error  ", told["code"], "bold red"),
        ("what   ", told["what"], ""),
        ("came   ", told["came"], ""),
        ("to do  ", told["todo"], ""),
    ]
    for name, text, style in lines:
        if text:
            console.print(Text.assemble((name, "bold red" if name.startswith("error") else "dim"), (text, style)), soft_wrap=True)
    return 1


if __name__ == "__main__":
    main()
