"""``/ws`` at the front: whoever comes is told where their stage is, and says it there again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import NoReturn

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.api.auth import Gate
from app.api.client_messages import AttachMessage, ClientMessage, StartMessage, parse
from app.api.close_codes import ELSEWHERE, close_code_of
from app.api.paced_socket import STRANGER_BYTES
from app.api.server_messages import ElsewhereMessage, ErrorMessage
from app.api.whereabouts import socket_at
from app.cluster.lobby import Lobby
from app.cluster.reception import Reception
from app.cluster.whereabouts import Whereabouts
from app.errors import Refusal
from app.peer_address import address_of
from app.session_ref import bare
from app.tallies import REFUSALS

logger = logging.getLogger(__name__)

GOODBYE_S = 2.0  # for what is said at the end
FRAME_BYTES = 100  # that a message counts for beside what it says


class FrontSocket:
    """Reads one message of a socket, answers it, and closes."""

    def __init__(self, lobby: Lobby, gate: Gate, reception: Reception, whereabouts: Whereabouts) -> None:
        self._lobby, self._gate, self._reception, self._whereabouts = lobby, gate, reception, whereabouts

    async def __call__(self, socket: WebSocket) -> None:
        """Serve a socket."""
        await socket.accept()
        said: ElsewhereMessage | ErrorMessage
        try:
            said = ElsewhereMessage(url=await self._answer(socket))
            code = ELSEWHERE
        except WebSocketDisconnect:
            return
        except Refusal as refusal:
            REFUSALS.note("ws", refusal.code)
            logger.info("socket: refused, %s: %s", refusal.code, refusal.message)
            said, code = ErrorMessage(code=refusal.code, message=refusal.message), close_code_of(refusal)
        except Exception:
            logger.exception("socket: a message could not be handled")
            said = ErrorMessage(code="internal_error", message="Something broke on the server; start again.")
            code = close_code_of(Refusal(said.code, said.message))
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
            async with asyncio.timeout(GOODBYE_S):
                if socket.client_state is WebSocketState.CONNECTED:
                    await socket.send_text(said.model_dump_json())
                    await socket.close(code)

    async def _answer(self, socket: WebSocket) -> str:
        """Return where the first message is to be said.

        Raises:
            Refusal: whatever it is refused for.
            WebSocketDisconnect: who connected has gone.
        """
        message = parse(await self._first_text(socket))
        answering = asyncio.create_task(self._answer_to(message, socket), name="answer")
        hearing = asyncio.create_task(self._hear_out(socket), name="what follows")
        try:
            await asyncio.wait((answering, hearing), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else hearing.result()
        finally:
            for task in (answering, hearing):
                task.cancel()
            await asyncio.gather(answering, hearing, return_exceptions=True)

    async def _answer_to(self, message: ClientMessage, socket: WebSocket) -> str:
        if isinstance(message, StartMessage):
            caller = await self._gate.check_key_text(socket, message.key)
            address = address_of(socket.client and socket.client.host)
            placed = await self._reception.place("place", message.request(caller.id, address))
            return str(placed["place"]["url"])
        if isinstance(message, AttachMessage):
            self._gate.tokens.check(message.token, bare(message.session), "feed")
            at = await self._whereabouts.find(message.session)
            if at is None:
                raise Refusal("no_such_session", "There is no such session, or it has ended; make another.")
            return socket_at(self._lobby.settings.shown(at.url), at.ref)
        raise Refusal("not_started", 'Send "start" or "attach" before anything else.')

    @staticmethod
    async def _hear_out(socket: WebSocket) -> NoReturn:
        """Take what is said beside the first message, which counts for nothing here.

        Raises:
            Refusal: ``too_many_messages``, once that is more than a message may be.
            WebSocketDisconnect: who connected has gone, and needs no answer.
        """
        heard = 0
        while heard <= STRANGER_BYTES:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1000))
            heard += FRAME_BYTES + len(received.get("text") or received.get("bytes") or b"")
        raise Refusal("too_many_messages", "Wait for the answer, and say the rest where it sends you.")

    async def _first_text(self, socket: WebSocket) -> str:
        patience_s = self._lobby.settings.start_timeout_s
        try:
            async with asyncio.timeout(patience_s):
                received = await socket.receive()
        except TimeoutError:
            raise Refusal("idle_timeout", f"Nothing was sent for {patience_s:.0f} s.") from None
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1000))
        text = received.get("text")
        if len(text if text is not None else received.get("bytes") or b"") > STRANGER_BYTES:
            raise Refusal("message_too_large", f"Send messages of at most {STRANGER_BYTES // 1024} KiB here.")
        if text is None:
            raise Refusal("not_started", 'Send "start" or "attach" before anything else.')
        return str(text)
