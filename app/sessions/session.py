"""One session: a face that lives, whoever feeds it and whoever watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.media import PACKET_MS, TalkingFrame
from app.pacer.links import PacerListener
from app.pacer.schedule import Mode
from app.rtc.viewer import Media, Viewer
from app.sessions.capacity import Inside
from app.sessions.event_queue import Announcer, EventQueue
from app.sessions.events import Failed, Interrupted, Speaking, Stats, ViewersChanged
from app.sessions.feeder import Feeder
from app.sessions.heartbeat import beat
from app.sessions.playout import Cast, Machinery, Playout, SessionLimits

logger = logging.getLogger(__name__)

FEEDERS_HIGH = 4  # of them, all but one have left and still have sound to hand on


class Observer(Protocol):
    """Who measures all sessions."""

    def note_slot(self, late_ns: int) -> None:
        """Take by how much a slot missed its deadline."""
        ...

    def note_played(self, frame: TalkingFrame, now_ns: int) -> None:
        """Take a frame that is played now."""
        ...


class Session(PacerListener):
    """A face with a timeline of its own; feeders and viewers come and go.

    One feeder at a time holds the lease (:meth:`feeder`); any number of viewers (:meth:`view`) watch what is coded
    once. Playout begins with :meth:`start`, or, where the session was asked to hold, with its first viewer, and then
    goes on whoever is there. Every listener (:meth:`events`) is told what happens. The owner calls ``start`` and
    ``aclose``.
    """

    def __init__(
        self, id: str, mode: Mode, cast: Cast, limits: SessionLimits, machinery: Machinery, observer: Observer
    ) -> None:
        self.id, self.mode = id, mode
        self.cast, self.limits = cast, limits
        self._clock, self._observer = machinery.clock, observer
        self._announcer = Announcer()
        self._generation = 0
        self._feeders: list[Feeder] = []
        self._viewers: set[Viewer] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._viewer_count = 0  # connected ones
        self._since_ns = machinery.clock.now_ns()
        self._begun = False
        self._over = False  # failed or closed: nothing may start any more
        self._playout = Playout(cast, mode, limits, machinery, self, self._engine_failed)

    @property
    def inside(self) -> Inside:
        """What admission must know of it."""
        pacer, watched = self._playout.pacer, self.media.pictures.watched
        return Inside(self._playout.stream.cost_key, self._since_ns, pacer.next_slot, pacer.counters.last_gap, watched)

    @property
    def media(self) -> Media:
        """What it sends: viewers, and sinks that look like them, subscribe here."""
        return self._playout.media

    @property
    def voice_lead_ms(self) -> int:
        """How far the voice leaves ahead of its picture."""
        return self.limits.voice_lead_packets * PACKET_MS

    def start(self, hold_until_viewer: bool = False) -> None:
        """Begin playout, or wait for the first viewer to begin it."""
        if not hold_until_viewer:
            self._begin_playout()

    def feeder(self, format: PcmFormat) -> Feeder:
        """Lease the one place for a feeder.

        Raises:
            Refusal: ``already_fed`` while another holds it; ``feeder_busy`` while too many who left are still heard;
                ``session_over``.
        """
        self._require_life()
        latest = self._feeders[-1] if self._feeders else None
        if latest is not None and not latest.left:
            raise Refusal("already_fed", "Somebody else feeds this session; wait until they leave.")
        # the latest stays: the next one's sound is numbered from its last
        self._feeders = [feeder for feeder in self._feeders if feeder is latest or not feeder.drained]
        if len(self._feeders) >= FEEDERS_HIGH:
            raise Refusal("feeder_busy", "What the last feeders sent is still being read; try again in a few seconds.")
        feeder = Feeder(format, self._playout.stream, self._clock, self._generation, latest)
        self._feeders.append(feeder)
        self._run("feeder", feeder.run())
        return feeder

    async def view(self, offer_sdp: str) -> tuple[Viewer, str]:
        """Connect somebody who watches; returns the viewer and the answer to the offer.

        Raises:
            Refusal: ``bad_sdp`` or ``session_over``.
        """
        self._require_life()
        viewer = Viewer(self.media, self.limits.ice_servers, self)
        self._viewers.add(viewer)
        try:
            answer = await viewer.answer(offer_sdp)
            self._require_life()
        except BaseException:
            await viewer.aclose()
            raise
        return viewer, answer

    def events(self) -> EventQueue:
        """Return an iterator over all that happens from now on; it ends with the session."""
        return self._announcer.listen()

    def interrupt(self) -> int:
        """Drop all that has not played, at every stage; returns how much of the sound has, in ms."""
        self._generation += 1
        for feeder in self._feeders:
            feeder.interrupt(self._generation)
        played_ms = self._playout.interrupt(self._generation)
        self._announcer.announce(Interrupted(played_ms))
        return played_ms

    def stats(self) -> Stats:
        """Count what happened so far."""
        return self._playout.stats()

    async def aclose(self) -> None:
        """End everything and wait until it has ended; again is fine."""
        self._over = True
        self._playout.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(viewer.aclose() for viewer in list(self._viewers)), return_exceptions=True)
        self._announcer.end()

    # what the pacer tells

    def speaking(self, speaking: bool) -> None:
        """See :class:`PacerListener`."""
        self._announcer.announce(Speaking(speaking, self._playout.pacer.played_ms))

    def slot_served(self, late_ns: int) -> None:
        """See :class:`PacerListener`."""
        self._observer.note_slot(late_ns)

    def played(self, frame: TalkingFrame, now_ns: int) -> None:
        """See :class:`PacerListener`."""
        self._observer.note_played(frame, now_ns)

    # what viewers tell

    def viewer_connected(self, viewer: Viewer) -> None:
        """See :class:`ViewerListener`."""
        if not self._over:
            self._begin_playout()
            self._count_viewers()

    def viewer_ended(self, viewer: Viewer) -> None:
        """See :class:`ViewerListener`."""
        if not self._over:
            self._run("viewer's end", self._see_off(viewer))
            self._count_viewers()

    async def _see_off(self, viewer: Viewer) -> None:
        try:
            await viewer.aclose()
        finally:
            self._viewers.discard(viewer)

    def _require_life(self) -> None:
        if self._over:
            raise Refusal("session_over", "This session has ended; start another.")

    def _count_viewers(self) -> None:
        count = sum(viewer.connected for viewer in self._viewers)
        if count != self._viewer_count:
            self._viewer_count = count
            self._announcer.announce(ViewersChanged(count))

    def _begin_playout(self) -> None:
        if self._begun:
            return
        self._begun = True
        self._run("playout", self._playout.run())
        self._run("heartbeat", beat(self.id, self._playout, self._clock, self._announcer))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"{name} {self.id}")
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("session %s: %s died", self.id, task.get_name(), exc_info=error)
            self._fail(Refusal("internal_error", "Something broke on the server; start again."))

    def _engine_failed(self, error: BaseException) -> None:
        logger.error("session %s: its face could not be drawn", self.id, exc_info=error)
        engine = self.cast.engine.name
        self._fail(
            Refusal("engine_failed", f'The engine "{engine}" failed on this avatar; choose another engine or avatar.')
        )

    def _fail(self, why: Refusal) -> None:
        if not self._over:
            self._over = True
            self._announcer.announce(Failed(why))
            self._announcer.end()
