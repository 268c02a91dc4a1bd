"""What is said, what the server tells of it, and how the two fit together, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lipwire.bookmark import Bookmark
from lipwire.errors import LipwireError
from lipwire.events import (
    Event,
    Interrupted,
    MarkReached,
    SayFailed,
    SpeakingFinished,
    SpeakingStarted,
    Stats,
    Viewers,
    event_of,
)
from lipwire.hearing import Hearing
from lipwire.items import Begin, Cut, Feel, Flush, Item, Listen, Mark, Say, Sound
from lipwire.mood import Mood
from lipwire.names import Names
from lipwire.outbox import Outbox
from lipwire.pending import PendingCut, PendingMark
from lipwire.speech import Speech
from lipwire.tape import KEEP_BYTES, Tape

PLACES = 256  # for utterances and marks that have not played; the server takes 1000 of either


class Feed:
    """Everything about one session's voice but the connection: puts items into ``outbox``, is given messages.

    Whatever the server tells twice, or in pieces because it lost the client in between, is announced once. Bounds: the
    outbox's, and its :class:`Names`'; ``PLACES`` utterances and marks that have not played, past which
    :meth:`wait_for_room` waits. ``last_event``: see :class:`Bookmark`. ``may_move``: whether the session may come to
    live elsewhere, where nothing of it is known; then what was not heard is kept (:class:`Tape`).
    ``clock``: in seconds, in place of the loop's.
    """

    def __init__(
        self,
        announce: Callable[[Event], None],
        last_event: int | None,
        may_move: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.outbox = Outbox()
        self._tape = Tape(KEEP_BYTES if may_move else 0)
        self._names = Names()
        self._bookmark = Bookmark(last_event)
        self._hearing = Hearing(clock or asyncio.get_running_loop().time)
        self._handover: asyncio.Future[None] | None = None  # of what was not heard, to where the session moves
        self._handed: list[Speech] = []  # of which it was told; at most PLACES
        self._told = asyncio.Event()  # something, by the server
        self._mood: Mood | None = None  # the last that was set, or heard
        self.viewers = 0
        self._announce = announce
        self._attached_before = False
        self._open: Speech | None = None
        self._latest: Speech | None = None
        self._torn: Speech | None = None  # between an attach and going on: the one whose next piece begins
        self._speeches: dict[str, Speech] = {}  # that are not over, by the wire ids of all their pieces
        self._marks: dict[str, PendingMark] = {}
        self._cuts: list[PendingCut] = []
        self._numbers = itertools.count(1)
        self._places = asyncio.Event()
        self._places.set()

    # what is said

    def reserve(self, id: str) -> None:
        """Let an utterance have an id.

        Raises:
            ValueError: where another had it.
        """
        self._names.reserve(id)

    async def wait_for_room(self) -> None:
        """Return when something more may be said.

        Raises:
            LipwireError: why there never will be.
        """
        await self._places.wait()
        await self.outbox.wait_for_room()

    def begin(self, speech: Speech) -> None:
        """Begin an utterance; the one before it ends."""
        self._introduce(speech)
        self._open = speech
        self._put(Begin(speech))

    def sound(self, speech: Speech, data: bytes) -> None:
        """Say something of the utterance that is open; of one that was cut it is dropped."""
        if not speech.cut:
            speech.sent += len(data)
            self._put(Sound(speech, speech.sent, data))

    def end(self, speech: Speech) -> None:
        """End an utterance; again is fine."""
        if self._open is speech:
            self._open = None
        if speech.ended:
            return
        speech.ended = True
        if not speech.cut:
            self._put(Flush(speech))
            if speech.played_out and self._handover is None:
                self._finish(speech, interrupted=False)

    def say(self, speech: Speech, text: str, voice: str | None) -> None:
        """Say a text, as an utterance of its own."""
        self._introduce(speech)
        speech.ended = True
        self._put(Say(speech, text, voice))

    def feel(self, mood: Mood) -> None:
        """Let the face be in a mood from now on."""
        self._mood = mood
        self.outbox.put(Feel(mood))

    def listen(self, hint: Listen) -> None:
        """Hint that somebody speaks to the face; dropped where much else waits to be sent."""
        if self.outbox.has_room:
            self.outbox.put(hint)

    def mark(self, id: str) -> asyncio.Future[bool]:
        """Mark the place that was reached; the result says whether it was played, not cut."""
        pending = PendingMark(id, self._latest)
        name = f"{id}~{next(self._numbers)}"  # an echo of an earlier one of this name must not be taken for it
        self._marks[name] = pending
        self._put(Mark(name))
        self._count_places()
        return pending.reached

    def interrupt(self) -> asyncio.Future[Interrupted]:
        """Cut everything said so far."""
        self._tape.clear()
        unwritten = self.outbox.unwritten()
        for speech in self._speeches.values():
            speech.cut = True
            speech.truncated = speech.truncated or not speech.ended or speech in unwritten
        cut = self.outbox.cut(Cut(next(self._numbers)))
        pending = next((each for each in self._cuts if each.cut == cut), None)
        if pending is None:
            pending = PendingCut(cut, [], [])
            self._cuts.append(pending)
        pending.speeches, pending.marks = list(self._speeches.values()), list(self._marks)
        return pending.answer

    def fail(self, error: LipwireError) -> None:
        """Let everything that waits raise an error; the first one counts."""
        self.outbox.fail(error)
        self._places.set()
        for speech in self._speeches.values():
            speech.fail(error)
        futures: list[asyncio.Future[Any]] = [mark.reached for mark in self._marks.values()]
        futures += [cut.answer for cut in self._cuts]
        for future in futures:
            if not future.done():
                future.set_exception(error)

    # what the server says

    @property
    def has_attached(self) -> bool:
        """Whether a server has answered an attach."""
        return self._attached_before

    @property
    def after(self) -> int | None:
        """The newest event that was seen."""
        return self._bookmark.after

    @property
    def caught_up(self) -> bool:
        """Whether all has been told that happened before the server's last answer to an attach."""
        return self._bookmark.caught_up

    @property
    def next_number(self) -> int | None:
        """Behind those that the server gave to utterances without a name; None: it gave none."""
        return self._names.next_number

    @property
    def played_ms(self) -> int:
        """How much of the session's voice was heard, in all places where it lived."""
        return self._hearing.played_ms

    def attached(self, started: dict[str, Any]) -> None:
        """Take the server's answer to an attach. What was missed is told next; then comes :meth:`go_on`.

        Raises:
            ConnectionLost: when it lost more than is kept.
        """
        self._hearing.told(int(started.get("played_ms") or 0))
        self._handover = None  # it was lost on the way, and what it did is told
        for handed in self._handed:
            if not handed.over:
                self._finish(handed, interrupted=True)
        self._handed.clear()
        newest = int(started.get("last_event") or 0)
        if not self._attached_before:
            self._attached_before = True
            self._bookmark.begin(newest)
            self.viewers = int(started.get("viewers") or 0)
            return
        self._bookmark.repeat_to(newest)
        piece = started.get("utterance") or ""
        speech = self._speeches.get(piece)
        if speech is None or speech.wire_id != piece:
            self.outbox.locate(None, 0)
        else:
            self.outbox.locate(speech, speech.piece_start + int(started.get("received_bytes") or 0))
            self._continue(speech)
        for each in self._speeches.values():
            each.truncated = each.truncated or (each.cut and self.outbox.sound_left(each) is not None)

    @property
    def settled(self) -> bool:
        """Whether the server has nothing of what was said that it has not played, and owes no answer."""
        unbegun = self.outbox.unbegun()
        return (
            all(speech in unbegun and not speech.started for speech in self._speeches.values())
            and all(self.outbox.waiting(Mark(name)) for name in self._marks)
            and all(self.outbox.waiting(pending.cut) for pending in self._cuts)
        )

    async def wait_until_settled(self) -> None:
        """Return once that is so."""
        while not self.settled:
            self._told.clear()
            await self._told.wait()

    def hand_over(self) -> asyncio.Future[None]:
        """Take the next interrupt's answer for how much was heard; what was not is said elsewhere (:meth:`reborn`)."""
        self._handover = asyncio.get_running_loop().create_future()
        return self._handover

    @property
    def is_handed_over(self) -> bool:
        """Whether what was not heard was dropped where the session was, to be said elsewhere."""
        return self._handover is not None and self._handover.done()

    def reborn(self, started: dict[str, Any], is_fresh: bool, lost_at: float | None) -> None:
        """Go on where nothing is known of what was not heard: the server's answer to an attach there.

        ``is_fresh``: whether nothing at all is known there, not even which events there were. ``lost_at``: when the
        place before was lost, where it could not say how much had been heard. What was begun is gone on with where it
        stopped, as well as that is known; a text of which something was heard ends there.

        Raises:
            ConnectionLost: when some of it is not kept any more.
        """
        texts = filter(self._tape.is_text, self._speeches.values())
        heard = self._hearing.settle(self._speeches.values(), texts, lost_at)
        self._handover = self._torn = None
        self._handed.clear()
        for pending in list(self._cuts):
            self._answer(pending, Interrupted(None, 0, self.played_ms))
            self._announce(Interrupted(None, 0, self.played_ms))
        for speech in dict.fromkeys(self._speeches.values()):
            if speech.cut or (speech.started and self._tape.is_text(speech)):
                self._finish(speech, interrupted=True)
            elif speech.ended and speech.sent and heard[speech] >= speech.sent:
                self._finish(speech, interrupted=False)
            else:
                self._begin_again(speech)
        mood = [] if self._mood is None else [Feel(self._mood)]
        self.outbox.restart([*mood, *self._tape.rest(heard)])
        played_there_ms = int(started.get("played_ms") or 0)
        if is_fresh:
            self._hearing.move(played_there_ms)
            self._bookmark.restart()
        self._hearing.told(played_there_ms)
        self._bookmark.repeat_to(int(started.get("last_event") or 0))
        self.viewers = int(started.get("viewers") or 0)

    def go_on(self) -> None:
        """Send again what the server does not have."""
        self.outbox.rewind(self._torn)
        self._torn = None
        for pending in list(self._cuts):
            if not self.outbox.waiting(pending.cut):  # a later one does its work
                self._answer(pending, Interrupted(None, 0, self.played_ms))

    def receive(self, message: dict[str, Any]) -> None:
        """Take a message, and announce what it tells."""
        self._told.set()
        seq = message.get("seq")
        if seq is not None and not self._bookmark.is_news(seq):
            return
        event = event_of(message)
        self._follow(event)
        if isinstance(event, SpeakingStarted):
            self._started(event)
        elif isinstance(event, SpeakingFinished):
            self._finished(event)
        elif isinstance(event, SayFailed):
            self._say_failed(event)
        elif isinstance(event, Interrupted):
            self._interrupted(event)
        elif isinstance(event, MarkReached):
            self._reached(event)
        elif event is not None:
            if isinstance(event, Viewers):
                self.viewers = event.count
            elif isinstance(event, Stats):
                self._hearing.told(event.played_ms)
                event = replace(event, played_ms=self.played_ms)
            self._announce(event)

    def _started(self, event: SpeakingStarted) -> None:
        speech = self._speeches.get(event.utterance)
        if speech is None:
            if event.utterance not in self._names:
                self._announce(event)
            return
        if event.utterance == speech.wire_id:
            self.outbox.arrived(Begin(speech))
        if not speech.started:
            speech.started = True
            self._mood = speech.mood or self._mood
            self._announce(replace(event, utterance=speech.id))

    def _finished(self, event: SpeakingFinished) -> None:
        speech = self._speeches.get(event.utterance)
        if speech is None:
            if event.utterance not in self._names:
                self._announce(event)
            return
        speech.piece_finished(event.utterance, event.played_ms)
        if event.utterance == speech.wire_id:
            self.outbox.arrived(Begin(speech))
        if event.interrupted and self._handover is not None and not speech.cut:
            self._handed.append(speech)
            return  # it goes on elsewhere
        if event.interrupted:
            is_open = self._open is speech and not speech.cut
            self._finish(speech, interrupted=True)
            if is_open:
                self.outbox.put(Flush(speech))  # what is still on its way is swallowed up to here
        elif speech.played_out:
            self._finish(speech, interrupted=False)

    def _say_failed(self, event: SayFailed) -> None:
        speech = self._speeches.get(event.utterance)
        if speech is not None:
            speech.failure = LipwireError(event.code, event.message)
        self._announce(event)

    def _interrupted(self, event: Interrupted) -> None:
        self._hearing.told(event.session_played_ms)
        event = replace(event, session_played_ms=self.played_ms)
        for _ in range(event.answers):
            # one that was not written yet is not what this answers
            pending = next((each for each in self._cuts if not self.outbox.waiting(each.cut)), None)
            if pending is not None:
                self.outbox.arrived(pending.cut)
                self._answer(pending, event)
            elif self._handover is not None:
                if not self._handover.done():
                    self._handover.set_result(None)
                return  # nobody here asked for it
        # what it cut has been told; a mark behind what had played before would never come back
        for name, mark in list(self._marks.items()):
            if mark.speech is None or mark.speech.over:
                self._reached(MarkReached(name))
        self._announce(event)

    def _reached(self, event: MarkReached) -> None:
        mark = self._marks.pop(event.id, None)
        if mark is not None:
            self.outbox.reached(Mark(event.id))
            self._tape.reached(Mark(event.id))
            self._count_places()
            mark.settle(True)
            self._announce(MarkReached(mark.id))

    # both

    def _put(self, item: Item) -> None:
        self.outbox.put(item)
        self._tape.put(item)

    def _follow(self, event: Event | None) -> None:
        """Keep count of what is heard, and of the numbers that were given."""
        if not isinstance(event, SpeakingStarted | SpeakingFinished):
            return
        if isinstance(event, SpeakingStarted):
            self._hearing.begun(self._speeches.get(event.utterance))
        else:
            self._hearing.ended(event.played_ms)
        self._names.heard(event.utterance)

    def _begin_again(self, speech: Speech) -> None:
        """Let what is left of an utterance be one of its own."""
        if not speech.heard_ms and not speech.has_finished_piece:
            return
        self._names.begin_piece(speech, speech.format.bytes_in(speech.heard_ms))
        self._speeches[speech.wire_id] = speech

    def _introduce(self, speech: Speech) -> None:
        if self._open is not None:
            self.end(self._open)
        speech.begun = True
        self._latest = speech
        self._speeches[speech.wire_id] = speech
        self._count_places()

    def _continue(self, speech: Speech) -> None:
        """Begin another piece of an utterance that the server has ended for us, if anything of it follows."""
        left = self.outbox.sound_left(speech)
        if not speech.cut and not (speech.ended and left is None):
            self._names.begin_piece(speech, speech.sent if left is None else left)
            self._speeches[speech.wire_id] = speech
            self._torn = speech

    def _finish(self, speech: Speech, interrupted: bool) -> None:
        for wire_id in [name for name, each in self._speeches.items() if each is speech]:
            del self._speeches[wire_id]
        played = speech.finish(interrupted)
        self._tape.drop(speech)
        if interrupted:
            self.outbox.drop(speech)
            for name in [name for name, mark in self._marks.items() if mark.speech is speech]:
                self._marks.pop(name).settle(False)
                self._tape.reached(Mark(name))
        self._count_places()
        self._announce(SpeakingFinished(speech.id, played.played_ms, played.interrupted))

    def _answer(self, pending: PendingCut, event: Interrupted) -> None:
        self._cuts.remove(pending)
        for speech in pending.speeches:
            if not speech.over:
                self._finish(speech, interrupted=True)
        for name in pending.marks:
            if name in self._marks:
                self._marks.pop(name).settle(False)
        self._count_places()
        if not pending.answer.done():
            pending.answer.set_result(event)

    def _count_places(self) -> None:
        if len(self._speeches) < PLACES and len(self._marks) < PLACES:
            self._places.set()
        else:
            self._places.clear()
