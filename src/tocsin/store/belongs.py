"""Which database a data folder belongs to: opened with another one it would only look empty."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy import URL

from tocsin.core.errors import ConfigError

_OWN = "tocsin.db"


class Belongs:
    """The mark of ``folder``: the file ``database`` names the database that it was first used with, without user and password.

    url   the address that was given; None for the folder's own SQLite, which needs no mark: its file is one

    ``check()`` before the database is opened and ``claim()`` after that raise ConfigError TOC-250 when the folder belongs to another one.
    Of two processes that claim a new folder at the same moment with different addresses, one is refused.

    >>> import tempfile
    >>> Belongs(Path(tempfile.mkdtemp()), None).check()
    """

    def __init__(self, folder: Path, url: URL | None) -> None:
        self.folder, self.mark = folder, folder / "database"
        self.name = None if url is None else _name(url, folder)

    def check(self) -> None:
        """Raises ConfigError TOC-250 when the folder was used with another database."""
        known = self._known()
        if known is None:
            if self.name is not None and (self.folder / _OWN).exists():
                raise self._refused("its own database, tocsin.db", "leave --database and TOCSIN_DATABASE out, or name a new folder")
        elif self.name is None:
            raise self._refused(known, "pass that address: --database, or TOCSIN_DATABASE")
        elif self.name != known:
            raise self._refused(known, f"pass that address; if the same rows are there under a new address, remove the file {self.mark}")

    def claim(self) -> None:
        """Mark the folder, unless it is marked; the mark appears whole, and the first one stays."""
        if self.name is not None and self._known() is None:
            made = self.folder / f"database.{secrets.token_hex(4)}"
            made.write_text(self.name + "\n", encoding="utf-8")
            try:
                os.link(made, self.mark)
            except FileExistsError:
                pass  # somebody was faster: what they wrote is looked at below
            except OSError:  # a disk without links: the last one to write wins
                os.replace(made, self.mark)
            made.unlink(missing_ok=True)
        if self._known() != self.name:
            self.check()

    def _known(self) -> str | None:
        try:
            return self.mark.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError("TOC-250", "the data folder cannot be read", came=f"{self.mark}: {error.strerror}",
                              todo="see that its files may be read") from error

    def _refused(self, known: str, todo: str) -> ConfigError:
        return ConfigError("TOC-250", "this data folder was used with another database", came=f"{self.folder} belongs to {known}",
                           todo=todo)


def _name(url: URL, folder: Path) -> str | None:
    """host:port/name of a server, the path of a file; None when that is the folder's own."""
    if url.get_backend_name() == "sqlite":
        path = None if url.database in (None, "", ":memory:") else Path(str(url.database)).resolve()
        return None if path is None or path == (folder / _OWN).resolve() else f"sqlite:{path}"
    host = url.host or url.query.get("host") or "localhost"
    return f"{url.get_backend_name()}://{str(host).lower()}:{url.port or 5432}/{url.database or url.username or ''}"
