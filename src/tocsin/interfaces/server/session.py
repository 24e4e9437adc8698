"""The page's way in: a link with a token that works once, exchanged for a session in a cookie, with a word against forged forms.

The link is printed by ``tocsin serve`` and ``tocsin keys page-link``: whoever reads the service's terminal may use its page. Only hashes
of tokens and sessions are stored. A session ends after twelve hours.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from tocsin.core.errors import ServiceError
from tocsin.store.engine import Store
from tocsin.store.moment import now
from tocsin.store.tables import session, setting

COOKIE = "tocsin_session"
_HOURS = 12
_LINK_HOURS = 24
_FRESH = 3.0  # seconds that a look-up is believed
_MOST = 1024
_TOKEN, _ADDRESS = "page_token", "page_address"  # names of settings


@dataclass(frozen=True)
class Session:
    """A browser that showed the token. ``csrf`` is what its unsafe requests must repeat."""

    name: str
    csrf: str
    until: str


class Sessions:
    """The sessions of a store.

    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     sessions = Sessions(store)
    ...     cookie = sessions.exchange(sessions.token())
    ...     print(sessions.find(cookie).name, sessions.find("something else"))
    page None
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seen: dict[str, tuple[float, Session | None]] = {}

    def token(self) -> str:
        """A new token for the page's link; the one before stops working. It works once, within a day."""
        made = secrets.token_hex(32)
        value = {"hash": _hash(made), "until": now(ahead=_LINK_HOURS * 3600)}
        with self.store.begin() as base:
            base.execute(delete(setting).where(setting.c.name == _TOKEN))
            base.execute(insert(setting).values(name=_TOKEN, value=value, at=now()))
        return made

    def link(self, address: str | None = None) -> str:
        """The address of the page with a new token; without ``address`` that of the last start of the service."""
        if address is None:
            with self.store.read() as base:
                known = base.execute(select(setting.c.value).where(setting.c.name == _ADDRESS)).scalar()
            address = str(known or "http://127.0.0.1:8000")
        return f"{address}/login?token={self.token()}"

    def moved(self, address: str) -> None:
        """Keep where the service listens now, for links that are made later."""
        with self.store.begin() as base:
            base.execute(delete(setting).where(setting.c.name == _ADDRESS))
            base.execute(insert(setting).values(name=_ADDRESS, value=address, at=now()))

    def exchange(self, token: str, *, name: str = "page") -> str:
        """A session for a token, which is used up by it. Raises ServiceError TOC-601 when the token is wrong, used or too old."""
        cookie = secrets.token_hex(32)
        with self.store.begin() as base:
            value = base.execute(select(setting.c.value).where(setting.c.name == _TOKEN)).scalar()
            good = value is not None and hmac.compare_digest(value["hash"], _hash(token)) and value["until"] > now()
            if good:
                base.execute(delete(setting).where(setting.c.name == _TOKEN))
                base.execute(delete(session).where(session.c.until < now()))
                base.execute(insert(session).values(hash=_hash(cookie), csrf=secrets.token_hex(32), name=name, at=now(),
                                                    until=now(ahead=_HOURS * 3600)))
        if not good:
            raise ServiceError("TOC-601", "this link has been used, is too old or was never given out",
                               todo="make a new one where the service runs: tocsin keys page-link --data-dir DIR")
        return cookie

    def remembered(self, cookie: str) -> tuple[bool, Session | None]:
        """(whether the answer is known without the database, the session if it holds)."""
        at, found = self._seen.get(_hash(cookie), (0.0, None))
        if time.monotonic() - at > _FRESH:
            return False, None
        return True, found if found is not None and found.until > now() else None

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie while it holds."""
        with self.store.read() as base:
            row = base.execute(select(session).where(session.c.hash == _hash(cookie))).mappings().first()
        found = Session(row["name"], row["csrf"], row["until"]) if row is not None and row["until"] > now() else None
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[_hash(cookie)] = (time.monotonic(), found)
        return found

    def end(self, cookie: str) -> None:
        """Log out."""
        with self.store.begin() as base:
            base.execute(delete(session).where(session.c.hash == _hash(cookie)))
        self._seen.pop(_hash(cookie), None)

    def enter(self, request: HTTPConnection, token: str, *, to: str = "/") -> Response:
        """The answer to a browser that followed the link: the cookie, and on to the page. Raises ServiceError TOC-601."""
        answer = RedirectResponse(to, 303)
        answer.set_cookie(COOKIE, self.exchange(token), max_age=_HOURS * 3600, httponly=True, samesite="strict", secure=secure(request))
        return answer

    def leave(self, request: HTTPConnection) -> Response:
        """Log out and go to the login."""
        self.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure(request))
        return answer


def secure(request: HTTPConnection) -> bool:
    """Whether the browser speaks https: to us, or to a proxy on this machine that says so."""
    near = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return request.url.scheme == "https" or (near and request.headers.get("x-forwarded-proto", "") == "https")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
