"""One session: a voice in, a face out, and everything that lives and dies with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from app.api.messages import BAD_MESSAGE, IDLE, OUR_FAULT, ProtocolError, Start
from app.avatars.avatar import Avatar
from app.clock import Clock, ntp_now
from app.config import IceServer
from app.inference.engine import Engine, Prepared
from app.inference.features.windower import Windower
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.inbox import Mark
from app.ingest.slicer import Slicer
from app.media import NS_PER_S, PACKET_MS, PACKET_NS, VIDEO_FPS, TalkingFrame
from app.pacer.idle_renderer import IdleRenderer
from app.pacer.pacer import Pacer
from app.pacer.playout_buffer import PlayoutBuffer
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.viewer import Peer
from app.sessions.capacity import Inside
from app.sessions.pump import Pump
from app.sessions.timings import Timings

logger = logging.getLogger(__name__)

Event = dict[str, Any]

CONNECT_TIMEOUT_S = 20  # from the answer to media


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session takes from the settings."""

    buffer_high: int
    buffer_low: int
    voice_lead_packets: int
    video_bitrate: int  # bit/s at most
    effort: Effort  # of coding pictures
    ice_servers: Sequence[IceServer]


class Session:
    """Wires ingest, inference, the pacer and the peer together.

    ``notify`` is given messages for the client, in order, and must not block. ``fail`` is given the error
    that ends the session, at most once. The owner calls ``start`` and ``aclose``.
    """

    def __init__(
        self,
        id: str,
        start: Start,
        engine: Engine,
        avatar: Avatar,
        prepared: Prepared,
        worker: InferenceWorker,
        pool: Executor,
        encoders: Executor,
        limits: SessionLimits,
        clock: Clock,
        notify: Callable[[Event], None],
        fail: Callable[[ProtocolError], None],
        timings: Timings,
        on_slot: Callable[[int], None],
    ) -> None:
        self.id, self.mode = id, start.mode
        self.engine, self.avatar = engine, avatar
        self._limits, self._clock, self._notify, self._fail, self._timings = limits, clock, notify, fail, timings
        self._generation = 0
        self._epoch_ntp = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._peer: Peer | None = None
        self._connect_timer: asyncio.TimerHandle | None = None
        self._since_ns = clock.now_ns()
        self._over = False  # failed or closed: nothing may start any more
        self.feed = PlayoutFeed(limits.voice_lead_packets)
        lead_ns = limits.voice_lead_packets * PACKET_NS
        self.voice = VoiceBroadcast(self.feed, clock)
        self.pictures = PictureBroadcast(self.feed, clock, encoders, lead_ns, limits.video_bitrate, limits.effort)
        self.stream = worker.open(engine, prepared, start.mode == "live", self._take, self._engine_failed)
        self.buffer = PlayoutBuffer(limits.buffer_high, limits.buffer_low, on_room=self.stream.poke)
        self.stream.wanted = lambda: self.buffer.has_room
        self.idle = IdleRenderer(prepared, pool, self.feed.limit, self._rest_failed)
        self.pacer = Pacer(
            self.buffer,
            self.stream,
            self.feed,
            self.idle.picture,
            start.mode,
            clock,
            self._speaking,
            on_slot,
            self._played,
        )
        self.stream.deadline_ns = self.pacer.deadline_ns
        self.stream.position = self.pacer.position_behind_buffer
        self.stream.playing = lambda: self.pacer.playing
        slicer = Slicer(start.encoding, start.channels, start.sample_rate)
        self.pump = Pump(slicer, Windower(engine.span), self.stream, start.sample_rate, clock)

    @property
    def inside(self) -> Inside:
        """What admission must know of it."""
        return Inside(self.stream.cost_key, self._since_ns, self.pacer.next_slot, self.pacer.counters.last_gap)

    def start(self) -> None:
        """Start moving sound; playout starts when a peer is connected."""
        self._run("pump", self.pump.run())

    def started(self) -> Event:
        """Return the answer to ``start``."""
        return {
            "type": "started",
            "session": self.id,
            "engine": self.engine.name,
            "avatar": self.avatar.id,
            "mode": self.mode,
            "fps": VIDEO_FPS,
            "width": self.avatar.width,
            "height": self.avatar.height,
            "voice_lead_ms": self._limits.voice_lead_packets * PACKET_MS,
            "ice_servers": [server.for_browser() for server in self._limits.ice_servers],
        }

    async def feed_audio(self, data: bytes) -> None:
        """Take sound of any number of bytes; waits while the inbox is full."""
        await self.pump.inbox.wait_for_room()
        self.pump.inbox.put(data)

    async def flush(self) -> None:
        """Note the end of an utterance behind what was sent so far; waits while the inbox is full."""
        await self.pump.inbox.wait_for_room()
        self.pump.inbox.put(Mark.FLUSH)

    def interrupt(self) -> Event:
        """Drop all that has not played, at every stage; returns the answer."""
        self._generation += 1
        self.pump.interrupt(self._generation)
        self.stream.interrupt(self._generation)
        self.buffer.clear()
        self.idle.interrupt()
        self.pacer.interrupt(unsent_ms=self.feed.silence(self.idle.picture) * PACKET_MS)
        return {"type": "interrupted", "played_ms": self.pacer.played_ms}

    async def offer(self, sdp: str) -> Event:
        """Connect the browser; returns the answer.

        Raises:
            ProtocolError: ``bad_sdp``, or ``already_connected`` for a second offer.
        """
        if self._peer is not None:
            raise ProtocolError(
                BAD_MESSAGE, "already_connected", "Send one offer a session; start another to reconnect."
            )
        self._peer = Peer(
            self.voice,
            self.pictures,
            lambda: self._epoch_ntp,
            self._limits.ice_servers,
            on_connected=self._begin_playout,
            on_lost=self._peer_lost,
        )
        answer = await self._peer.answer(sdp)
        self._connect_timer = asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_S, self._not_connected)
        return {"type": "answer", "sdp": answer}

    async def aclose(self) -> None:
        """End everything and wait until it has ended."""
        self._over = True
        if self._connect_timer is not None:
            self._connect_timer.cancel()
        self.stream.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._peer is not None:
            await self._peer.aclose()
        self.idle.close()
        self.buffer.clear()

    def stats(self) -> Event:
        """Return what ``stats`` tells the client: counts since the session's start, depths in frames."""
        counters = self.pacer.counters
        delay = self.pacer.delay_ms
        return {
            "type": "stats",
            "slots": self.pacer.next_slot,
            "played_ms": self.pacer.played_ms,
            "delay_ms": None if delay is None or self.mode == "clip" else round(delay),
            "pending": self.stream.backlog,
            "buffer_a": len(self.buffer),
            "buffer_a_limit": self.buffer.high,
            "buffer_b": len(self.feed),
            "holds": counters.held,
            "underruns": counters.underruns,
            "gaps": counters.gaps,
            "drops": counters.dropped + self.stream.dropped,
            "missed": counters.missed,
            "unsent": self.feed.unsent + self.pictures.dropped,
            "repeats": self.stream.repeated,
            "rest_repeats": self.idle.repeated,
            "rest_late": self.idle.late,
        }

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"{name} {self.id}")
        task.add_done_callback(self._task_ended)
        self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("session %s: %s died", self.id, task.get_name(), exc_info=error)
            self._end(ProtocolError(OUR_FAULT, "internal_error", "Something broke on the server; start again."))

    def _take(self, frames: list[TalkingFrame]) -> None:
        now_ns = self._clock.now_ns()
        for frame in frames:
            frame.timestamps.ready_ns = now_ns
            self.buffer.put(frame)

    def _engine_failed(self, error: BaseException) -> None:
        message = f'The engine "{self.engine.name}" failed on this avatar; choose another engine or avatar.'
        self._end(ProtocolError(OUR_FAULT, "engine_failed", message))

    def _rest_failed(self, error: BaseException) -> None:
        logger.error("session %s: the face at rest could not be drawn", self.id, exc_info=error)
        self._engine_failed(error)

    def _speaking(self, speaking: bool) -> None:
        state = "started" if speaking else "finished"
        self._notify({"type": "speaking", "state": state, "played_ms": self.pacer.played_ms})

    def _played(self, frame: TalkingFrame, now_ns: int, position: int) -> None:
        self._timings.note_stages(frame.timestamps, now_ns)
        self.idle.follow(position, frame.image, frame.emphasis)

    def _begin_playout(self) -> None:
        if self._over:
            return
        if self._connect_timer is not None:
            self._connect_timer.cancel()
        slots = self.pacer.start()
        self._epoch_ntp = ntp_now()
        self._run("voice", self.voice.run(slots))
        self._run("pictures", self.pictures.run(slots))
        self._run("pacer", self.pacer.run())
        self._run("heartbeat", self._beat())

    def _not_connected(self) -> None:
        if self.pacer.slots is None:
            message = f"No media connection was made within {CONNECT_TIMEOUT_S} s; a firewall may need a TURN server."
            self._end(ProtocolError(IDLE, "not_connected", message))

    def _peer_lost(self) -> None:
        self._end(ProtocolError(OUR_FAULT, "peer_lost", "The media connection was lost; start again."))

    def _end(self, error: ProtocolError) -> None:
        if not self._over:
            self._over = True
            self._fail(error)

    async def _beat(self) -> None:
        """Once a second, one line in the log and one ``stats`` to the client."""
        begun_ns = last_ns = self._clock.now_ns()
        sent = 0
        while True:
            await self._clock.sleep_until(last_ns + NS_PER_S)
            now_ns = self._clock.now_ns()
            pictures = self.pictures.sent
            fps = (pictures - sent) * NS_PER_S / (now_ns - last_ns)
            last_ns, sent = now_ns, pictures
            stats = self.stats()
            logger.info(
                "session %s: %.0f s, played %.1f s, A=%d B=%d pending=%d "
                "held=%d underruns=%d dropped=%d missed=%d unsent=%d",
                self.id, (now_ns - begun_ns) / NS_PER_S, stats["played_ms"] / 1000, stats["buffer_a"],
                stats["buffer_b"], stats["pending"], stats["holds"], stats["underruns"], stats["drops"],
                stats["missed"], stats["unsent"],
            )  # fmt: skip
            self._notify({**stats, "fps": round(fps, 1)})
