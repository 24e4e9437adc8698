"""Trained models by name and number: who added which version when and why, which one is live, and how to get back.

A version is a row and a file; the file is named by its content and lies there before the row says so, so whoever dies half way leaves
at most a file that nobody names. Versions are never changed or removed. An alias (``live``) points to one of them; a move of an alias is
one transaction that keeps the previous target and adds a line to the list of moves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.core.state import to_plain
from tocsin.delivery import artifact
from tocsin.delivery.sign import SigningKey, Trusted
from tocsin.delivery.suits import other
from tocsin.pipeline import items
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store import tables
from tocsin.store.engine import Store
from tocsin.store.moment import now

LIVE = "live"
"""The alias that scoring uses when nothing else is said."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_LONGEST = {"by": 200, "why": 4_000}


@dataclass(frozen=True)
class Version:
    """One trained model of a line: ``digest`` names its file, ``facts`` is what its manifest says, ``signer`` the fingerprint of the
    key that signed it, ``data`` the digest of its training data when they are kept, ``live`` whether it is the one that scores."""

    model: str
    number: int
    digest: str
    bytes: int
    facts: dict[str, Any]
    data: str | None
    signer: str | None
    at: str
    by: str
    why: str
    live: bool


class Registry:
    """The models of a store. Opens nothing and keeps nothing in memory: every call asks the database, so several processes agree.

    store   an open Store
    key     signs what is added; what it signed must be unchanged when it is loaded. None: nothing is signed or checked

    When it works: any number of readers and writers, on one machine or, with PostgreSQL and a shared folder, on several. When not: whoever
    can write both the database and the key's folder can put any model there; keep the two apart if that matters.

    >>> import tempfile, tocsin
    >>> model = tocsin.fit([[0.1, 1.0], [0.2, 1.1], [0.1, 0.9], [0.2, 1.0]] * 10, detector="gaussian")
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     registry = Registry(store)
    ...     registry.create("pump", "table", {}, by="ann")
    ...     first = registry.add("pump", model, by="ann", why="the first one")
    ...     registry.promote("pump", first.number, by="ann").live
    True
    """

    def __init__(self, store: Store, key: SigningKey | None = None) -> None:
        self.store, self.key = store, key

    # ---- lines ----------------------------------------------------------------------------------------------------

    def create(self, name: str, kind: str, settings: Mapping[str, Any], *, by: str, why: str = "") -> None:
        """Begin a line of versions. ``kind`` is table or series; ``settings`` say how its next version is to be trained.

        Raises ConfigError TOC-251 (name), TOC-252 (by, why), TOC-253 (kind, settings), ServiceError TOC-620 when the name is taken.
        """
        _check_name(name)
        items.refuse(kind, "kept in a registry")
        if kind not in ("table", "series"):
            raise ConfigError("TOC-253", "a model judges a table or a series", came=repr(kind)[:80], todo="pass kind='table' or 'series'")
        row = {"name": name, "kind": kind, "settings": _finite(dict(settings)), **_whom(by, why)}
        try:
            with self.store.begin() as base:
                base.execute(insert(tables.model).values(row))
        except IntegrityError as error:
            raise ServiceError("TOC-620", "there is a model of this name", came=name,
                               todo="choose another name, or add a version to it") from error

    def models(self) -> list[dict[str, Any]]:
        """Every line by name: {name, kind, settings, at, by, why, live, previous, versions (how many)}."""
        with self.store.read() as base:
            return _models(base)

    def model(self, name: str) -> dict[str, Any]:
        """One line, as in :meth:`models`. Raises ServiceError TOC-621."""
        with self.store.read() as base:
            return _model(base, name)

    # ---- versions -------------------------------------------------------------------------------------------------

    def add(self, name: str, model: Pipeline | str | Path, *, by: str, why: str = "", data: str | None = None,
            trust: Trusted | None = None, allow_other_columns: bool = False) -> Version:
        """Keep a fitted model, or a saved one, as the next version; it is not live before :meth:`promote`.

        data    digest of the training data, when they are in the store
        trust   keys one of which must have signed the saved model. With a key of its own the registry signs what it takes in; a model
                signed by a key that is neither its own nor trusted is refused
        allow_other_columns
                take a model that asks for other columns than the newest version: whoever sends rows has to follow when it goes live

        Raises ConfigError TOC-252, ServiceError TOC-610 (no such data), TOC-613 (the disk is full), TOC-621, TOC-626 (a series model for a
        table or the reverse, other columns), ArtifactError TOC-401 to TOC-443.
        """
        whom = _whom(by, why)
        self.model(name)  # before the work
        if data is not None:
            self.store.files.path(data)
        if isinstance(model, Pipeline):
            content, facts = artifact.pack(model, key=self.key), to_plain(model.manifest())
        else:
            content, pages = artifact.repack(model, key=self.key, trust=trust)
            facts = pages["model"]
        items.refuse(str(facts.get("kind")), "kept in a registry")
        self.check(name, facts.get("kind"), facts.get("schema"), allow_other_columns=allow_other_columns)  # before the file lies there
        digest, size = self.store.files.put([content])
        row = {"model": name, "digest": digest, "bytes": size, "facts": _finite(facts), "data": data,
               "signer": None if self.key is None else self.key.fingerprint, **whom}
        with self.store.begin() as base:
            _hold(base, name)
            _fits(base, name, facts.get("kind"), facts.get("schema"), allow_other_columns)
            last = base.execute(select(func.max(tables.version.c.number)).where(tables.version.c.model == name)).scalar()
            base.execute(insert(tables.version).values(row | {"number": (last or 0) + 1}))
            return _version(base, name, (last or 0) + 1)

    def check(self, name: str, kind: str | None, schema: Mapping[str, Any] | None, *, allow_other_columns: bool = False) -> None:
        """Whether a model of this kind and these columns may become the next version. A name that is not there yet takes any; a column
        of row names, or of one value, may come and go. Raises ServiceError TOC-626."""
        with self.store.read() as base:
            _fits(base, name, kind, schema, allow_other_columns)

    def versions(self, name: str) -> list[Version]:
        """All versions, the newest first. Raises ServiceError TOC-621."""
        with self.store.read() as base:
            live = _model(base, name)["live"]
            found = base.execute(select(tables.version).where(tables.version.c.model == name).order_by(tables.version.c.number.desc()))
            return [Version(**row._mapping, live=row.number == live) for row in found]

    def version(self, name: str, which: int | str | None = None) -> Version:
        """The version of a number or an alias; None is the live one. Raises ServiceError TOC-621, TOC-622, TOC-623."""
        with self.store.read() as base:
            return _version(base, name, which)

    def load(self, name: str, which: int | str | None = None) -> Pipeline:
        """The model itself, checked against its digest and, when this registry has a key, its signature: one that is not signed by it is
        not loaded, whatever the database says of it.

        Raises ServiceError TOC-610, TOC-621 to TOC-623, ArtifactError TOC-401 to TOC-416, TOC-440 to TOC-443.
        """
        version = self.version(name, which)
        required = None if self.key is None else self.key.public
        return artifact.load(self.store.files.path(version.digest, check=True), require_signature=required)

    # ---- aliases --------------------------------------------------------------------------------------------------

    def promote(self, name: str, number: int, *, alias: str = LIVE, by: str, why: str = "", expect: int | None = None) -> Version:
        """Point the alias to a version. Promoting what it points to already changes nothing.

        ``expect``: the number that the alias is thought to point to; ServiceError TOC-625 when somebody has moved it meanwhile.
        Raises ConfigError TOC-251, TOC-252, ServiceError TOC-621, TOC-622.
        """
        return self._move(name, alias, number, _whom(by, why), expect)

    def rollback(self, name: str, *, alias: str = LIVE, by: str, why: str = "", expect: int | None = None) -> Version:
        """Point the alias back to its previous target; a second rollback swaps again. ``expect`` as in :meth:`promote`: pass the number
        on the screen, and a click that comes twice rolls back once.

        Raises ServiceError TOC-624 when there is no previous target, and as :meth:`promote`.
        """
        return self._move(name, alias, None, _whom(by, why), expect)

    def moves(self, name: str) -> list[dict[str, Any]]:
        """Every move of its aliases, the newest first: {id, model, alias, source, target, kind (promote, rollback), at, by, why}."""
        with self.store.read() as base:
            _model(base, name)
            found = base.execute(select(tables.move).where(tables.move.c.model == name).order_by(tables.move.c.id.desc()))
            return [dict(row._mapping) for row in found]

    def _move(self, name: str, alias: str, number: int | None, whom: dict[str, str], expect: int | None) -> Version:
        if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
            raise ConfigError("TOC-251", "this is no name for an alias", came=repr(alias)[:80],
                              todo="use a small letter, then up to 49 small letters, digits, - and _")
        here = (tables.alias.c.model == name) & (tables.alias.c.name == alias)
        with self.store.begin() as base:
            _hold(base, name)
            now_at = base.execute(select(tables.alias).where(here)).mappings().first()
            source = None if now_at is None else int(now_at["number"])
            if expect is not None and expect != source:
                raise ServiceError("TOC-625", f"{alias!r} was moved meanwhile", came=f"expected {expect}, it is {source}",
                                   todo="look at the versions again, then decide")
            target = _back(name, alias, now_at) if number is None else _version(base, name, number).number
            if source == target:
                return _version(base, name, target)
            moved = {"number": target, "previous": source, **whom}
            if now_at is None:
                base.execute(insert(tables.alias).values(model=name, name=alias, **moved))
            else:
                base.execute(update(tables.alias).where(here).values(moved))
            kind = "rollback" if number is None else "promote"
            base.execute(insert(tables.move).values(model=name, alias=alias, source=source, target=target, kind=kind, **whom))
            return _version(base, name, target)

    # ---- comparing ------------------------------------------------------------------------------------------------

    def compare(self, name: str, a: int | str | None, b: int | str | None) -> dict[str, Any]:
        """Two versions side by side: ``numbers``, ``bytes``, ``n_train``, ``detector``, ``threshold`` as [a, b], and under ``facts`` every
        fact that differs, by its dotted name (``params.k``, ``threshold.p``). Raises ServiceError TOC-621 to TOC-623."""
        with self.store.read() as base:
            pair = [_version(base, name, which) for which in (a, b)]
        flat = [_flat(one.facts) for one in pair]
        keys = [*flat[0], *(key for key in flat[1] if key not in flat[0])]
        return {"model": name, "numbers": [one.number for one in pair], "bytes": [one.bytes for one in pair],
                **{key: [one.facts.get(key) for one in pair] for key in ("detector", "n_train", "threshold")},
                "facts": {key: [one.get(key) for one in flat] for key in keys if flat[0].get(key) != flat[1].get(key)}}


