"""A WebSocket that is read frame by frame, no faster than its share, and never further than may be."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

from app.api.client_messages import MAX_BINARY_BYTES, MAX_TEXT_BYTES
from app.api.doorkeeper import Doorkeeper
from app.api.frame_gauge import FIRST_CONTROL, OPCODE, FrameGauge, FrameHead
from app.memory import RESERVE
from app.tallies import LIMITS

STRANGER_BYTES = 64 * 1024  # of a message of who has not begun
FRAMES_A_TURN = 16  # until others have theirs
TEXT_TOKENS, TOKEN_TEXT_BYTES = 4, 100  # for a text, and so many bytes of it take one more
OTHER_TOKENS, TOKEN_BYTES = 1, 16 * 1024
KERNEL_BYTES = 64 * 1024  # of what is sent; messages are small, and the kernel would take megabytes
UNTAKEN_S = 25.0  # that a client may leave us with a full write buffer; what waits to tell it something gives up first
BEGUN = "lipwire.begun"  # among the scope's extensions: a call that says that the socket has its session
TOO_LARGE = "lipwire.too_large"  # in a message that was not read, as it would be longer than this


class PacedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, fed a frame at a time.

    A frame is looked at before it is read: each takes tokens of the socket's share (:class:`Doorkeeper`), so that
    whoever sends faster is read more slowly. What would make a message too long is never kept: the application hears of
    it in its place. One message waits for the application at most, and behind it only bytes.

    Bound: what one read of the network gives (256 KiB), and one message of ``MAX_BINARY_BYTES``, of ``STRANGER_BYTES``
    before the socket has begun. Full: the network is not read. A client that takes nothing that is sent to it is not
    heard until it does, and cut off after ``UNTAKEN_S``.
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
        self._doorkeeper, self._share = doorkeeper, doorkeeper.stranger(self.loop.time())
        self._gauge = FrameGauge()
        self._unread = bytearray()
        self._frame_left, self._skips = 0, False  # of the frame that is being read; whether it is for nobody
        self._deaf = False  # to all messages, as one was too long
        self._most_bytes = STRANGER_BYTES
        self._begun = False  # it has a session
        self._wanted = False  # the application waits for a message
        self._blocked = False  # what has come is not read on
        self._turn: asyncio.Handle | None = None  # the next, when its time has come
        self._untaken: asyncio.TimerHandle | None = None

    @property
    def held_back(self) -> bool:
        """Whether the network is not read: what the peer says stands behind something else."""
        return self.read_paused or self._blocked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have little wait in the kernel for a peer that does not read."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Hand the application, with the connection, a way to say that it has a session."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            cast(dict[str, Any], self.scope["extensions"])[BEGUN] = self._begin

    def data_received(self, data: bytes) -> None:
        """Take the handshake as it is, and the rest at its pace."""
        if not self.handshake_initiated:
            super().data_received(data)
            return
        try:
            self._unread += data
        except MemoryError:  # for a few kilobytes
            RESERVE.give_up()
            self._unread += data
        if self._turn is None:
            self._read_on()
        self._regulate()

    async def receive(self) -> Any:
        """Wait for the next message."""
        self._wanted = True
        if self._turn is None:
            self._read_on()
        self._regulate()
        try:
            message = await super().receive()
        finally:
            self._wanted = False
        self._regulate()  # it has been resumed, though there may be something left
        return message

    async def send(self, message: Any) -> None:
        """Send; after a goodbye the peer's is looked for."""
        await super().send(message)
        if self.close_sent and not self.transport.is_closing():
            self._read_on()
            self._regulate()

    def pause_writing(self) -> None:
        """Give the peer its time to take what waits."""
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(UNTAKEN_S, self._give_up)

    def _give_up(self) -> None:
        LIMITS.note("not_reading")
        self.transport.abort()

    def resume_writing(self) -> None:
        """Go on, as it has."""
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None
        self._read_on()
        self._regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        for timer in (self._turn, self._untaken):
            if timer is not None:
                timer.cancel()
        self._unread.clear()
        if self.client is not None:
            self._doorkeeper.connections.leave(self.client)
        super().connection_lost(exc)

    def _begin(self) -> None:
        if not self._begun:
            self._begun, self._most_bytes = True, MAX_BINARY_BYTES
            self._share = self._doorkeeper.speaker(self.loop.time())

    def _read_on(self) -> None:
        """Read what may be read now; what may not has its turn later."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._blocked = False
        frames = 0
        while self._unread and not self._blocked and not self.transport.is_closing():
            if self._frame_left:
                self._feed()
            elif not (self.handshake_complete and self.writable.is_set() and self._is_wanted()):
                self._blocked = True
            elif (wait_s := self._share.wait_s(self.loop.time())) or frames == FRAMES_A_TURN:
                self._blocked, self._turn = True, self.loop.call_later(wait_s, self._have_turn)
            elif (head := self._gauge.head(self._unread)) is None:
                return
            else:
                frames += 1
                self._enter(head)

    def _have_turn(self) -> None:
        self._turn = None
        self._read_on()
        self._regulate()

    def _is_wanted(self) -> bool:
        """Whether the application can take what comes next."""
        if self._unread[0] & OPCODE >= FIRST_CONTROL or self.close_sent:
            return True
        return not self.read_paused and (self._begun or self._wanted)

    def _enter(self, head: FrameHead) -> None:
        """Begin to read a frame, and decide what becomes of it."""
        if head.is_text:
            tokens = TEXT_TOKENS + head.frame_bytes / TOKEN_TEXT_BYTES
        else:
            tokens = OTHER_TOKENS + head.frame_bytes / TOKEN_BYTES
        self._share.take(tokens, self.loop.time())
        self._frame_left = head.frame_bytes
        if not head.is_control and not self._deaf:
            most = min(MAX_TEXT_BYTES if head.is_text else MAX_BINARY_BYTES, self._most_bytes)
            if head.message_bytes > most:
                self._deaf = True
                refused: Any = {"type": "websocket.receive", "bytes": b"", TOO_LARGE: most}
                self.queue.put_nowait(refused)
                self.read_paused = True
        self._skips = not head.is_control and (self._deaf or self.close_sent)

    def _feed(self) -> None:
        """Hand on what there is of the frame that is being read."""
        count = min(self._frame_left, len(self._unread))
        piece = bytes(memoryview(self._unread)[:count])
        del self._unread[:count]
        self._frame_left -= count
        if not self._skips:
            super().data_received(piece)

    def _regulate(self) -> None:
        if not self.transport.is_closing():
            if self.held_back:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
