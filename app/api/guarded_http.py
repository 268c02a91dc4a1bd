"""HTTP that waits for nobody for ever: requests come at a pace, and within their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.api.doorkeeper import HANDSHAKE_TOKENS, SOCKET_TOKENS, Doorkeeper
from app.api.pace import Share
from app.tallies import LIMITS

CHECK_S = 1.0
HEAD_BYTES = 16 * 1024  # of a request, most of which are under 2 KB
HEAD_SLICE_BYTES, CHUNKED_SLICE_BYTES, BODY_SLICE_BYTES = 4 * 1024, 1024, 64 * 1024  # until others have their turn
SLICE_TOKENS, LINE_TOKENS = 0.05, 0.02  # of the address's allowance: for a piece of a body, for each line of the rest
SLOWEST_BYTES_S = 4 * 1024  # at which a body comes, and an answer is taken, beyond the first seconds
ANSWER_S = 30.0  # those, for an answer


class GuardedHttp(H11Protocol):
    """uvicorn's HTTP/1.1, which has no time limit before the end of a request.

    A head must come within ``header_timeout_s``, a body at ``SLOWEST_BYTES_S`` beyond that, and an answer must be taken
    as fast; a connection that does not keep to it is cut off. What comes is parsed a slice at a time. Requests take
    tokens of the address's allowance; where there are none, the next one waits, unread.

    Bound: what one read of the network gives (256 KiB), and ``HEAD_BYTES`` of a head. Full: the network is not read.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        doorkeeper: Doorkeeper,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._doorkeeper = doorkeeper
        self._share: Share | None = None
        self._unread = bytearray()
        self._turn: asyncio.Handle | None = None  # of this connection, when its time has come
        self._held: asyncio.Handle | None = None  # the next request, as the allowance is used up
        self._upgraded = False
        self._check: asyncio.TimerHandle | None = None
        self._waited_s = 0.0  # for the head, or the body, that is coming
        self._body_bytes = 0
        self._untaken_s, self._untaken_bytes = 0.0, 0  # of an answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start watching."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._soon)
        if self.client is not None and self.client[0] not in self._doorkeeper.proxies:
            self._share = self._doorkeeper.requests(self.client[0], self.loop.time())
        self._check = self.loop.call_later(CHECK_S, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching, and give everything back."""
        self._stop()
        self._unread.clear()
        if self.client is not None:
            self._doorkeeper.connections.leave(self.client)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, at its pace."""
        self._unread += data
        if self._turn is None:
            self._read_on()

    def handle_events(self) -> None:
        """Act on what was parsed; a further request waits where there were too many."""
        if self._held is not None:
            return
        if self.conn.their_state is h11.IDLE and self._share is not None:
            wait_s = self._share.wait_s(self.loop.time())
            if wait_s and self.conn.trailing_data[0]:
                self._held = self.loop.call_later(wait_s, self._release)
                return
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._waited_s, self._body_bytes = 0.0, 0
            self._charge(HANDSHAKE_TOKENS)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the connection to its WebSocket."""
        self._stop()
        self._upgraded = True
        self._charge(SOCKET_TOKENS)
        super().handle_websocket_upgrade(event)
        self.transport.resume_reading()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._waited_s = 0.0
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Note that an answer is being taken."""
        self._untaken_s = 0.0
        super().resume_writing()

    def _charge(self, tokens: float) -> None:
        if self._share is not None:
            self._share.take(tokens, self.loop.time())

    def _release(self) -> None:
        self._held = None
        self.handle_events()
        self._read_on()

    def _soon(self) -> None:
        if self._turn is None and not self._upgraded:
            self._turn = self.loop.call_soon(self._have_turn)

    def _have_turn(self) -> None:
        self._turn = None
        self._read_on()

    def _read_on(self) -> None:
        """Parse a slice; what is left has its turn when others had theirs."""
        if self._unread and self._held is None and not self.flow.read_paused and not self.transport.is_closing():
            wait_s = self._share.wait_s(self.loop.time()) if self._share is not None else 0.0
            if wait_s:
                self._held = self.loop.call_later(wait_s, self._release)
            else:
                self._parse_slice()
            if self._upgraded:
                return
        if self.transport.is_closing():
            return
        if self._unread or self._held is not None:
            self.transport.pause_reading()
            if self._held is None and not self.flow.read_paused:
                self._soon()
        elif not self.flow.read_paused:
            self.transport.resume_reading()

    def _parse_slice(self) -> None:
        is_body = self.conn.their_state is h11.SEND_BODY
        is_chunked = is_body and any(name == b"transfer-encoding" for name, _ in self.headers)
        count = CHUNKED_SLICE_BYTES if is_chunked else BODY_SLICE_BYTES if is_body else HEAD_SLICE_BYTES
        piece = bytes(memoryview(self._unread)[:count])
        del self._unread[:count]
        if is_body:
            self._body_bytes += len(piece)
            self._charge(SLICE_TOKENS + (LINE_TOKENS * piece.count(b"\n") if is_chunked else 0))
        else:
            self._charge(LINE_TOKENS * piece.count(b"\n"))
        super().data_received(piece)

    def _watch(self) -> None:
        self._check = self.loop.call_later(CHECK_S, self._watch)
        if self._is_overdue() or self._is_untaken():
            LIMITS.note("too_slow")
            self.transport.abort()

    def _is_overdue(self) -> bool:
        """Whether a request takes too long to come; that we do not read it ourselves does not count."""
        if self.conn.their_state is h11.DONE or self._held is not None or self.flow.read_paused or self._unread:
            return False
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is not None:
            return False  # nothing has come of the next one
        self._waited_s += CHECK_S
        allowed_s = self._doorkeeper.header_timeout_s
        if self.conn.their_state is h11.SEND_BODY:
            allowed_s += self._body_bytes / SLOWEST_BYTES_S
        return self._waited_s > allowed_s

    def _is_untaken(self) -> bool:
        """Whether an answer takes too long to be taken."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            self._untaken_s = 0.0
            return False
        if not self._untaken_s:
            self._untaken_bytes = waiting
        self._untaken_s += CHECK_S
        return self._untaken_s > ANSWER_S + self._untaken_bytes / SLOWEST_BYTES_S

    def _stop(self) -> None:
        for each in (self._turn, self._held, self._check):
            if each is not None:
                each.cancel()
        self._turn = self._held = self._check = None


class _Flow(FlowControl):
    """uvicorn's back-pressure, which lets the connection decide when it reads on."""

    def __init__(self, transport: asyncio.Transport, on_resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_resume = on_resume

    def resume_reading(self) -> None:
        """Have what was left read first."""
        if self.read_paused:
            self.read_paused = False
            self._on_resume()