def _hold(base: Connection, name: str) -> None:
    """One writer of a line at a time: on PostgreSQL by its row, on SQLite the transaction holds the whole database."""
    held = base.execute(select(tables.model.c.name).where(tables.model.c.name == _known(name)).with_for_update()).first()
    if held is None:
        raise _unknown(name)


def _models(base: Connection, name: str | None = None) -> list[dict[str, Any]]:
    count = select(func.count()).where(tables.version.c.model == tables.model.c.name).scalar_subquery()
    live = (tables.alias.c.model == tables.model.c.name) & (tables.alias.c.name == LIVE)
    asked = select(tables.model, tables.alias.c.number.label("live"), tables.alias.c.previous, count.label("versions")) \
        .outerjoin(tables.alias, live).order_by(tables.model.c.name)
    return [dict(row._mapping) for row in base.execute(asked if name is None else asked.where(tables.model.c.name == name))]


def _model(base: Connection, name: str) -> dict[str, Any]:
    found = _models(base, _known(name))
    if not found:
        raise _unknown(name)
    return found[0]


def _version(base: Connection, name: str, which: int | str | None) -> Version:
    live = _model(base, name)["live"]
    number = live if which is None else _number(base, name, which)
    if number is None:
        raise ServiceError("TOC-623", "no version is live yet", came=name, todo="promote one, or name a version")
    found = base.execute(select(tables.version).where(tables.version.c.model == name, tables.version.c.number == number)).first()
    if found is None:
        raise ServiceError("TOC-622", "there is no such version", came=f"{name}, version {which}"[:120],
                           todo="look at the list of its versions")
    return Version(**found._mapping, live=number == live)


