"""The HTTP protocol with an end to its patience: who opens a connection must send a whole head soon, for each request.

The server library waits for ever for the head of a request; a few hundred silent connections would then hold all it has (Slowloris).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, h11  # its own parser, in its own version

from tocsin.core.errors import ConfigError
from tocsin.interfaces.server.problem import document

PATIENCE = 10.0  # seconds for the head of a request


class Wire(H11Protocol):
    """The library's own protocol, with a clock on heads, and our form for what cannot be read."""

    patience = PATIENCE
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection was opened."""
        super().connection_made(transport)
        self._wind()

    def data_received(self, data: bytes) -> None:
        """Bytes came: part of a head keeps the clock running, a whole head stops it."""
        super().data_received(data)
        self._wind()

    def on_response_complete(self) -> None:
        """A response is out; what follows on this connection is a new head."""
        super().on_response_complete()
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so, in the form of every other problem."""
        error = ConfigError("TOC-256", "the request cannot be read", came="no valid HTTP request", todo="use HTTP/1.1")
        body = json.dumps(document(error)).encode()
        headers = [("content-type", "application/problem+json"), ("content-length", str(len(body))), ("connection", "close")]
        for event in (h11.Response(status_code=400, headers=headers, reason=b"Bad Request"), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wind(self) -> None:
        """Run the clock while a head is awaited. The pause between two requests is the library's own, shorter clock."""
        if self.conn.their_state is not h11.IDLE or self.timeout_keep_alive_task is not None:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.patience, self._give_up)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _give_up(self) -> None:
        self._clock = None
        if not self.transport.is_closing():
            self.transport.close()
