"""What the command prints: results on stdout, progress on stderr and only on a terminal, JSON alone when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=False)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on stdout; every number is finite."""
    print(to_json(value))


def to_json(value: Any) -> str:
    """JSON text of plain values, arrays, times and numbers of any kind; what is not finite becomes null."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it."""
    import numpy as np

    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(part) for part in value]
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def working(text: str, *, quiet: bool = False) -> Iterator[None]:
    """A turning sign with ``text`` while something runs, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


@contextmanager
def training(*, quiet: bool = False) -> Iterator[None]:
    """A bar of epochs for each network that is trained inside the block, on a terminal; a turning sign until the first one starts."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from tocsin.deep.callbacks import Callback, Plan, listening

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("learning", total=None)

    class Bar(Callback):
        networks = 0

        def on_start(self, plan: Plan) -> None:
            self.networks += 1
            bar.reset(task, description=f"training {plan.name}, network {self.networks}", total=plan.epochs, completed=plan.epoch)

        def on_epoch(self, record: dict[str, Any]) -> None:
            bar.update(task, completed=record["epoch"])

    with bar, listening(Bar()):
        yield


@contextmanager
def counting(text: str, *, quiet: bool = False) -> Iterator[Any]:
    """A function to call with the number of rows done; shows it on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,} rows"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done: bar.update(task, completed=done)