def _number(base: Connection, name: str, which: int | str) -> int:
    """The number that ``which`` means: a number, its digits, or an alias."""
    if isinstance(which, int) and not isinstance(which, bool):
        return which if 0 < which < 1 << 31 else 0
    if isinstance(which, str) and re.fullmatch(r"[0-9]{1,9}", which):
        return int(which)
    found = None
    if isinstance(which, str) and _ALIAS.fullmatch(which):
        found = base.execute(select(tables.alias.c.number).where(tables.alias.c.model == name, tables.alias.c.name == which)).scalar()
    if found is None and which == LIVE:
        raise ServiceError("TOC-623", "no version is live yet", came=name, todo="promote one, or name a version")
    if found is None:
        raise ServiceError("TOC-622", "there is no version of this number or alias", came=f"{name}, {which!r}"[:120],
                           todo="look at the list of its versions")
    return int(found)


def _fits(base: Connection, name: str, kind: str | None, schema: Mapping[str, Any] | None, other_columns: bool) -> None:
    line = _models(base, name)
    if line and kind is not None and kind != line[0]["kind"]:
        raise ServiceError("TOC-626", f"{name!r} judges a {line[0]['kind']}, this model judges a {kind}", came=f"kind {kind!r}",
                           todo="add it under another name")
    newest = base.execute(select(tables.version.c.number, tables.version.c.facts).where(
        tables.version.c.model == name).order_by(tables.version.c.number.desc()).limit(1)).first()
    if newest is None or not schema or not newest.facts.get("schema") or other_columns:
        return
    wrong = other(newest.facts["schema"], schema)
    if wrong:
        raise ServiceError("TOC-626", f"this model asks for other columns than version {newest.number} of {name!r}",
                           came="; ".join(wrong)[:300], todo="add it under another name, or allow other columns: whoever sends rows has "
                           "to follow (`tocsin models add --new-columns`)")


