"""From the inference thread to packets: the part of a session that keeps time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from app.avatars.avatar import Avatar
from app.avatars.background import LiveBackground
from app.clock import Clock
from app.inference.engine import Engine, Prepared
from app.inference.looks import Looks
from app.inference.mood import CALM, Mood
from app.inference.scheduler.demand import Demand
from app.inference.scheduler.worker import InferenceWorker
from app.ingest.inbox import Waiting
from app.media import PACKET_MS, PACKET_NS, PACKETS_PER_FRAME, TalkingFrame
from app.pacer.idle_renderer import IdleRenderer
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.pacer import Pacer
from app.pacer.playout_buffer import PlayoutBuffer
from app.pacer.schedule import Mode
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.senders import Media
from app.sessions.admission import Terms
from app.sessions.events import Stats
from app.sessions.lifetime import Lifetime


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session takes from the settings, and from who asked for it."""

    buffer_high: int
    buffer_low: int
    voice_lead_packets: int
    video_bitrate: int  # bit/s at most
    effort: Effort  # of coding pictures
    network: IceNetwork
    lifetime: Lifetime | None = None  # None: its owner ends it
    owner: str = ""  # the id of the key that made it
    ref: str = ""  # what clients call it; empty: its id
    next_utterance: int = 1  # where its own numbering begins
    mood: Mood = CALM  # that it begins in


@dataclass(frozen=True, slots=True)
class Cast:
    """Who speaks: an avatar, as an engine has prepared it, before a ``background``."""

    engine: Engine
    avatar: Avatar
    prepared: Prepared
    background: LiveBackground = "keep"


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all sessions share."""

    worker: InferenceWorker
    idle_pool: Executor
    encoder_pool: Executor
    clock: Clock
    waiting: Waiting | None = None  # what all feeders hold


class BufferedSink:
    """Buffer A as the inference thread's sink."""

    def __init__(self, buffer: PlayoutBuffer, clock: Clock, on_failure: Callable[[BaseException], None]) -> None:
        self._buffer, self._clock, self._on_failure = buffer, clock, on_failure

    @property
    def demand(self) -> Demand:
        """See :class:`FrameSink`."""
        return self._buffer.demand

    def put(self, frames: list[TalkingFrame]) -> None:
        """Note when the frames got ready, and buffer them."""
        now_ns = self._clock.now_ns()
        for frame in frames:
            frame.timestamps.ready_ns = now_ns
            self._buffer.put(frame)

    def replace(self, frame: TalkingFrame) -> None:
        """Show another picture with a frame that waits."""
        self._buffer.redraw(frame)

    def fail(self, error: BaseException) -> None:
        """Hand the error on."""
        self._on_failure(error)


class PlayoutListener(PacerListener):
    """What playout tells, on the event loop; the methods do nothing here."""

    def left(self, position: int) -> None:
        """Take the position, in packets, of input that leaves for whoever listens."""


class Playout:
    """Buffer A, the pacer, Buffer B and the broadcasts of one session, on one epoch."""

    def __init__(
        self,
        cast: Cast,
        mode: Mode,
        limits: SessionLimits,
        machinery: Machinery,
        listener: PlayoutListener,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        clock, worker = machinery.clock, machinery.worker
        lead_ns = limits.voice_lead_packets * PACKET_NS
        self._mode = mode
        self.feed = PlayoutFeed(limits.voice_lead_packets)
        self._voice = VoiceBroadcast(self.feed, clock, listener.left)
        self._pictures = PictureBroadcast(
            self.feed, clock, machinery.encoder_pool, lead_ns, limits.video_bitrate, limits.effort
        )
        self.idle = IdleRenderer(cast.prepared, machinery.idle_pool, self.feed.limit, self._pictures, on_failure)
        self.buffer = PlayoutBuffer(limits.buffer_high, limits.buffer_low, on_room=worker.wake)
        sink = BufferedSink(self.buffer, clock, on_failure)
        self.stream = worker.open(cast.engine, cast.prepared, mode == "live", sink)
        links = PacerLinks(self.buffer, self.stream, self.feed, self.idle)
        self.pacer = Pacer(links, mode, clock, listener)
        self.media = Media(self._voice, self._pictures, self.pacer.epoch)

    @property
    def pictures_sent(self) -> int:
        """Pictures that left so far, or would have if anybody watched."""
        return self._pictures.sent

    @property
    def first_sent_ns(self) -> int | None:
        """When the first picture that speaks was sent to somebody; None before."""
        return self._pictures.first_spoken_ns

    @property
    def quiet(self) -> bool:
        """Whether all that was sent has left, and the input said that no more is coming."""
        return self.pacer.drained and self.feed.voiceless

    def settle_for(self, terms: Terms) -> None:
        """Take no more of the machine than its terms allow: no life, and less effort for codecs nobody takes yet."""
        if not terms.alive:
            self.stream.calm()
            self.idle.calm()
        self._pictures.effort = terms.effort

    async def run(self) -> None:
        """Set the epoch, then release, code and send until cancelled."""
        slots = self.pacer.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._voice.run(slots), name="voice")
            group.create_task(self._pictures.run(slots), name="pictures")
            group.create_task(self.pacer.run(), name="pacer")

    @property
    def position(self) -> int:
        """The avatar's time of the slot that is released next."""
        return self.buffer.demand.head_position

    @property
    def undrawn_position(self) -> int:
        """The avatar's time of the first slot of which nothing is drawn, nor being drawn."""
        return max(self.position, self.stream.next_position)

    def show(self, looks: Looks, redraw: bool = False) -> None:
        """Let the face look otherwise in all that is drawn from now on; ``redraw``: also in what waits in Buffer A."""
        self.stream.show(looks, redraw)
        self.idle.show(looks)

    def interrupt(self, generation: int) -> int:
        """Drop all that has not played; returns how much of the session's sound has, in ms."""
        self.stream.interrupt(generation)
        self.buffer.clear()
        self.idle.interrupt()
        self.pacer.interrupt(unsent_ms=self.feed.silence(self.idle.picture) * PACKET_MS)
        return self.pacer.played_ms

    def close(self) -> None:
        """Leave the inference thread, and drop what waits; again is fine."""
        self.stream.close()
        self.idle.close()
        self.buffer.clear()

    def stats(self, fps: float = 0.0) -> Stats:
        """Count."""
        counters, delay_ms = self.pacer.counters, self.pacer.delay_ms
        return Stats(
            fps=fps,
            slots=self.pacer.next_slot,
            played_ms=self.pacer.played_ms,
            delay_ms=None if delay_ms is None or self._mode != "live" else round(delay_ms),
            pending=self.stream.backlog,
            buffer_a=len(self.buffer),
            buffer_a_limit=self.buffer.high,
            buffer_b=len(self.feed),
            holds=counters.held,
            underruns=counters.underruns,
            gaps=counters.gaps,
            drops=counters.dropped + self.stream.dropped,
            missed=counters.missed,
            unsent=self.feed.unsent + self._pictures.dropped + self._voice.dropped // PACKETS_PER_FRAME,
            repeats=self.stream.repeated,
            rest_repeats=self.idle.repeated,
            rest_late=self.idle.late,
        )
