"""The WebSocket route: one socket is one session, from ``start`` to whichever end comes first."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.api.liveness import ABORT, GONE
from app.api.messages import (
    BAD_MESSAGE,
    IDLE,
    MAX_BINARY_BYTES,
    OUR_FAULT,
    TOO_LARGE,
    Flush,
    Interrupt,
    Offer,
    ProtocolError,
    Start,
    Stop,
    parse,
)
from app.api.outbox import Outbox
from app.sessions.service import Service
from app.sessions.session import Event, Session

logger = logging.getLogger(__name__)

OUTBOX_LIMIT = 256  # messages to a client that does not read
GOODBYE_S = 2  # for what is still to be said at the end
CLOSE_NORMAL = 1000


class Conversation:
    """Everything said on one socket.

    Reading and writing are tasks of their own, so that an event is sent while a message is handled, and a
    session that fails ends the reading.
    """

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self._socket, self._service = socket, service
        self._session: Session | None = None
        self._outbox = Outbox(OUTBOX_LIMIT)
        self._failure: asyncio.Future[ProtocolError] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Hold the conversation, then free everything, whoever ended it."""
        await self._socket.accept()
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        # the news of a lost connection queues behind unread messages, so a held-back reader never gets it
        lost: asyncio.Event = self._socket.scope.get("extensions", {}).get(GONE, asyncio.Event())
        gone = asyncio.create_task(lost.wait())
        refusal: ProtocolError | None = None
        try:
            waiting: set[asyncio.Future[Any]] = {reader, writer, gone, self._failure}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                refusal = self._failure.result()
            elif not gone.done():
                refusal = await _outcome(reader if reader.done() else writer)
        finally:
            for task in (reader, writer, gone):
                task.cancel()
            await asyncio.gather(reader, writer, gone, return_exceptions=True)
            if self._session is not None:
                await self._service.close(self._session)
        if not lost.is_set():
            await self._hang_up(refusal)

    async def _read(self) -> None:
        settings = self._service.settings
        while True:
            patience_s = settings.idle_timeout_s if self._session else settings.start_timeout_s
            try:
                async with asyncio.timeout(patience_s):
                    message = await self._socket.receive()
            except TimeoutError:
                raise ProtocolError(IDLE, "idle_timeout", f"Nothing was sent for {patience_s:.0f} s.") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", CLOSE_NORMAL))
            text = message.get("text")
            if text is not None:
                if await self._on_text(text):
                    return
                # messages that have come already are received without a wait, and the writer must keep up with them
                await asyncio.sleep(0)
            else:
                await self._on_audio(message.get("bytes") or b"")

    async def _on_text(self, text: str) -> bool:
        """Act on one text message; returns whether it ended the session."""
        message = parse(text)
        if isinstance(message, Start):
            await self._on_start(message)
            return False
        session = self._started()
        match message:
            case Offer():
                self._send(await session.offer(message.sdp))
            case Flush():
                await session.flush()
            case Interrupt():
                self._send(session.interrupt())
            case Stop():
                return True
        return False

    async def _on_start(self, start: Start) -> None:
        if self._session is not None:
            raise ProtocolError(BAD_MESSAGE, "already_started", 'Send "start" once a socket.')
        self._session = await self._service.open(start, self._send, self._fail)
        self._send(self._session.started())

    async def _on_audio(self, data: bytes) -> None:
        if len(data) > MAX_BINARY_BYTES:
            limit = MAX_BINARY_BYTES // (1024 * 1024)
            raise ProtocolError(TOO_LARGE, "message_too_large", f"Send audio in messages of at most {limit} MiB.")
        await self._started().feed_audio(data)

    def _started(self) -> Session:
        if self._session is None:
            raise ProtocolError(BAD_MESSAGE, "not_started", 'Send "start" before anything else.')
        return self._session

    def _fail(self, error: ProtocolError) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    def _send(self, event: Event) -> None:
        """Queue a message; a client that does not read loses old stats, then its session, never anything else."""
        if not self._outbox.put(event):
            self._fail(
                ProtocolError(IDLE, "not_reading", f"{OUTBOX_LIMIT} messages wait to be read; read them as they come.")
            )

    async def _write(self) -> None:
        while True:
            await self._socket.send_json(await self._outbox.get())

    async def _hang_up(self, refusal: ProtocolError | None) -> None:
        if self._socket.client_state is not WebSocketState.CONNECTED:
            return
        if refusal is not None:
            logger.info("socket: refused, %s: %s", refusal.code, refusal.message)
        try:
            async with asyncio.timeout(GOODBYE_S):  # who does not read does not read this either
                for event in self._outbox.take_all():
                    await self._socket.send_json(event)
                if refusal is not None:
                    await self._socket.send_json({"type": "error", "code": refusal.code, "message": refusal.message})
                await self._socket.close(refusal.close_code if refusal else CLOSE_NORMAL)
        except TimeoutError:
            logger.info("socket: ended without a goodbye")
            self._socket.scope.get("extensions", {}).get(ABORT, lambda: None)()
        except (RuntimeError, WebSocketDisconnect, OSError):
            logger.info("socket: gone before the goodbye")


async def _outcome(ended: asyncio.Task[None]) -> ProtocolError | None:
    """Return why a conversation ended, None for a goodbye or a closed socket."""
    try:
        await ended
    except ProtocolError as refusal:
        return refusal
    except (WebSocketDisconnect, RuntimeError, OSError) as error:
        logger.info("socket: closed (%s)", type(error).__name__)
    except Exception:
        logger.exception("socket: a message could not be handled")
        return ProtocolError(OUR_FAULT, "internal_error", "Something broke on the server; start again.")
    return None


async def talk(socket: WebSocket, service: Service) -> None:
    """Serve ``/ws``."""
    await Conversation(socket, service).run()
