"""One session: a face that lives, whoever feeds it and whoever watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.clock import wall_clock
from app.errors import Refusal
from app.inference.mood import Mood
from app.ingest.pcm import PcmFormat
from app.log_context import SESSION, for_session
from app.media import NS_PER_S, PACKET_MS, PACKETS_PER_FRAME, TalkingFrame
from app.pacer.schedule import Mode
from app.rtc.senders import Media
from app.rtc.viewer import Viewer
from app.sessions.admission import Terms
from app.sessions.capacity import Inside
from app.sessions.countenance import Countenance, Hint
from app.sessions.event_queue import Announcer, EventQueue
from app.sessions.events import Draining, Failed, Interrupted, Moving, Stats, ViewersChanged
from app.sessions.feeder import Feeder, FeederLinks
from app.sessions.feeders import Feeders
from app.sessions.heartbeat import beat
from app.sessions.outputs import Outputs
from app.sessions.playout import Cast, Machinery, Playout, PlayoutListener, SessionLimits
from app.sessions.recording import Recording
from app.sessions.start import Start
from app.sessions.tasks import SessionTasks
from app.sessions.utterances import Utterance, Utterances
from app.sessions.viewers import Viewers
from app.tracing import START

logger = logging.getLogger(__name__)


class Observer(Protocol):
    """Who measures all sessions."""

    def note_slot(self, late_ns: int) -> None:
        """Take by how much a slot missed its deadline."""
        ...

    def note_played(self, frame: TalkingFrame, now_ns: int) -> None:
        """Take a frame that is played now."""
        ...


class Session(PlayoutListener):
    """A face with a timeline of its own; feeders and viewers come and go.

    One feeder at a time holds the lease (:meth:`feeder`); any number of viewers (:meth:`view`) watch what is coded
    once. Playout begins with :meth:`start`, or, where the session was asked to hold, with its first viewer, and then
    goes on whoever is there. ``outputs`` push it to other servers; one that takes media counts as a viewer there. Every
    listener (:meth:`events`) is told what happens. The owner calls ``start`` and ``aclose``.
    """

    def __init__(
        self, id: str, mode: Mode, cast: Cast, limits: SessionLimits, machinery: Machinery, observer: Observer
    ) -> None:
        self.id, self.mode = id, mode
        self.cast, self.limits = cast, limits
        self._clock, self._observer = machinery.clock, observer
        self._announcer = Announcer()
        self._utterances = Utterances(self._announcer.announce, limits.next_utterance)
        self._generation = 0
        self._tasks = SessionTasks(id, self._task_died)
        self._recording: Recording | None = None
        self.created_at = wall_clock()
        self._since_ns = machinery.clock.now_ns()
        self.begun = False
        self.over = False  # failed or closed: nothing may start any more
        self.watched = asyncio.Event()  # somebody watches, or has
        self.closed = asyncio.Event()  # all of it has ended
        self._playout = Playout(cast, mode, limits, machinery, self, self._engine_failed)
        self._countenance = Countenance(self._playout, machinery.clock, limits.mood)
        feel_with = self._countenance.feel_with
        links = FeederLinks(self._playout.stream, self._utterances, machinery.clock, mode, machinery.waiting, feel_with)
        self._feeders = Feeders(links, self._tasks.run)
        self.network = replace(limits.network, session=id)
        self._viewers = Viewers(self.media, self.network, self._tasks.run, self._viewers_changed)
        size = (cast.avatar.width, cast.avatar.height)
        self.start_trace = START.get()
        self._start = Start(self.start_trace, machinery.clock)
        self.outputs = Outputs(self.media, size, self.network, machinery.clock, self._output_live)

    @property
    def inside(self) -> Inside:
        """What admission must know of it."""
        pacer, watched = self._playout.pacer, self.media.pictures.watched
        return Inside(self._playout.stream.cost_key, self._since_ns, pacer.next_slot, pacer.counters.last_gap, watched)

    def settle_for(self, terms: Terms) -> None:
        """Take no more of the machine than these terms allow: those of when it begins to take any of it."""
        self._playout.settle_for(terms)

    @property
    def ref(self) -> str:
        """What clients call it."""
        return self.limits.ref or self.id

    @property
    def age_s(self) -> float:
        """How long ago it was made."""
        return (self._clock.now_ns() - self._since_ns) / NS_PER_S

    @property
    def owner(self) -> str:
        """The id of the key that made it; empty where there were none."""
        return self.limits.owner

    @property
    def fed(self) -> bool:
        """Whether somebody feeds it."""
        return self._feeders.fed

    @property
    def was_fed(self) -> bool:
        """Whether anybody feeds it, or has."""
        return self._feeders.was_fed

    @property
    def attended(self) -> bool:
        """Whether somebody feeds or watches it, or another server takes it."""
        return self.fed or self.viewer_count > 0 or self.outputs.live > 0

    @property
    def viewer_count(self) -> int:
        """How many watch, over connections that carry media."""
        return self._viewers.count

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is being heard."""
        return self._utterances.speaking

    @property
    def is_quiet(self) -> bool:
        """Whether nothing that was sent is still to be heard."""
        return not self._utterances.waiting

    @property
    def next_utterance(self) -> int:
        """The number of the next utterance without a name."""
        return self._utterances.next_number

    @property
    def expires_at(self) -> datetime | None:
        """When it ends at the latest; None where its owner decides."""
        lifetime = self.limits.lifetime
        return None if lifetime is None else self.created_at + timedelta(seconds=lifetime.max_duration_s)

    @property
    def latest_utterance(self) -> Utterance | None:
        """The one that a feeder sent, or sends, last."""
        return self._utterances.latest

    @property
    def last_seq(self) -> int:
        """Of its newest event."""
        return self._announcer.last_seq

    @property
    def played_ms(self) -> int:
        """How much of its sound has been played."""
        return self._playout.pacer.played_ms

    @property
    def media(self) -> Media:
        """What it sends: viewers, and sinks that look like them, subscribe here."""
        return self._playout.media

    @property
    def voice_lead_ms(self) -> int:
        """How far the voice leaves ahead of its picture."""
        return self.limits.voice_lead_packets * PACKET_MS

    @property
    def recording(self) -> Recording | None:
        """What is written down of it; None where nobody asked for that, or it was deleted."""
        return None if self._recording is None or self._recording.is_unwanted else self._recording

    def record(self, recording: Recording) -> None:
        """Write down what it sends, from playout's beginning to its end; once, before :meth:`start`."""
        assert self._recording is None and not self.begun, "a recording begins with playout"
        self._recording = recording

    def start(self, hold_until_viewer: bool = False) -> None:
        """Begin playout, or wait for the first viewer to begin it."""
        if not hold_until_viewer:
            self._begin_playout()

    @property
    def mood(self) -> Mood:
        """The one that the face is in, or goes over into."""
        return self._countenance.mood

    def feel(self, mood: Mood) -> None:
        """Let the face go over into a mood, within half a second; one that only speaks and blinks does not."""
        self._countenance.feel(mood)

    def listen(self, hint: Hint) -> None:
        """Let the face show that somebody begins or ends to be listened to, or nod."""
        self._countenance.listen(hint)

    def hear(self, levels_dbfs: Sequence[float]) -> None:
        """Take how loud somebody is whom the face listens to, 40 ms each."""
        self._countenance.hear(levels_dbfs, self.is_speaking)

    def number_from(self, next_utterance: int) -> None:
        """Give utterances no number below this any more."""
        self._utterances.number_from(next_utterance)

    def feeder(self, format: PcmFormat) -> Feeder:
        """Lease the one place for a feeder.

        Raises:
            Refusal: ``already_fed`` while another holds it; ``feeder_busy`` while too many who left are still heard;
                ``session_over``.
        """
        self._require_life()
        return self._feeders.lease(format)

    async def view(self, offer_sdp: str) -> tuple[Viewer, str]:
        """Connect somebody who watches; returns the viewer and the answer to the offer.

        Raises:
            Refusal: ``bad_sdp`` or ``session_over``.
        """
        self._require_life()
        SESSION.set(self.id)  # what connects a viewer is begun here, and names it too
        viewer = self._viewers.make()
        try:
            answer = await viewer.answer(offer_sdp)
            self._require_life()
        except BaseException:
            await viewer.aclose()
            raise
        return viewer, answer

    def events(self, after: int | None = None) -> EventQueue:
        """Return an iterator over all that happens from now on, or has since an event; it ends with the session."""
        return self._announcer.listen(after)

    def drain(self, deadline_ns: int) -> None:
        """Tell everybody who listens, or will, that the service is being stopped, and ends it then."""
        self._announcer.take_leave(lambda: Draining(self._left_s(deadline_ns)))

    def move(self, deadline_ns: int, ref: str | None = None, url: str | None = None) -> None:
        """Tell everybody who listens, or will, that there is room elsewhere, and that it ends here then.

        ``ref``, ``url``: see :class:`Moving`.
        """
        self._announcer.take_leave(lambda: Moving(self._left_s(deadline_ns), ref, url))

    def interrupt(self, from_outside: bool = False, answers: int = 1) -> Interrupted:
        """Drop all that has not played, at every stage; returns how much has.

        ``from_outside``: not by who feeds; what still comes of the utterance that they are at is dropped too.
        ``answers``: how many asked for it.
        """
        cut = self._utterances.cut(self._feeders.next_pts)
        self._generation += 1
        self._feeders.interrupt(self._generation, from_outside)
        self._countenance.interrupt()
        session_played_ms = self._playout.interrupt(self._generation)
        news = Interrupted(cut.id if cut else None, cut.played_ms if cut else 0, session_played_ms, answers)
        self._announcer.announce(news)
        return news

    def fail(self, why: Refusal) -> None:
        """End it early, and say why to all who listen; its owner then closes it. Again is fine."""
        if not self.over:
            self.over = True
            self._utterances.cut(self._feeders.next_pts)
            self._start.end(why.code)
            self._announcer.announce(Failed(why))
            self._announcer.end()

    def stats(self) -> Stats:
        """Count what happened so far."""
        return self._playout.stats()

    async def aclose(self) -> None:
        """End everything and wait until it has ended; again is fine."""
        try:
            await self._end_all()
        finally:
            self.closed.set()

    async def _end_all(self) -> None:
        if not self.over:
            self.over = True
            self._utterances.cut(self._feeders.next_pts)
        self._start.end()
        self._playout.close()
        await self._tasks.aclose()
        await asyncio.gather(self._viewers.aclose(), self.outputs.aclose(), return_exceptions=True)
        if self._recording is not None:
            await self._recording.aclose()
        self._utterances.cut(self._feeders.next_pts)  # what was begun while all this took its time
        self._feeders.close()
        self._announcer.end()

    # what the pacer tells

    def speaking(self, speaking: bool, pts: int) -> None:
        """See :class:`PacerListener`."""
        if self.mode != "live":  # there, all sound is its sender's utterance
            return
        if speaking:
            self._utterances.voice_begins(pts)
        else:
            self._utterances.voice_ends(pts)

    def left(self, position: int) -> None:
        """See :class:`PlayoutListener`."""
        self._utterances.left(position)

    def slot_served(self, late_ns: int) -> None:
        """See :class:`PacerListener`."""
        self._observer.note_slot(late_ns)
        self._start.sent(self._playout.first_sent_ns)
        if self._playout.quiet:  # whatever was lost on the way ends here too
            self._utterances.pass_over(self._playout.stream.next_pts * PACKETS_PER_FRAME)

    def played(self, frame: TalkingFrame, now_ns: int) -> None:
        """See :class:`PacerListener`."""
        self._observer.note_played(frame, now_ns)
        self._countenance.played(frame.pts)
        self._start.played(frame)

    def _output_live(self) -> None:
        """Begin playout, as a viewer would: another server takes media."""
        if not self.over:
            self._begin_playout()

    def _left_s(self, deadline_ns: int) -> float:
        return max(0.0, (deadline_ns - self._clock.now_ns()) / NS_PER_S)

    def _require_life(self) -> None:
        if self.over:
            raise Refusal("session_over", "This session has ended; start another.")

    def _viewers_changed(self, count: int) -> None:
        if not self.over:
            if count:
                self.watched.set()
                self._begin_playout()
            self._announcer.announce(ViewersChanged(count))

    def _begin_playout(self) -> None:
        if self.begun:
            return
        self.begun = True
        if self._recording is not None:
            self._recording.start(self.media)
        self._tasks.run("playout", self._playout.run())
        self._tasks.run("heartbeat", beat(self.id, self._playout, self._clock, self._announcer))

    def _task_died(self) -> None:
        self.fail(Refusal("internal_error", "Something broke on the server; start again."))

    def _engine_failed(self, error: BaseException) -> None:
        with for_session(self.id):
            logger.error("session %s: its face could not be drawn", self.id, exc_info=error)
        engine = self.cast.engine.name
        self.fail(
            Refusal("engine_failed", f'The engine "{engine}" failed on this avatar; choose another engine or avatar.')
        )
