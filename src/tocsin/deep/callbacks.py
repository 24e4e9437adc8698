"""What may be told while a network trains: three named moments. Nothing here prints.

A callback is listened to within a ``with`` block, so that detectors' constructors stay small:

>>> class Count(Callback):
...     epochs = 0
...     def on_epoch(self, record):
...         self.epochs += 1
>>> with listening(Count()) as count:
...     pass  # detector.fit(X)

A callback that raises ends the training; a fit that fails leaves an unfitted detector. Callbacks hear only what their own thread trains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True)
class Plan:
    """What is about to be trained. ``epoch`` is 0, or the number of epochs already done when a checkpoint was resumed."""

    name: str
    epochs: int
    rows: int
    held_out: int
    parameters: int
    device: str
    epoch: int = 0


class Callback:
    """Override the moments of interest."""

    def on_start(self, plan: Plan) -> None:
        """Before the first epoch."""

    def on_epoch(self, record: dict[str, Any]) -> None:
        """After each epoch: ``epoch`` (from 1), ``loss``, ``validation`` (None without held-out rows), ``lr``, ``seconds``."""

    def on_end(self, history: list[dict[str, Any]]) -> None:
        """After the last epoch, with all records."""


Listener = TypeVar("Listener", bound=Callback)
_listeners: ContextVar[tuple[Callback, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(callback: Listener) -> Iterator[Listener]:
    """Within the block, every training in this thread tells ``callback`` its moments."""
    token = _listeners.set((*_listeners.get(), callback))
    try:
        yield callback
    finally:
        _listeners.reset(token)


def listeners() -> tuple[Callback, ...]:
    """Who listens now."""
    return _listeners.get()
