"""Writing a row that may be there already, and keeping two writers of one thing apart, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(base: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert ``row`` unless a row with its key is there; True when it was new. Two processes at once: one of them gets True."""
    insert = postgresql.insert if base.dialect.name == "postgresql" else sqlite.insert
    made = base.execute(insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key.columns))
    return made.first() is not None


def turn(base: Connection, *names: str) -> None:
    """Wait until no other transaction holds the turn of ``names``; held to the end of this one.

    On SQLite a writing transaction is alone anyway.
    """
    if base.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256("\x00".join(names).encode("utf-8")).digest()[:8], "big", signed=True)
        base.execute(select(func.pg_advisory_xact_lock(number)))
