"""``tocsin extend``: a saved model takes new normal images, texts or log lines in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, reading, takes

_EPILOG = """
**Examples**

`tocsin extend tiles.tocsin new_batch/ --out tiles2.tocsin`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(extend)


@takes(reading)
def extend(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A saved model of images, texts or logs.", show_default=False)],
    file: File,
    out: Annotated[Path, typer.Option(help="The model file to write.", show_default=False)],
    json_: Json = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Let a saved model take in new normal images, texts or lines, without learning the old ones again."""
    from tocsin.delivery import artifact
    from tocsin.flows import extend as flow
    from tocsin.interfaces.cli.output import console, print_json, working
    from tocsin.interfaces.report.words import count, rows_word

    before = artifact.load(model)
    with working(f"learning from {file}", quiet=json_):
        data = dataset(file, reading, learn=True, schema=before.schema_, kind=before.kind_)
        made = flow.extend(before, data)
    artifact.save(made, out)
    if json_:
        print_json({"out": str(out), **made.facts_})
        return
    word = rows_word(before.kind_)
    console().print(f"Took in {count(made.facts_['n_train'] - before.facts_['n_train'], word)}; "
                    f"{count(made.facts_['n_train'], word)} are known now.", style="bold")
    console().print(f"\nwrote {out}\nnext:  tocsin detect FILE --model {out} --out DIR", soft_wrap=True)
