"""Who sends a session's voice, one at a time: bytes in, windows for the inference thread out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum

from app.clock import Clock
from app.errors import Refusal
from app.inference.mood import Mood
from app.inference.scheduler.stream import GenerationStream
from app.ingest.inbox import PcmInbox, Waiting
from app.ingest.pcm import PcmFormat
from app.pacer.schedule import Mode
from app.sessions.cutter import Cutter
from app.sessions.narration import Narrator, Text
from app.sessions.utterances import LATER, WAITING_HIGH, Utterance, Utterances
from app.speech.synthesiser import Spoken

# of sound, so that an interrupt behind it is heard
READ_AHEAD_S: dict[Mode, int] = {"live": 10, "clip": 10, "agent": 300}
INBOX_BYTES = 64 * 1024 * 1024  # at most, whatever the format
WAITING_BYTES = 4 * INBOX_BYTES  # of all sessions together


@dataclass(frozen=True, slots=True)
class _Begin:
    utterance: Utterance
    format: PcmFormat


@dataclass(frozen=True, slots=True)
class _End:
    utterance: Utterance | None  # None: of a voice that has none


@dataclass(frozen=True, slots=True)
class _Mark:
    id: str


class _Word(Enum):
    LEAVE = "leave"


_Note = _Begin | _End | Text | _Mark | Mood | _Word


@dataclass(frozen=True, slots=True)
class FeederLinks:
    """Where a session's feeders send, and in which ``mode``: sound without a name is an utterance, but in ``live``.

    ``waiting``: what all sessions' feeders hold. ``feel_with`` is told of a mood that comes with a slice.
    """

    stream: GenerationStream
    utterances: Utterances
    clock: Clock
    mode: Mode
    waiting: Waiting | None = None
    feel_with: Callable[[Mood, int], None] = lambda mood, pts: None


class Feeder:
    """Moves one feeder's sound, waiting wherever the next stage is full.

    Bound: ``READ_AHEAD_S`` of sound; full: :meth:`push` and :meth:`flush` wait, and what an interrupt finds waiting
    there is dropped too, as is a microphone's sound behind a text; there are no more notes beside it than utterances,
    marks and moods may wait. Its sound comes behind all that the feeder ``before`` it sent. After :meth:`leave` what
    was sent goes on to play.
    """

    def __init__(self, format: PcmFormat, links: FeederLinks, generation: int, before: Feeder | None = None) -> None:
        self._format, self._generation, self._before = format, generation, before
        self._utterances, self._numbers = links.utterances, links.mode != "live"
        self._feel_with, self._moods_waiting = links.feel_with, 0
        self._cutter = Cutter(format, links.stream, links.clock, generation)
        self._narrator = Narrator(self._cutter, links.utterances, links.clock, paced=links.mode == "live")
        second = format.sample_rate * format.bytes_per_sample
        self._inbox: PcmInbox[_Note] = PcmInbox(min(READ_AHEAD_S[links.mode] * second, INBOX_BYTES), links.waiting)
        self._current: Utterance | None = None  # the one that sound belongs to as it comes
        self._begun_format, self._begun_bytes = format, 0  # of it, since it was begun here
        self._swallows: str | None = None  # the utterance that was cut from outside, of which more may still come
        self._drained, self._gone = asyncio.Event(), asyncio.Event()
        self.left = False
        self.unheard = False  # it has left, and said nothing of which anything is read yet
        # the last event that it was told; who feeds next over another socket has missed what came afterwards
        self.told_seq: int | None = None if before is None else before.told_seq

    @property
    def drained(self) -> bool:
        """Whether it has left, and all that it sent has gone to the inference thread."""
        return self._drained.is_set()

    @property
    def next_pts(self) -> int:
        """Of the slice that comes next."""
        return self._cutter.next_pts

    async def push(self, data: bytes) -> None:
        """Take sound of any number of bytes; waits while the inbox is full.

        Raises:
            Refusal: ``too_many_utterances``.
        """
        if not await self._room() or self._swallows is not None or not data:
            return
        if self._current is None and self._numbers:
            self._begin(None, self._format)
        if self._current is not None:
            self._current.received_bytes += len(data)
            self._begun_bytes += len(data)
        self._inbox.put(data)

    def utterance(self, id: str, format: PcmFormat | None = None) -> None:
        """Let what follows belong to an utterance; the one before it ends, unless it is the same.

        Raises:
            Refusal: ``too_many_utterances``.
        """
        if self.left or id in (self._swallows, self._current.id if self._current else None):
            return
        self._end()
        self._begin(id, format or self._format)

    def say(self, words: AbstractAsyncContextManager[Spoken], id: str | None = None) -> None:
        """Let what a synthesiser speaks be an utterance of its own, behind all that was sent so far.

        It is begun when its turn comes, and given up by an interrupt. What goes wrong is told as an event.

        Raises:
            Refusal: ``too_many_utterances``.
        """
        if not self.left:
            self._end()
            self._inbox.put(Text(self._utterances.open(id), words))

    async def flush(self) -> None:
        """Note the end of an utterance behind what was sent so far; waits while the inbox is full."""
        if self._current is not None or await self._room():
            self._end()

    def mark(self, id: str) -> None:
        """Have it told when all that was sent so far has been played.

        Raises:
            Refusal: ``too_many_marks``.
        """
        if not self.left:
            self._utterances.expect_mark()
            self._inbox.put(_Mark(id))

    def feel(self, mood: Mood) -> None:
        """Let a mood come with what is sent next; an interrupt before that drops it.

        Raises:
            Refusal: ``too_many_moods``.
        """
        if self.left:
            return
        if self._moods_waiting >= WAITING_HIGH:
            raise Refusal("too_many_moods", f"{WAITING_HIGH} moods wait for their words; {LATER}")
        self._moods_waiting += 1
        self._inbox.put(mood)

    def leave(self) -> None:
        """Let somebody else feed the session: what was sent is flushed, and played. Again is fine."""
        if not self.left:
            self.unheard = self._before is not None and self._current is None and not len(self._inbox)
            self._end()
            self.left = True
            self._inbox.put(_Word.LEAVE)
            if self.unheard:
                self._gone.set()

    def close(self) -> None:
        """Forget all that waits; nothing is taken any more. Again is fine."""
        self.left = True
        self._inbox.clear()

    def interrupt(self, generation: int, from_outside: bool = False) -> None:
        """Discard everything that has not reached the inference thread.

        ``from_outside``: not by who sends, who may still be at a named utterance; the rest of that goes too.
        """
        self._generation = generation
        if self._current is not None:
            self._swallows = self._current.id if self._current.named else None
        if not from_outside:
            self._swallows = None
        self._current = None
        self._moods_waiting = 0
        self._narrator.interrupt()
        self._inbox.clear()
        self._cutter.interrupt(generation)
        self._cutter.expect(self._format)
        if self.left:
            self._inbox.put(_Word.LEAVE)

    async def run(self) -> None:
        """Serve the inbox until the feeder has left and all is served, or until cancelled."""
        if self._before is not None:
            await self._turn(self._before)
            if self.unheard:
                self._drained.set()
                return
            self._cutter.begin_at(self._before.next_pts)
            self._before = None
        while (item := await self._inbox.get()) is not _Word.LEAVE:
            match item:
                case bytes():
                    await self._cutter.cut(item)
                case _Begin():
                    self._cutter.expect(item.format)
                    self._utterances.begin(item.utterance, self.next_pts)
                case _End():
                    self._cutter.flush()
                    self._cutter.expect(self._format)  # what comes without a name is in that
                    if item.utterance is not None:
                        self._utterances.close(item.utterance, self.next_pts)
                case Text():
                    await self._narrator.say(item)
                    self._cutter.expect(self._format)
                case _Mark():
                    self._utterances.mark(item.id, self._cutter.position)
                case Mood():
                    self._moods_waiting -= 1
                    self._feel_with(item, self.next_pts)
        self._cutter.flush()
        self._drained.set()

    async def _turn(self, before: Feeder) -> None:
        """Wait until all that another sent has been handed on, or this one has left and is not to be heard."""
        waits = [asyncio.create_task(event.wait()) for event in (before._drained, self._gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _begin(self, id: str | None, format: PcmFormat) -> None:
        self._current = self._utterances.open(id)
        self._begun_format, self._begun_bytes = format, 0
        self._inbox.put(_Begin(self._current, format))

    def _end(self) -> None:
        self._swallows = None
        if self._current is not None:  # a sample that was cut short is forgotten, and has to be sent again
            self._current.received_bytes -= self._begun_bytes % self._begun_format.bytes_per_sample
        if self._current is not None or not self._numbers:
            self._inbox.put(_End(self._current))
        self._current = None

    async def _room(self) -> bool:
        """Wait for room; returns False where an interrupt came meanwhile, or the feeder has left.

        So it does at once for a microphone that stands behind a text: it would not be heard in time, and an interrupt
        that waits behind it neither.
        """
        generation = self._generation
        behind_text = self._narrator.speaks or self._before is not None
        if behind_text and not (self._numbers or self._current or self._inbox.has_room):
            return False
        await self._inbox.wait_for_room()
        return not self.left and generation == self._generation
