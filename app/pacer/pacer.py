"""The pacer: Buffer A to Buffer B at exactly 25 frames a second."""

from __future__ import annotations

from collections import deque

from app.clock import Clock, Epoch, SlotClock
from app.media import NS_PER_MS, SLOT_MS, SLOT_NS, VIDEO_FPS, TalkingFrame
from app.pacer.concealment import Concealment
from app.pacer.counters import PacerCounters
from app.pacer.lateness import Lateness, lateness_of
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.played_slot import PlayedSlot
from app.pacer.schedule import Decision, Mode, View, decide, policy_for

CATCH_UP_SLOTS = 2  # a wake-up this late still serves every slot; Buffer B holds as many
USUAL_SHARE = 0.8  # of the frames that came before the epoch: setting a session up makes some of them late
PHASE_SPARE_NS = 4 * NS_PER_MS  # for what those were not
PAUSE_SLOTS = 15  # silence after which live speech counts as finished, 600 ms


class Pacer:
    """Releases one slot every 40 ms on one epoch."""

    def __init__(self, links: PacerLinks, mode: Mode, clock: Clock, listener: PacerListener) -> None:
        self._buffer, self._upstream, self._outlet, self._idle = (
            links.buffer, links.upstream, links.outlet, links.idle
        )  # fmt: skip
        self._mode, self._clock, self._listener = mode, clock, listener
        self._policy = policy_for(mode)
        self._needed = self._policy.prime
        self._waited = 0
        self._broken = False  # a voice was cut: every slot more is heard
        self._lateness = Lateness()
        self._concealment = Concealment()
        self._last_silent = True
        self._speaking = False
        self._quiet_slots = 0
        self._unsent_ms = 0
        self._next_pts = 0  # behind the last frame played
        self._lag = 0  # of the avatar's time behind the slots
        self._delays_ms: deque[float] = deque(maxlen=VIDEO_FPS)
        self.epoch = Epoch()
        self.next_slot = 0
        self.counters = PacerCounters()

    @property
    def played_ms(self) -> int:
        """How much of the session's input has been played, in ms: released, and not silenced in Buffer B."""
        return self.counters.played * SLOT_MS - self._unsent_ms

    @property
    def delay_ms(self) -> float | None:
        """Median time from a sample's arrival to its slot, over the last second of frames played."""
        return sorted(self._delays_ms)[len(self._delays_ms) // 2] if self._delays_ms else None

    def start(self) -> SlotClock:
        """Set the epoch: slot 0 is due within a slot from now.

        In ``live`` it lies where frames that are already coming wait for the margin alone: a microphone's chunks and
        the slots have the same pace, so what is chosen here lasts. Else, and where nothing has come yet, it is now.
        """
        now_ns = epoch_ns = self._clock.now_ns()
        late_ns = sorted(map(lateness_of, self._buffer.take_news()))
        if late_ns and self._mode == "live":
            usual_ns = late_ns[int(USUAL_SHARE * (len(late_ns) - 1))]
            epoch_ns += (usual_ns + self._lateness.margin_ns + PHASE_SPARE_NS - now_ns) % SLOT_NS
        slots = self.epoch.begin(epoch_ns, now_ns)
        self._plan()
        return slots

    async def run(self) -> None:
        """Serve slots until cancelled.

        A late wake-up serves what is overdue at once. One so late that Buffer B could not take it all
        leaves those slots out (their time has passed; the frames are still in Buffer A) and goes on with
        the present one: a burst would only teach the browser to run fast.
        """
        slots = self.epoch.slots or self.start()
        while True:
            await self._clock.sleep_until(slots.due_ns(self.next_slot))
            now_ns = self._clock.now_ns()
            self._listener.slot_served(now_ns - slots.due_ns(self.next_slot))
            current = slots.slot_at(now_ns)
            if current - self.next_slot > CATCH_UP_SLOTS:
                self.counters.missed += current - self.next_slot
                self._lag += current - self.next_slot
                self.next_slot = current
            self.step()

    def step(self) -> None:
        """Decide and serve the next slot."""
        for frame in self._buffer.take_news():
            self._lateness.note(lateness_of(frame))
        while (decision := decide(self._view(), self._policy)) is Decision.DROP:
            self._drop()
        self._waited = self._waited + 1 if len(self._buffer) and decision is Decision.HOLD else 0
        if decision is Decision.PLAY:
            self._play(self._buffer.pop())
        else:
            self._hold()
        self.next_slot += 1
        self._plan()

    def interrupt(self, unsent_ms: int) -> None:
        """Start afresh after the buffers were emptied, of ``unsent_ms`` that had been released."""
        self._unsent_ms += unsent_ms
        if unsent_ms or self._needed:  # what was to be heard next has been silenced; else the voice still ends
            self._concealment.forget()
        self._needed = self._policy.prime
        self._waited = 0
        self._broken = False
        self._last_silent = True
        self._plan()
        self._set_speaking(False)

    def _plan(self) -> None:
        """Publish when the head of the buffer is due."""
        slots = self.epoch.slots
        due_ns = None if slots is None else slots.due_ns(self.next_slot)
        playing = slots is not None and self._needed == 0
        self._buffer.plan(due_ns, self.next_slot - self._lag, playing)

    def _view(self) -> View:
        head = self._buffer.head
        upstream = self._upstream.backlog
        return View(
            mode=self._mode,
            depth=len(self._buffer),
            backlog=len(self._buffer) + upstream,
            slack_ns=self._slack_ns(head),
            margin_ns=self._lateness.margin_ns,
            settled=self._lateness.settled,
            broken=self._broken,
            needed=self._needed,
            waited=self._waited,
            ended=self._upstream.ended and upstream == 0,
            head_silent=head is not None and head.silent,
            last_silent=self._last_silent,
        )

    def _slack_ns(self, head: TalkingFrame | None) -> int | None:
        """Return the slack of a frame as late as must be expected, were the head played now; None while unknown."""
        expected_ns, slots = self._lateness.expected_ns, self.epoch.slots
        if head is None or expected_ns is None or slots is None:
            return None
        return slots.due_ns(self.next_slot) - head.sent_ns - expected_ns

    def _drop(self) -> None:
        frame = self._buffer.pop()
        self._lag -= 1  # the frames behind it were made for one position later
        if frame.silent:
            self.counters.dropped_silent += 1
        else:
            self.counters.dropped_speech += 1

    def _play(self, frame: TalkingFrame) -> None:
        if not frame.silent or self._mode != "live":
            self._quiet_slots = 0
            self._set_speaking(True, frame.pts)
        else:
            self._note_quiet()
        self._next_pts = frame.pts + 1
        self.counters.played += 1
        self._needed = 0
        self._broken = False
        self._last_silent = frame.silent
        now_ns = self._clock.now_ns()
        self._delays_ms.append((now_ns - frame.timestamps.arrived_ns) / NS_PER_MS)
        position = self.next_slot - self._lag
        self._idle.follow(position, frame.image, frame.emphasis)
        self._listener.played(frame, now_ns)
        audio = self._concealment.play(frame.audio, voiced=not frame.silent)
        self._outlet.put(PlayedSlot(self.next_slot, position, frame.image, audio, frame.generation, frame.pts))
        if frame.last or self.drained:
            self._set_speaking(False)

    def _hold(self) -> None:
        self.counters.held += 1
        drained = self.drained
        if self._needed == 0:
            self.counters.underruns += not drained and not len(self._buffer)
            self._broken = not drained and not self._last_silent
            if self._broken:
                self.counters.gaps += 1
                self.counters.last_gap = self.next_slot
            self._needed = self._policy.prime if drained else self._policy.refill
        self._last_silent = True
        position = self.next_slot - self._lag
        audio = self._concealment.fill(missing=not drained)
        self._outlet.put(PlayedSlot(self.next_slot, position, self._idle.picture(position), audio, None))
        if len(self._buffer) or self._upstream.backlog:
            self._lag += 1  # they were made, or are being made, for this position
        self._note_quiet()
        if drained:  # the flush may come after the last frame has played
            self._set_speaking(False)

    @property
    def drained(self) -> bool:
        """Whether all that was sent has been released, and the input said that no more is coming."""
        return not len(self._buffer) and self._upstream.backlog == 0 and self._upstream.ended

    def _note_quiet(self) -> None:
        self._quiet_slots += 1
        if self._quiet_slots >= PAUSE_SLOTS and self._mode == "live":
            self._set_speaking(False)

    def _set_speaking(self, speaking: bool, pts: int | None = None) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._listener.speaking(speaking, self._next_pts if pts is None else pts)
