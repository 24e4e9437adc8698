"""The service's log: lines on standard error, for people or as JSON. A line per request; never bodies, keys, tokens or query strings."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog


def make(form: str = "plain", stream: TextIO | None = None) -> Any:
    """A logger that writes ``form`` "plain" or "json" to ``stream``; it shares no settings with other loggers of the process.

    >>> import io
    >>> to = io.StringIO()
    >>> make("json", to).info("request", status=200)
    >>> '"status": 200' in to.getvalue()
    True
    """
    draw: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _plain
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    steps = [structlog.processors.add_log_level, stamp, structlog.processors.format_exc_info, draw]
    return structlog.wrap_logger(structlog.WriteLogger(stream or sys.stderr), processors=steps,
                                 wrapper_class=structlog.make_filtering_bound_logger(logging.INFO), cache_logger_on_first_use=True)


def _plain(_logger: Any, _method: str, event: dict[str, Any]) -> str:
    trace = event.pop("exception", "")
    head = f"{event.pop('timestamp')} {event.pop('level'):<7} {event.pop('event')}"
    line = head + "".join(f" {name}={_word(value)}" for name, value in event.items() if value not in ("", None))
    return f"{line}\n{trace}" if trace else line


def _word(value: Any) -> str:
    """One value on one line, whatever it holds."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


class Forward(logging.Handler):
    """Takes what libraries log (the HTTP server's complaints, above all) into our log."""

    def __init__(self, log: Any, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.log.log(record.levelno, record.getMessage().strip(), source=record.name, exc_info=record.exc_info)
