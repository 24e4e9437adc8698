"""How much one request may bring and how long it may take, held while the bytes arrive: a false Content-Length or none changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server.problem import answer

_SLOWEST = 16_384  # bytes per second that a body must bring on average once the seconds are over
_LEFT_OVER = 4 << 20  # bytes of a refused body that are still read, so that the sender sees the answer instead of a broken pipe
_LINGER = 1.0  # seconds for that


@dataclass(frozen=True)
class Limits:
    """What one request may cost.

    body       bytes of a request's body; uploads count as they are sent
    rows       rows that one call may bring for scoring
    seconds    until the answer begins; a large body may arrive for longer as long as it keeps coming
    json       bytes of a JSON body of scoring, which takes many times its size while it is read
    at_once    requests that are worked on at a time; further ones are asked to come back
    stranger   bytes that somebody without a valid key or session may send

    >>> Limits(rows=10).rows
    10
    """

    body: int = 256 << 20
    rows: int = 100_000
    seconds: float = 60.0
    at_once: int = 256
    stranger: int = 64 << 10
    json: int = 32 << 20


class Bounds:
    """The middleware that holds :class:`Limits`. Refuses with TOC-601, TOC-603 (413), TOC-604 (408 or 503) and TOC-606 (429)."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, within bounds."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self.running >= self.limits.at_once and scope["path"] != "/healthz":  # busy is not ill
            busy = ServiceError("TOC-606", "too many requests at a time", came=f"{self.running} are running", todo="try again in a second")
            await answer(scope, receive, send, busy, headers={"Retry-After": "1", "Connection": "close"})
        else:
            self.running += 1
            try:
                await _Request(self.limits, scope, receive, send).run(self.app)
            finally:
                self.running -= 1


class _Request:
    """One request on its way through: counts its bytes, watches its clock, and answers in the app's place when it must."""

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self.limits, self.scope, self.receive, self.send = limits, scope, receive, send
        self.known = scope.get("state", {}).get("caller") is not None
        self.most = limits.body if self.known else min(limits.body, limits.stranger)
        self.came = 0
        self.began = asyncio.get_running_loop().time()
        self.refusal: ServiceError | None = None
        self.started = self.waiting = self.late = False

    async def run(self, app: ASGIApp) -> None:
        headers = dict(self.scope["headers"])
        stated = headers.get(b"content-length", b"")
        if stated.isdigit() and int(stated) > self.most:
            self.refusal = self._too_large()
            await self._refuse(expects=b"expect" in headers)
            return
        loop = asyncio.get_running_loop()
        self.clock = loop.call_later(self.limits.seconds, self._look)
        self.other: asyncio.Task[None] | None = None
        try:
            await app(self.scope, self._receive, self._send)
        except Exception:  # the refusal that _receive or _send raised into the app, in whatever form it comes back
            if self.refusal is None:
                raise
        finally:
            self.clock.cancel()
            if self.other is not None:
                await self.other
        if self.refusal is not None and not self.started:
            await self._refuse()

    async def _receive(self) -> Message:
        self.waiting = True
        message = await self.receive()
        self.waiting = False
        self.came += len(message.get("body", b""))
        if self.came > self.most and self.refusal is None:
            self.refusal = self._too_large()
        if self.refusal is not None:
            raise self.refusal
        return message

    async def _send(self, message: Message) -> None:
        if self.refusal is not None and not self.started:
            return  # what the app makes of a body cut short is of no interest
        if self.late:
            return
        self.started = True
        self.clock.cancel()
        await self.send(message)

    def _look(self) -> None:
        """The seconds are over: a body that keeps coming gets more, everything else is answered now."""
        loop = asyncio.get_running_loop()
        due = self.began + self.limits.seconds + self.came / _SLOWEST
        if self.waiting and due > loop.time() + 0.05:
            self.clock = loop.call_at(due, self._look)
        elif not self.started and self.refusal is None:
            self.late = True
            self.other = loop.create_task(self._tell())

    async def _tell(self) -> None:
        """Beside the app, which cannot be stopped inside a thread: the client hears now, the work's own answer goes nowhere."""
        slow = self.waiting
        what = "the request did not arrive in time" if slow else "the answer took too long"
        error = ServiceError("TOC-604", what, came=f"more than {self.limits.seconds:g} s",
                             todo="send it faster" if slow else "send fewer rows at a time, or try again later")
        headers = {"Connection": "close"} if slow else {"Connection": "close", "Retry-After": "5"}
        await answer(self.scope, self.receive, self.send, error, status=408 if slow else 503, headers=headers)

    def _too_large(self) -> ServiceError:
        if not self.known:
            return ServiceError("TOC-601", "a request of this size needs a key", came=f"more than {self.most:,} bytes without a valid key",
                                todo="send a key as 'Authorization: Bearer tk_…'; `tocsin keys create` makes one")
        return ServiceError("TOC-603", "the request is too large", came=f"more than {self.most:,} bytes",
                            todo="send it in parts, or start the service with a larger --max-body-mb")

    async def _refuse(self, *, expects: bool = False) -> None:
        assert self.refusal is not None
        if not expects:
            await self._drain()
        await answer(self.scope, self.receive, self.send, self.refusal, headers={"Connection": "close"})

    async def _drain(self) -> None:
        """Read a little more: whoever is still writing would otherwise meet a closed connection and never read why."""
        try:
            async with asyncio.timeout(_LINGER):
                left = _LEFT_OVER
                while left > 0:
                    message: dict[str, Any] = dict(await self.receive())
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return
