"""What every response says to browsers: nothing from other places, no guessing of types, no frames, no trail."""

from __future__ import annotations

import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer browsers would send forms with the origin "null"
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
# Inline styles: the charting library sets them on every element that it draws. Scripts run from our own files, or with the nonce.
_PAGE = ("default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
         "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")


class Headers:
    """The middleware that adds them. A page finds the nonce for its inline scripts in ``request.state.nonce``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and add to its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_added(message, nonce)]
            await send(message)

        await self.app(scope, receive, dressed)


def _added(message: Message, nonce: str) -> list[tuple[bytes, bytes]]:
    there = dict(message.get("headers", ()))
    added = list(_ALWAYS)
    if b"content-security-policy" not in there:
        page = there.get(b"content-type", b"").startswith(b"text/html")
        added.append((b"content-security-policy", _PAGE.format(nonce=nonce).encode() if page else _NOTHING))
    if b"cache-control" not in there:
        added.append((b"cache-control", b"no-store"))
    return added
