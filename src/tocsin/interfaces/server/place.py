"""What the service stands on: one data folder, opened once, and what is allowed there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tocsin.delivery.registry import Registry
from tocsin.delivery.sign import SigningKey
from tocsin.interfaces.server.limits import Limits
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.journal import Journal
from tocsin.store.engine import Store


@dataclass(frozen=True)
class Place:
    """The parts that requests and jobs share. Open with :meth:`open`, give back with :meth:`close`.

    store, registry, journal, incidents   the data folder and what is kept in it
    limits      what one request may cost
    key         signs the models that are made here
    database    the address that was given in place of the folder's own database
    hosts       host names, beside those of this machine, that the service goes by
    stopping    set when the service is asked to stop, before open connections are waited for: long answers end then
    """

    store: Store
    registry: Registry
    journal: Journal
    incidents: Incidents
    limits: Limits
    key: SigningKey
    database: str | None = None
    hosts: tuple[str, ...] = ()
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)

    @classmethod
    def open(cls, data_dir: str | Path, database: str | None = None, *, hosts: tuple[str, ...] = (), **limits: Any) -> Place:
        """Open a data folder, made when missing; ``limits`` are fields of ``Limits``.

        Raises ConfigError TOC-250, ServiceError TOC-611, TOC-612.

        >>> import tempfile
        >>> with Place.open(tempfile.mkdtemp(), rows=1000) as place:
        ...     place.limits.rows, place.registry.models()
        (1000, [])
        """
        store = Store(data_dir, database)
        try:
            key = SigningKey.load_or_create(store.folder)
            return cls(store, Registry(store, key), Journal(store), Incidents(store), Limits(**limits), key, database, hosts)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Give the database's connections back."""
        self.store.close()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
