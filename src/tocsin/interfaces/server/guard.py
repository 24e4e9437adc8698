"""Who asks, and may they. Keys for programs, a session for the page; foreign names and foreign forms are turned away at the gate.

Two parts. :class:`Gate`, a middleware, looks at the headers before a byte of the body is read: it refuses other hosts' names (a page
elsewhere could point its own name at this machine: DNS rebinding) and other origins, and finds out who asks. :meth:`Guard.needs`, at a
route, says what its caller must be allowed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.core.errors import ServiceError, TocsinError
from tocsin.interfaces.server.keys import SCOPES, Key, Keys
from tocsin.interfaces.server.problem import answer
from tocsin.interfaces.server.session import COOKIE, Sessions

if TYPE_CHECKING:
    from tocsin.interfaces.server.place import Place

_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MANAGE = "manage"


@dataclass(frozen=True)
class Caller:
    """Somebody who may do something.

    name     how deeds are signed: the key's name, or "page"
    scopes   of score, label, manage; manage includes the others
    via      "key" or "session"
    id       for logs: the public part of the key, or "session"
    csrf     of a session: what its forms carry as csrf_token, and its scripts as the header X-CSRF-Token
    """

    name: str
    scopes: frozenset[str]
    via: str
    id: str = ""
    csrf: str = ""

    def may(self, scope: str) -> bool:
        """Whether ``scope`` is allowed.

        >>> Caller("line 3", frozenset({"score"}), "key").may("label"), Caller("boss", frozenset({"manage"}), "key").may("label")
        (False, True)
        """
        return scope in self.scopes or _MANAGE in self.scopes


class Guard:
    """Checks callers against the keys and sessions of a place.

        @router.get("/detectors")
        def detectors(caller: Annotated[Caller, Depends(guard.needs("score"))]) -> …

    In a module that writes ``from __future__ import annotations`` such an annotation is text that cannot see a local ``guard``: give it as
    a default instead, ``caller: Caller = Depends(guard.needs("score"))``.
    """

    def __init__(self, place: Place) -> None:
        self.keys, self.sessions = Keys(place.store), Sessions(place.store)

    def needs(self, scope: str) -> Callable[[Request], Awaitable[Caller]]:
        """A dependency that lets only callers with ``scope`` pass. Raises ServiceError TOC-601 (401), TOC-602 (403)."""
        if scope not in SCOPES:
            raise ValueError(f"no such scope: {scope!r}")

        async def caller(request: Request) -> Caller:
            found = _allowed(request.scope, scope)
            if found.via == "session" and request.method not in _SAFE:
                await _same_page(request, found.csrf)
            return found

        return caller

    def verify(self, key: str | None, scope: str = "score") -> Caller:
        """The caller behind a bare key, for faces with headers of their own; for a worker thread: it may ask the database.

        Raises ServiceError TOC-601, TOC-602.
        """
        known, found = self.keys.remembered(key or "")
        if not known:
            found = self.keys.find(key or "")
        return _with_scope(_bearer(found), scope, given=bool(key))

    async def resolve(self, headers: dict[bytes, bytes]) -> Caller | None:
        """Who sends these headers. A key counts before a session; a wrong key is nobody, whatever else is sent."""
        key = _given_key(headers)
        if key is not None:
            return await self._by_key(key)
        cookie = cookie_parser(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
        if not cookie:
            return None
        known, found = self.sessions.remembered(cookie)
        if not known:
            found = await run_in_threadpool(self.sessions.find, cookie)
        return Caller(found.name, frozenset(SCOPES), "session", "session", found.csrf) if found is not None else None

    async def _by_key(self, given: str) -> Caller | None:
        known, key = self.keys.remembered(given)
        return _bearer(key if known else await run_in_threadpool(self.keys.find, given))


class Gate:
    """The middleware before everything: host, origin, caller. What it finds lies in ``request.state.caller`` (None for a stranger)."""

    def __init__(self, app: ASGIApp, guard: Guard, hosts: Iterable[str] = ()) -> None:
        self.app, self.guard = app, guard
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or turn it away."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            self._look(scope["method"], headers)
        except ServiceError as error:
            await answer(scope, receive, send, error, headers={"Connection": "close"})
            return
        state = scope.setdefault("state", {})
        state["given"] = _given_key(headers) is not None
        try:
            state["caller"] = await self.guard.resolve(headers)
        except TocsinError as error:  # the database is away: told by the routes that need a caller; /healthz must go on
            state["caller"], state["trouble"] = None, error
        try:
            await self.app(scope, receive, send)
        finally:
            if "form" in state:
                await state["form"].close()

    def _look(self, method: str, headers: dict[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._ours(_name(host)):
            raise ServiceError("TOC-607", "this service does not go by this name", came=f"Host: {host[:100]}",
                               todo="use its own address, or start it with --allow-host NAME")
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if method in _SAFE or not origin:
            return
        try:
            there = urlsplit(origin).netloc
        except ValueError:  # "http://[": no address, so not ours
            there = ""
        if there != host and _name(there) not in self.hosts:
            raise ServiceError("TOC-602", "this request was sent by a page of another site", came=f"Origin: {origin[:100]}",
                               todo="send it from the service's own page, or by a program with a key")

    def _ours(self, name: str) -> bool:
        return name in self.hosts or _LOOPBACK.fullmatch(name) is not None


def _bearer(key: Key | None) -> Caller | None:
    return Caller(key.label, key.scopes, "key", f"tk_{key.id}") if key is not None else None


def _name(netloc: str) -> str:
    """The host without its port."""
    return netloc.partition("]")[0] + "]" if netloc.startswith("[") else netloc.partition(":")[0]


def _given_key(headers: dict[bytes, bytes]) -> str | None:
    scheme, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    bare = headers.get(b"x-api-key", headers.get(b"ocp-apim-subscription-key"))
    return bare.decode("latin-1") if bare is not None else None


def _allowed(scope: Scope, needed: str) -> Caller:
    state = scope.get("state", {})
    if state.get("trouble") is not None:
        raise state["trouble"]
    return _with_scope(state.get("caller"), needed, given=state.get("given", False))


def _with_scope(found: Caller | None, needed: str, *, given: bool) -> Caller:
    if found is None:
        raise ServiceError("TOC-601", "this key is not known or was revoked" if given else "this needs a key",
                           todo="send a key as 'Authorization: Bearer tk_…'; `tocsin keys create` makes one")
    if not found.may(needed):
        raise ServiceError("TOC-602", "this key is not allowed to do that", came=f"a key for {', '.join(sorted(found.scopes))}",
                           todo=f"use a key with the scope {needed}")
    return found


async def _same_page(request: Request, csrf: str) -> None:
    """A page elsewhere can make a browser send its cookie, but cannot read the word that our own page carries."""
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        request.state.form = form = await request.form()  # the gate closes the files in it; the route gets the same form
        field = form.get("csrf_token")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), csrf.encode()):
        raise ServiceError("TOC-602", "this form was not sent by the service's own page, or its session is over",
                           todo="load the page again; programs send a key, pages the header X-CSRF-Token or the field csrf_token")