def _back(name: str, alias: str, now_at: RowMapping | None) -> int:
    if now_at is None or now_at["previous"] is None:
        raise ServiceError("TOC-624", "there is nothing to roll back to", came=f"{name}, {alias}",
                           todo="promote a version; rolling back needs one that was there before")
    return int(now_at["previous"])


def _whom(by: str, why: str) -> dict[str, str]:
    """Who, when and why, as columns. Raises ConfigError TOC-252 for text that a database cannot keep."""
    for part, text in (("by", by), ("why", why)):
        if not _keepable(text) or len(text) > _LONGEST[part] or (part == "by" and not text.strip()):
            raise ConfigError("TOC-252", f"{part!r} is not usable text", came=repr(text)[:80],
                              todo=f"pass at most {_LONGEST[part]} characters" + ("; say who it is" if part == "by" else ""))
    return {"at": now(), "by": by, "why": why}


def _keepable(text: Any) -> bool:
    """Text in every database: no NUL (PostgreSQL), no half of a surrogate pair (no UTF-8)."""
    return isinstance(text, str) and "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError("TOC-251", "this is no name for a model", came=repr(name)[:80],
                          todo="use a small letter or digit, then up to 62 small letters, digits, - and _")


def _known(name: str) -> str:
    """A name that could be in the database at all; anything else is an unknown model, not a fault of the database."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _unknown(name)
    return name


def _unknown(name: Any) -> ServiceError:
    return ServiceError("TOC-621", "there is no model of this name", came=repr(name)[:80], todo="look at the list of models")


def _finite(value: Any) -> Any:
    """Plain values with None for numbers that JSON does not have. Raises ConfigError TOC-253 for what is not plain."""
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ConfigError("TOC-253", "settings are plain values", came=f"{type(value).__name__}: {value!r}"[:80],
                      todo="pass text, numbers, lists and dictionaries")


def _flat(facts: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        flat |= _flat(value, f"{start}{key}.") if isinstance(value, Mapping) else {f"{start}{key}": value}
    return flat
