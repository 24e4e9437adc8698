"""Everything Tocsin raises on purpose.

    TocsinError
    ├── DataError        (ValueError)    1xx  what came in cannot be used
    ├── ConfigError      (ValueError)    2xx  a setting is wrong
    ├── StateError       (RuntimeError)  3xx  the right call at the wrong moment
    ├── ArtifactError    (ValueError)    4xx  a saved model cannot be trusted or read
    ├── MissingExtra     (ImportError)   5xx  an optional package is not installed
    └── ServiceError     (RuntimeError)  6xx  the service or its store refuses: unknown, not allowed, too much

A message has three parts, always in this order: what is wrong, what came, what to do. The code
(``TOC-110``) is a heading of ``docs/errors.md``; a test keeps the page and the code equal.
"""

from __future__ import annotations


class TocsinError(Exception):
    """A stated error: ``what`` is wrong, what ``came``, what ``todo``, and a ``code`` with a page.

    >>> raise DataError("TOC-112", "there are no rows", came="shape (0, 3)", todo="pass at least one row")
    Traceback (most recent call last):
    tocsin.core.errors.DataError: TOC-112: there are no rows; came: shape (0, 3); to do: pass at least one row
    """

    def __init__(self, code: str, what: str, *, came: str = "", todo: str = "") -> None:
        self.code, self.what, self.came, self.todo = code, what, came, todo
        parts = [f"{code}: {what}"]
        if came:
            parts.append(f"came: {came}")
        if todo:
            parts.append(f"to do: {todo}")
        super().__init__("; ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders in the benchmark harness; the default would call __init__ with one string.
        return (_rebuild, (type(self), self.code, self.what, self.came, self.todo))

    def to_dict(self) -> dict[str, str]:
        """The four parts as plain data, for ``--json`` and for problem documents."""
        return {"code": self.code, "what": self.what, "came": self.came, "todo": self.todo}


def _rebuild(kind: type[TocsinError], code: str, what: str, came: str, todo: str) -> TocsinError:
    return kind(code, what, came=came, todo=todo)


class DataError(TocsinError, ValueError):
    """The data cannot be used as they came."""


class ConfigError(TocsinError, ValueError):
    """A setting is unknown, out of range or contradicts another."""


class StateError(TocsinError, RuntimeError):
    """A verb was called before its time, or is not offered by this object."""


class ArtifactError(TocsinError, ValueError):
    """A saved model is damaged, tampered with, too new or not a model at all."""


class MissingExtra(TocsinError, ImportError):
    """An optional dependency is missing; the message holds the install line."""


class ServiceError(TocsinError, RuntimeError):
    """The service or its store refuses: there is no such thing, the key does not allow it, there is too much of it."""
