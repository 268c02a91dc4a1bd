"""Dead sockets are noticed within seconds, and only dead ones."""

from __future__ import annotations

import asyncio
import math
import select
import socket
from functools import partial
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from websockets.http11 import Request

from app.api.client_messages import MAX_BINARY_BYTES
from app.api.doorkeeper import Doorkeeper
from app.api.paced_socket import PacedWebSocket

PING_INTERVAL_S = 1.5
PING_TIMEOUT_S = 2.5
HANG_UP_CHECK_S = 1.0
UNCONFIRMED_S = 5.0  # that what was sent to a paused peer may go without its machine's word that it came
GONE = "lipwire.gone"  # among the scope's extensions: an asyncio.Event, set when the connection is lost
PINGED = "lipwire.pinged"  # and a call that returns how many seconds ago the peer sent a ping, infinite for never
ABORT = "lipwire.abort"  # and a call that ends the connection without a goodbye
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class PatientWebSocket(PacedWebSocket):
    """A WebSocket with a keep-alive that understands back-pressure.

    A pong queues behind the audio that a paused session does not read, so an unanswered ping proves nothing
    while reading is paused or bytes keep coming. A socket that is found dead is aborted: closing it in order
    would wait for a peer that is not there. Nor does a paused socket's end show itself, as it stands behind
    what is not read; the kernel is asked for it, and, where it can, to end a connection that went dark.
    """

    _heard_at = 0.0
    _pinged_at = -math.inf
    _hang_up_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start watching."""
        super().connection_made(transport)
        self._gone = asyncio.Event()
        self._watch_for_hang_up()

    def handle_connect(self, event: Request) -> None:
        """Hand the application, with the connection, the event of its end and a way to end it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[GONE] = self._gone
            extensions[ABORT] = self.transport.abort
            extensions[PINGED] = lambda: self.loop.time() - self._pinged_at

    async def send(self, message: ASGISendEvent) -> None:
        """Take an answer instead of a handshake for its end: uvicorn would log a fault of the application."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._hang_up_timer is not None:
            self._hang_up_timer.cancel()
        self._gone.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note that the peer lives."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def handle_ping(self) -> None:
        """Answer, and note it: who pings wants to stay."""
        self._pinged_at = self.loop.time()
        super().handle_ping()

    def keepalive_timeout(self) -> None:
        """Judge an unanswered ping."""
        if self.held_back or self._heard_at > self.ping_sent_at:
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self.transport.abort()

    def _watch_for_hang_up(self) -> None:
        self._hang_up_timer = self.loop.call_later(HANG_UP_CHECK_S, self._watch_for_hang_up)
        _expect_confirmation(self.transport, UNCONFIRMED_S if self.held_back else 0)
        if self.held_back and _hung_up(self.transport):
            self.transport.abort()


def _expect_confirmation(transport: asyncio.Transport, within_s: float) -> None:
    """Have the kernel end a connection whose peer confirms nothing any more; 0: in its own time, many minutes."""
    if hasattr(socket, "TCP_USER_TIMEOUT") and not transport.is_closing():  # Linux
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(within_s * 1000))


def _hung_up(transport: asyncio.Transport) -> bool:
    descriptor = transport.get_extra_info("socket").fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, HUNG_UP)
    return any(events & HUNG_UP for _, events in poll.poll(0))


def websocket_options(doorkeeper: Doorkeeper) -> dict[str, Any]:
    """Return what uvicorn needs for this: as keyword arguments of its ``Config``."""
    return {
        "ws": partial(PatientWebSocket, doorkeeper=doorkeeper),
        "ws_ping_interval": PING_INTERVAL_S,
        "ws_ping_timeout": PING_TIMEOUT_S,
        "ws_per_message_deflate": False,  # speech does not shrink, and it costs time
        "ws_max_size": MAX_BINARY_BYTES,  # a second lock: PacedWebSocket looks at the heads before
    }
