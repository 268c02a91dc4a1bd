"""``/ws``: a session of one's own, fed and watched on one socket (``start``), or feeding another (``attach``)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.api.auth import Gate
from app.api.beginnings import Beginnings
from app.api.client_messages import (
    AttachMessage,
    FlushMessage,
    InterruptMessage,
    ListeningMessage,
    MarkMessage,
    MoodMessage,
    OfferMessage,
    SayMessage,
    StartMessage,
    StopMessage,
    UtteranceMessage,
    parse,
)
from app.api.close_codes import ELSEWHERE, close_code_of
from app.api.interrupts import Interrupts
from app.api.liveness import ABORT, GONE, PINGED
from app.api.media_wait import MediaWait
from app.api.pace import Allowance, Rate
from app.api.paced_socket import BEGUN, TOO_LARGE
from app.api.server_messages import AnswerMessage, ElsewhereMessage, ErrorMessage, ServerMessage, message_of, started
from app.api.whereabouts import Elsewhere, Whereabouts
from app.errors import Refusal
from app.inference.mood import Mood
from app.ingest.pcm import PcmFormat
from app.log_context import SESSION
from app.rtc.viewer import Viewer
from app.sessions.event_queue import EventQueue
from app.sessions.events import Failed
from app.sessions.feeder import Feeder
from app.sessions.service import Service
from app.sessions.session import Session
from app.tallies import REFUSALS

logger = logging.getLogger(__name__)

SEND_S = 20  # that a message may wait for a client to read those before it
GOODBYE_S = 2  # for what is still to be said at the end
LEASE_TRIES, LEASE_PAUSE_S = 10, 0.05  # news of a socket that was closed may come behind the next one's
CLOSE_NORMAL = 1000
# of texts, and of sound in messages that carry next to none: a thousand utterances, each with its end and its mark
LIGHT = Rate(per_s=100, at_once=4000)
LIGHT_BYTES = 64  # a message of less sound is light; 10 ms at the lowest rate are 160


class Conversation:
    """Everything said on one socket.

    Reading and telling events are tasks of their own, so that an event is sent while a message is handled. The first of
    them to end ends the conversation, as do a lost connection and a viewer who is lost.
    """

    def __init__(self, socket: WebSocket, service: Service, beginnings: Beginnings) -> None:
        self._socket, self._service, self._beginnings = socket, service, beginnings
        self._extensions: dict[str, Any] = socket.scope.get("extensions", {})
        self._light = Allowance(LIGHT, _now_s())
        self._interrupts = Interrupts(self._interrupt)
        self._media = MediaWait(service.settings.media_timeout_s)
        self._owns = False  # the session, which then ends with the conversation
        self._format = PcmFormat()  # of the sound, as the first message announced it
        self._session: Session | None = None
        self._feeder: Feeder | None = None
        self._viewer: Viewer | None = None
        self._events: EventQueue | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._failure: Refusal | None = None  # the session's own, which goes before any other
        self._one_ended = asyncio.Event()
        self._goodbye_code = CLOSE_NORMAL

    async def run(self) -> None:
        """Hold the conversation, then free everything, whoever ended it."""
        await self._socket.accept()
        # the news of a lost connection queues behind unread messages, so a held-back reader never gets it
        lost: asyncio.Event = self._extensions.get(GONE, asyncio.Event())
        self._spawn(self._read())
        self._spawn(lost.wait())
        refusal: Refusal | None = None
        try:
            await self._one_ended.wait()
            if not lost.is_set():
                outcomes = [await _outcome(task) for task in self._tasks if task.done()]
                refusal = next((outcome for outcome in outcomes if outcome is not None), None)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._interrupts.close()
            if self._feeder is not None:
                self._feeder.leave()
            if self._owns and self._session is not None:
                await self._service.close(self._session)
        if self._session is not None:
            SESSION.set(self._session.id)
        if not lost.is_set():
            await self._hang_up(refusal)
        if self._events is not None:
            self._events.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(lambda done: self._one_ended.set())

    async def _read(self) -> None:
        settings = self._service.settings
        while True:
            patience_s = settings.idle_timeout_s if self._session else settings.start_timeout_s
            try:
                async with asyncio.timeout(patience_s):
                    message = await self._socket.receive()
            except RuntimeError:  # it was closed
                raise WebSocketDisconnect(CLOSE_NORMAL) from None
            except TimeoutError:
                if self._session is not None and self._pinged_ago_s() < patience_s:
                    continue
                raise Refusal("idle_timeout", f"Nothing was sent for {patience_s:.0f} s.") from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", CLOSE_NORMAL))
            if await self._on_message(message):
                return
            # messages that have come already are received without a wait, and who tells events must keep up
            await asyncio.sleep(0)

    async def _on_message(self, received: Mapping[str, Any]) -> bool:
        """Act on one message; returns whether it ended the session."""
        if TOO_LARGE in received:
            raise Refusal("message_too_large", f"Send messages of at most {received[TOO_LARGE] // 1024} KiB here.")
        text, sound = received.get("text"), received.get("bytes") or b""
        if text is not None or len(sound) < LIGHT_BYTES:
            self._count_light()
        if text is not None:
            return await self._on_text(text)
        self._interrupts.settle()
        await self._on_audio(sound)
        return False

    def _count_light(self) -> None:
        now_s = _now_s()
        if self._light.wait_s(now_s):
            limit = f"{LIGHT.per_s:.0f} a second and {LIGHT.at_once:.0f} at once"
            raise Refusal(
                "too_many_messages",
                f"Send fewer messages that are texts or carry less than {LIGHT_BYTES} bytes of sound: {limit}.",
            )
        self._light.take(1, now_s)

    def _interrupt(self, answers: int) -> None:
        if self._session is not None:
            self._session.interrupt(answers=answers)

    async def _on_text(self, text: str) -> bool:
        """Act on one text; returns whether it ended the session."""
        message = parse(text)
        if not isinstance(message, InterruptMessage):
            self._interrupts.settle()
        if isinstance(message, StartMessage | AttachMessage):
            try:
                await self._begin(message)
            except Elsewhere as elsewhere:
                self._goodbye_code = ELSEWHERE
                await self._send(ElsewhereMessage(url=elsewhere.url))
                return True
            return False
        session, feeder = self._started()
        match message:
            case UtteranceMessage():
                feeder.utterance(message.id, message.format(self._format))
            case SayMessage():
                self._media.heard()
                feeder.say(self._service.speech.speak(message.text, message.voice), message.utterance)
            case MarkMessage():
                feeder.mark(message.id)
            case MoodMessage():
                mood = Mood.of(message.name, message.strength)
                if message.when == "now":
                    session.feel(mood)
                else:
                    feeder.feel(mood)
            case ListeningMessage():
                if message.state is not None:
                    session.listen(message.state)
                session.hear(message.levels)
            case OfferMessage():
                await self._on_offer(session, message.sdp)
            case FlushMessage():
                await feeder.flush()
            case InterruptMessage():
                self._interrupts.ask()
            case StopMessage():
                return True
        return False

    async def _begin(self, message: StartMessage | AttachMessage) -> None:
        if self._session is not None:
            raise Refusal("already_started", 'Send "start" or "attach" once a socket.')
        if isinstance(message, StartMessage):
            session = await self._beginnings.start(self._socket, message)
            self._owns = True
            self._spawn(self._media.run(session.watched))
        else:
            session = self._beginnings.attach(message)
        self._session, self._format = session, message.format
        self._feeder = feeder = await _lease(session, message.format)
        after = message.after if isinstance(message, AttachMessage) else None
        self._events = session.events(feeder.told_seq if after is None else after)
        if feeder.told_seq is None:
            feeder.told_seq = session.last_seq
        self._extensions.get(BEGUN, lambda: None)()
        # they begin once this one waits, which "started" does only behind more than a socket takes
        self._spawn(self._tell(self._events, feeder))
        self._spawn(self._events.overflow())  # noticed although telling waits for who does not read
        await self._send(started(session))

    async def _on_offer(self, session: Session, sdp: str) -> None:
        if not self._owns:
            raise Refusal("offer_after_attach", "A session is watched here by who starts it; others watch over WHEP.")
        if self._viewer is not None:
            raise Refusal("already_connected", "Send one offer a session; start another to reconnect.")
        with self._media.excused():
            await self._service.entrance.admit(session)
        self._viewer, answer = await session.view(sdp)
        self._spawn(self._watch(self._viewer))
        await self._send(AnswerMessage(sdp=answer))

    async def _on_audio(self, data: bytes) -> None:
        _, feeder = self._started()
        if data:
            self._media.heard()
        await feeder.push(data)

    def _started(self) -> tuple[Session, Feeder]:
        if self._session is None or self._feeder is None:
            raise Refusal("not_started", 'Send "start" or "attach" before anything else.')
        return self._session, self._feeder

    async def _tell(self, events: EventQueue, feeder: Feeder) -> None:
        async for told in events:
            if isinstance(told.event, Failed):
                self._failure = told.event.why
                return
            await self._send(message_of(told))
            feeder.told_seq = told.seq or feeder.told_seq
            await asyncio.sleep(0)  # a thousand may wait, and nothing else here does
        raise Refusal("session_over", "This session has ended; make another.")

    def _pinged_ago_s(self) -> float:
        ago: float = self._extensions.get(PINGED, lambda: math.inf)()
        return ago

    async def _watch(self, viewer: Viewer) -> None:
        """End with the viewer: nobody else sees this face."""
        why = await viewer.ended()
        if why is not None:
            raise why

    async def _send(self, message: ServerMessage) -> None:
        said = message.model_dump_json()
        try:
            async with asyncio.timeout(SEND_S):
                await self._socket.send_text(said)
        except TimeoutError:
            raise Refusal("not_reading", f"Nothing was read for {SEND_S} s; read messages as they come.") from None
        except (RuntimeError, OSError):  # it was closed
            raise WebSocketDisconnect(CLOSE_NORMAL) from None

    async def _hang_up(self, refusal: Refusal | None) -> None:
        if self._socket.client_state is not WebSocketState.CONNECTED:
            return
        refusal = self._failure or refusal
        if refusal is not None:
            REFUSALS.note("ws", refusal.code)
            logger.info("socket: refused, %s: %s", refusal.code, refusal.message)
        try:
            async with asyncio.timeout(GOODBYE_S):  # who does not read does not read this either
                if self._events and self._feeder and (refusal is None or refusal.code != "not_reading"):
                    if not self._owns:
                        self._events.end()  # the session goes on
                    with contextlib.suppress(Refusal):
                        await self._tell(self._events, self._feeder)
                refusal = self._failure or refusal
                if refusal is not None:
                    await self._send(ErrorMessage(code=refusal.code, message=refusal.message))
                await self._socket.close(close_code_of(refusal) if refusal else self._goodbye_code)
        except TimeoutError:
            logger.info("socket: ended without a goodbye")
            self._extensions.get(ABORT, lambda: None)()
        except (RuntimeError, WebSocketDisconnect, OSError):
            logger.info("socket: gone before the goodbye")


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _lease(session: Session, format: PcmFormat) -> Feeder:
    """Lease the place for a feeder, of whom the one before may just be leaving.

    Raises:
        Refusal: as ``session.feeder`` does.
    """
    for _ in range(LEASE_TRIES):
        try:
            return session.feeder(format)
        except Refusal as refused:
            if refused.code != "already_fed":
                raise
        await asyncio.sleep(LEASE_PAUSE_S)
    return session.feeder(format)


async def _outcome(ended: asyncio.Task[Any]) -> Refusal | None:
    """Return why a conversation ended, None for a goodbye or a closed socket."""
    try:
        await ended
    except Refusal as refusal:
        return refusal
    except WebSocketDisconnect:
        logger.info("socket: closed")
    except Exception:
        logger.exception("socket: a message could not be handled")
        return Refusal("internal_error", "Something broke on the server; start again.")
    return None


async def talk(socket: WebSocket, service: Service, gate: Gate, whereabouts: Whereabouts | None = None) -> None:
    """Serve ``/ws``, of a stage where there are ``whereabouts``."""
    await Conversation(socket, service, Beginnings(service, gate, whereabouts)).run()
