"""API keys: made by a command, shown once, stored as a hash, limited to scopes, taken back at any time.

A key reads ``tk_<id>_<secret>``. The id names it in lists and logs; the secret is 256 random bits, of which only the SHA-256 is kept (a
slow hash protects secrets that people choose; nobody guesses 256 random bits).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.store.engine import Store
from tocsin.store.moment import now
from tocsin.store.tables import api_key

SCOPES = {"score": "judge rows, explain, read what was found", "label": "say which alarms were right", "manage": "everything"}
_FORM = re.compile(r"tk_([0-9a-f]{12})_([0-9a-f]{64})")
_FRESH = 3.0  # seconds that a look-up is believed: so long may a revoked key still work
_STAMP = 60.0  # seconds between two stamps of use
_MOST = 4096  # look-ups remembered


@dataclass(frozen=True)
class Key:
    """What is known of a key; the secret is not."""

    id: str
    name: str
    scopes: frozenset[str]
    at: str
    used: str | None
    revoked: str | None

    @property
    def label(self) -> str:
        """How its deeds are signed: its name, else its id."""
        return self.name or f"key {self.id}"


class Keys:
    """The keys of a store.

    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     keys = Keys(store)
    ...     key = keys.create(["score"], name="line 3")
    ...     found = keys.find(key)
    ...     gone = keys.revoke(found.id)
    ...     print(key[:3], found.name, sorted(found.scopes), keys.find(key))
    tk_ line 3 ['score'] None
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seen: dict[str, tuple[float, Key | None, str]] = {}  # id → when looked up, the key, the hash of its secret
        self._stamped: dict[str, float] = {}
        self.stamping: threading.Thread | None = None  # the last stamp under way

    def create(self, scopes: Iterable[str], *, name: str = "") -> str:
        """A new key, in full; it cannot be shown again. Raises ConfigError TOC-259 for an unknown scope or none."""
        asked = list(dict.fromkeys(scopes))
        if not asked or set(asked) - set(SCOPES):
            raise ConfigError("TOC-259", "a key needs scopes out of the known ones", came=", ".join(asked) or "none",
                              todo=f"use {', '.join(SCOPES)}")
        if len(name) > 100 or not name.isprintable():
            raise ConfigError("TOC-259", "a key's name is at most 100 printable characters", came=repr(name)[:120],
                              todo="give a short name")
        id, secret = secrets.token_hex(6), secrets.token_hex(32)
        with self.store.begin() as base:
            base.execute(insert(api_key).values(id=id, hash=_hash(secret), scopes=asked, name=name, at=now()))
        return f"tk_{id}_{secret}"

    def list(self) -> list[Key]:
        """All keys, also revoked ones, oldest first."""
        with self.store.read() as base:
            return [_key(row) for row in base.execute(select(api_key).order_by(api_key.c.at, api_key.c.id)).mappings()]

    def revoke(self, id: str) -> Key:
        """Take a key back, for good; ``id`` may be the whole key. Raises ServiceError TOC-601 when there is none of this id."""
        id = id.split("_")[1] if id.startswith("tk_") else id
        with self.store.begin() as base:
            done = base.execute(update(api_key).where(api_key.c.id == id, api_key.c.revoked.is_(None)).values(revoked=now()))
            row = base.execute(select(api_key).where(api_key.c.id == id)).mappings().first()
        if row is None:
            raise ServiceError("TOC-601", "there is no key of this id", came=repr(id)[:40], todo="`tocsin keys list` shows the ids")
        if done.rowcount:
            self._seen.pop(id, None)
        return _key(row)

    def remembered(self, given: str) -> tuple[bool, Key | None]:
        """(whether the answer is known without the database, the key if it is good). Cheap: for the event loop."""
        match = _FORM.fullmatch(given)
        if match is None:
            return True, None
        at, key, digest = self._seen.get(match[1], (0.0, None, ""))
        if time.monotonic() - at > _FRESH or (key is not None and self._due(key.id)):
            return False, None
        return True, key if key is not None and hmac.compare_digest(digest, _hash(match[2])) else None

    def find(self, given: str) -> Key | None:
        """The key when it is known, not revoked and its secret right; its use is stamped, at most once a minute."""
        match = _FORM.fullmatch(given)
        if match is None:
            return None
        with self.store.read() as base:
            row = base.execute(select(api_key).where(api_key.c.id == match[1])).mappings().first()
        key = _key(row) if row is not None and row["revoked"] is None else None
        digest = row["hash"] if row is not None else _hash("")
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[match[1]] = (time.monotonic(), key, digest)
        good = hmac.compare_digest(digest, _hash(match[2]))
        if key is None or not good:
            return None
        if self._due(key.id):
            self._stamped[key.id] = time.monotonic()
            self.stamping = threading.Thread(target=self._stamp, args=(key.id,), name="tocsin-key", daemon=True)
            self.stamping.start()
        return key

    def _stamp(self, id: str) -> None:
        """Write down that the key was used; a caller does not wait for it, and a database that is busy does not refuse him for it."""
        try:
            with self.store.begin() as base:
                base.execute(update(api_key).where(api_key.c.id == id).values(used=now()))
        except ServiceError as error:
            logging.getLogger("tocsin.keys").warning("the use of a key was not written down: %s", error)

    def _due(self, id: str) -> bool:
        return time.monotonic() - self._stamped.get(id, float("-inf")) > _STAMP


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Any) -> Key:
    return Key(row["id"], row["name"], frozenset(row["scopes"]), row["at"], row["used"], row["revoked"])
