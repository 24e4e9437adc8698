"""What ``tocsin models learn`` tells: what was left out, what was measured, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.delivery.registry import Version
    from tocsin.flows.continual import Learned
    from tocsin.store.engine import Store


def run(store: Store, name: str, data: Path, replay: Path | None, accept_shift: bool,
        whom: dict[str, Any]) -> tuple[Version | None, Learned]:
    """Learn from the file ``data`` and register the candidate, when it is accepted."""
    from tocsin.delivery.registry import Registry
    from tocsin.delivery.sign import SigningKey
    from tocsin.flows.learn import learn
    from tocsin.interfaces.cli.output import working

    with working("Learning"):
        return learn(store, Registry(store, SigningKey.load_or_create(store.folder)), name, data, replay=replay, accept_shift=accept_shift,
                     **whom)


def tell(version: Version | None, learned: Learned, name: str, next_: str) -> None:
    """On the screen: sentences, the table, and the next step."""
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.cli.output import console

    screen = console()
    for sentence in learned.why:
        screen.print(sentence, soft_wrap=True)
    if learned.table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("rows", "measure", "present", "candidate", "interval", "asked", ""):
            table.add_column(heading, no_wrap=True)
        for line in learned.table:
            alarms = line.what == "false alarms"
            shown = "{:.2%}" if alarms else "{:.0%}" if line.what == "raised" else "{:.3f}"
            asked = f"{'at most' if alarms else 'at least'} {shown.format(line.bound)}" if alarms or line.bound > 0 else "-"
            cells = (line.rows, line.what, shown.format(line.present), shown.format(line.candidate),
                     f"{shown.format(line.low)} to {shown.format(line.high)}", asked, "" if line.good else "worse")
            table.add_row(*(Text(cell) for cell in cells))
        screen.print()
        screen.print(table)
    screen.print()
    if version is None:
        hint = "; if the change is meant to last:  --accept-shift" if learned.suggestion else ""
        screen.print(f"{name}: nothing was written{hint}", soft_wrap=True)
    else:
        screen.print(f"{name}: version {version.number} is a candidate; next:  {next_}", soft_wrap=True)
