"""What the feed makes of any order of sending, playing, losing and interrupting, against a model of the server."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model import ModelSession, joined

from lipwire.errors import ConnectionLost, LipwireError, SessionEnded
from lipwire.events import Event, Interrupted, MarkReached, SayFailed, SpeakingFinished, SpeakingStarted
from lipwire.feed import Feed
from lipwire.outbox import Outbox
from lipwire.pcm import PcmFormat
from lipwire.speech import Played, Speech
from lipwire.wire import message_of


class Wired:
    """A feed and a model session, and between them a pipe each way whose contents a loss destroys."""

    def __init__(self) -> None:
        self.server = ModelSession()
        self.told: list[Event] = []
        self.feed = Feed(self.told.append, last_event=0)
        self.up: list[dict[str, Any] | bytes] = []
        self._down = 0  # events that reached the client
        self.feed.attached(self.server.started())
        self.feed.go_on()
        self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            message = message_of(await self.feed.outbox.take())
            self.up.append(message if isinstance(message, bytes) else json.loads(message))

    async def deliver(self, count: int = 1_000_000) -> None:
        """Let the server read so many messages."""
        await self._settle()
        for message in self.up[:count]:
            self.server.take(message)
        del self.up[:count]

    async def tell(self, count: int = 1_000_000) -> None:
        """Let the client hear so many events."""
        for event in self.server.after(self._down)[:count]:
            self._down = event["seq"]
            self.feed.receive(event)
        await self._settle()

    async def lose(self, before_attach: Callable[[], None] = lambda: None, again: bool = False) -> None:
        """Lose the connection with all that is in it, and make another."""
        await self._settle()
        self._writer.cancel()
        self.up.clear()
        self.server.leave()
        before_attach()
        for _ in range(1 + again):
            self.feed.attached(self.server.started())
        self._down = self.feed.after or 0
        await self.tell()
        assert self.feed.caught_up
        self.feed.go_on()
        self._writer = asyncio.create_task(self._write())

    async def finish(self) -> None:
        """Let everything arrive, be played and told."""
        for _ in range(4):
            await self.deliver()
            self.server.play()
            await self.tell()

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    def speech(self, id: str) -> Speech:
        self.feed.reserve(id)
        return Speech(id, PcmFormat())

    def finished(self) -> list[SpeakingFinished]:
        return [event for event in self.told if isinstance(event, SpeakingFinished)]


def sound(ms: int, start: int = 0) -> bytes:
    return bytes((start + i) % 251 for i in range(48 * ms))


async def said(wired: Wired, id: str, ms: int = 100, ends: bool = True) -> Speech:
    speech = wired.speech(id)
    wired.feed.begin(speech)
    wired.feed.sound(speech, sound(ms))
    if ends:
        wired.feed.end(speech)
    return speech


async def test_an_utterance_is_told_once_begun_and_once_over() -> None:
    wired = Wired()
    speech = await said(wired, "a")
    await wired.finish()
    assert wired.told == [SpeakingStarted("a"), SpeakingFinished("a", 100, False)]
    assert await speech.played() == Played(100, False)
    assert len(wired.feed.outbox) == 0 or wired.server.messages[-1] == {"type": "flush"}


@pytest.mark.parametrize("read", range(5))
async def test_a_loss_after_any_message_changes_nothing(read: int) -> None:
    wired = Wired()
    speech = wired.speech("a")
    wired.feed.begin(speech)
    for start in range(3):
        wired.feed.sound(speech, sound(10, start))
    wired.feed.end(speech)
    await wired.deliver(read)
    await wired.lose()
    await wired.finish()
    assert joined(wired.server.assembled, "a") == sound(10, 0) + sound(10, 1) + sound(10, 2)
    assert wired.told == [SpeakingStarted("a"), SpeakingFinished("a", 30, False)]
    assert await speech.played() == Played(30, False)


@pytest.mark.parametrize("played_before_attach", [False, True])
async def test_two_pieces_of_an_open_utterance_are_one(played_before_attach: bool) -> None:
    wired = Wired()
    speech = await said(wired, "a", 100, ends=False)
    await wired.deliver()
    await wired.lose(wired.server.play if played_before_attach else lambda: None)
    wired.feed.sound(speech, sound(50, 7))
    await wired.deliver()
    await wired.lose(wired.server.play, again=True)
    wired.feed.end(speech)
    await wired.finish()
    assert joined(wired.server.assembled, "a") == sound(100) + sound(50, 7)
    assert wired.told == [SpeakingStarted("a"), SpeakingFinished("a", 150, False)]
    assert await speech.played() == Played(150, False)


async def test_an_utterance_that_ended_while_the_connection_was_lost_is_over() -> None:
    wired = Wired()
    speech = await said(wired, "a")
    await wired.deliver()
    await wired.lose(wired.server.play)
    assert await speech.played() == Played(100, False)
    await wired.finish()
    assert wired.finished() == [SpeakingFinished("a", 100, False)]


async def test_an_interrupt_in_flight_is_not_lost() -> None:
    wired = Wired()
    speech = await said(wired, "a")
    await wired.deliver()
    answer = wired.feed.interrupt()
    await wired.lose()
    await wired.finish()
    assert (await answer).session_played_ms == 0
    assert await speech.played() == Played(0, True)
    assert [type(event) for event in wired.told] == [SpeakingFinished, Interrupted]


async def test_an_interrupt_whose_answer_was_lost_is_answered_once() -> None:
    wired = Wired()
    await said(wired, "a")
    await wired.deliver()
    answer = wired.feed.interrupt()
    await wired.deliver()
    await wired.lose()
    after = await said(wired, "b", 20)
    await wired.finish()
    assert (await answer).utterance == "a"
    assert await after.played() == Played(20, False)
    assert sum(isinstance(event, Interrupted) for event in wired.told) == 1


async def test_an_interrupt_that_was_read_with_what_follows_is_not_repeated() -> None:
    wired = Wired()
    await said(wired, "a")
    await wired.deliver()
    answer = wired.feed.interrupt()
    after = await said(wired, "b", 20)
    await wired.deliver()
    await wired.lose()
    await wired.finish()
    assert answer.done() and await after.played() == Played(20, False)
    assert sum(isinstance(event, Interrupted) for event in wired.told) == 1


async def test_what_was_not_written_before_an_interrupt_is_never_sent() -> None:
    wired = Wired()
    wired._writer.cancel()
    await asyncio.sleep(0)
    unsent = await said(wired, "a")
    answer = wired.feed.interrupt()
    wired._writer = asyncio.create_task(wired._write())
    await wired.finish()
    assert wired.server.messages == [{"type": "interrupt"}]
    assert await unsent.played() == Played(0, True)
    assert answer.done() and wired.finished() == [SpeakingFinished("a", 0, True)]


async def test_two_interrupts_are_both_answered_whatever_is_lost() -> None:
    wired = Wired()
    await said(wired, "a")
    first = wired.feed.interrupt()
    await wired.deliver(2)
    await said(wired, "b")
    second = wired.feed.interrupt()
    await wired.lose()
    await wired.finish()
    assert first.done() and second.done()
    assert {event.utterance for event in wired.finished()} == {"a", "b"} and len(wired.finished()) == 2


async def test_an_interrupt_from_outside_ends_an_open_utterance_for_good() -> None:
    wired = Wired()
    speech = await said(wired, "a", 100, ends=False)
    await wired.deliver()
    wired.server.interrupt(from_outside=True)
    wired.feed.sound(speech, sound(10))  # on its way
    await wired.deliver()
    await wired.tell()
    wired.feed.sound(speech, sound(10))
    wired.feed.end(speech)
    after = await said(wired, "b", 20)
    await wired.finish()
    assert joined(wired.server.assembled, "a") == sound(100)
    assert await speech.played() == Played(0, True) and await after.played() == Played(20, False)


async def test_an_interrupt_from_outside_is_not_taken_for_one_that_was_not_sent() -> None:
    wired = Wired()
    await said(wired, "a")
    await wired.deliver()
    wired._writer.cancel()
    await asyncio.sleep(0)
    answer = wired.feed.interrupt()
    wired.server.interrupt(from_outside=True)
    await wired.tell()
    assert not answer.done()
    wired._writer = asyncio.create_task(wired._write())
    await wired.finish()
    assert answer.done() and wired.finished() == [SpeakingFinished("a", 0, True)]


async def test_a_mark_comes_back_once_though_it_is_sent_twice() -> None:
    wired = Wired()
    await said(wired, "a")
    first = wired.feed.mark("m")
    await wired.deliver()
    await wired.lose()
    again = wired.feed.mark("m")
    assert not first.done()
    await wired.finish()
    assert await first and await again
    assert [event for event in wired.told if isinstance(event, MarkReached)] == [MarkReached("m"), MarkReached("m")]


async def test_a_mark_that_is_told_after_a_loss_takes_nothing_with_it() -> None:
    wired = Wired()
    speech = wired.speech("a")
    wired.feed.begin(speech)
    mark = wired.feed.mark("m")
    await wired.deliver()
    wired.feed.sound(speech, sound(10))
    await wired.lose(wired.server.play)
    wired.feed.end(speech)
    await wired.finish()
    assert await mark and await speech.played() == Played(10, False)
    assert joined(wired.server.assembled, "a") == sound(10)


@pytest.mark.parametrize("from_outside", [False, True])
async def test_a_mark_behind_what_was_cut_says_so(from_outside: bool) -> None:
    wired = Wired()
    await said(wired, "a")
    mark = wired.feed.mark("m")
    await wired.deliver()
    if from_outside:
        wired.server.interrupt(from_outside=True)
    else:
        wired.feed.interrupt()
    await wired.finish()
    assert await mark is False


async def test_a_text_is_said_once() -> None:
    wired = Wired()
    for id, read in (("a", 0), ("b", 1)):
        speech = wired.speech(id)
        wired.feed.say(speech, id, None)
        await wired.deliver(read)
        await wired.lose()
        await wired.finish()
        assert await speech.played() == Played(40, False)
    assert wired.server.said == ["a", "b"]


async def test_a_text_that_could_not_be_said_says_why() -> None:
    wired = Wired()
    speech = wired.speech("a")
    wired.feed.say(speech, "", None)
    await wired.deliver()
    wired.server.fail_say("a", "text_empty")
    await wired.finish()
    with pytest.raises(LipwireError, match="text_empty"):
        await speech.played()
    assert wired.told == [SayFailed("a", "text_empty", "It is text_empty."), SpeakingFinished("a", 0, False)]


async def test_a_piece_does_not_take_the_name_of_another_utterance() -> None:
    wired = Wired()
    other = await said(wired, "a~2")
    speech = await said(wired, "a", ends=False)
    await wired.deliver()
    await wired.lose()
    wired.feed.end(speech)
    await wired.finish()
    assert wired.server.order == ["a~2", "a", "a~3"]
    assert await other.played() == await speech.played() == Played(100, False)


async def test_more_lost_than_is_kept_is_an_error_not_a_hole() -> None:
    wired = Wired()
    wired.feed.outbox = Outbox(keep_bytes=2_000)
    wired._writer.cancel()
    wired._writer = asyncio.create_task(wired._write())
    speech = wired.speech("a")
    wired.feed.begin(speech)
    for start in range(10):
        wired.feed.sound(speech, sound(10, start))
    await wired.deliver(3)
    with pytest.raises(ConnectionLost, match="sound_lost"):
        await wired.lose()


async def test_what_the_server_is_known_to_have_is_not_kept() -> None:
    wired = Wired()
    for number in range(20):
        await said(wired, str(number))
        await wired.finish()
    assert len(wired.feed.outbox) < 20_000


async def test_an_end_is_told_to_everybody_who_waits() -> None:
    wired = Wired()
    speech = await said(wired, "a")
    mark, answer = wired.feed.mark("m"), wired.feed.interrupt()
    wired.feed.fail(SessionEnded("session_over", "It is over."))
    for waiting in (speech.played(), mark, answer, wired.feed.wait_for_room()):
        with pytest.raises(SessionEnded):
            await waiting


async def test_utterances_and_marks_that_wait_have_a_bound() -> None:
    wired = Wired()
    for number in range(300):
        await said(wired, str(number), 0)
        await wired.deliver()
    waiting = asyncio.create_task(wired.feed.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await wired.finish()
    await asyncio.wait_for(waiting, 1)


ACTIONS = st.lists(
    st.sampled_from(
        [
            "begin",
            "sound",
            "sound",
            "end",
            "mark",
            "say",
            "deliver",
            "deliver",
            "tell",
            "play",
            "lose",
            "cut",
            "outside",
        ]
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=500, deadline=None)
@given(actions=ACTIONS, seed=st.integers(0, 1 << 32), outside=st.booleans(), cuts=st.booleans())
def test_any_order_gives_every_sound_and_every_event_once(
    actions: list[str], seed: int, outside: bool, cuts: bool
) -> None:
    asyncio.run(check_order(actions, random.Random(seed), outside, cuts))


async def check_order(actions: list[str], chance: random.Random, outside: bool, cuts: bool) -> None:
    wired = Wired()
    names, speeches, sent = itertools.count(), [], {}
    marks: list[asyncio.Future[bool]] = []
    answers: list[asyncio.Future[Interrupted]] = []
    cut: set[str] = set()
    current: Speech | None = None
    for action in actions:
        if action == "begin" or (action == "sound" and current is None):
            current = wired.speech(str(next(names)))
            speeches.append(current)
            sent[current.id] = b""
            wired.feed.begin(current)
        if action == "sound" and current is not None:
            data = sound(chance.randint(1, 5), chance.randint(0, 250))
            if not current.cut:
                sent[current.id] += data
            wired.feed.sound(current, data)
        elif action == "end" and current is not None:
            wired.feed.end(current)
            current = None
        elif action == "mark":
            marks.append(wired.feed.mark("m"))
        elif action == "say":
            current = None
            speech = wired.speech(str(next(names)))
            speeches.append(speech)
            wired.feed.say(speech, "x", None)
        elif action == "deliver":
            await wired.deliver(chance.randint(1, 4))
        elif action == "tell":
            await wired.tell(chance.randint(1, 4))
        elif action == "play":
            wired.server.play(chance.randint(1, 4))
        elif action == "lose":
            await wired.lose(lambda: wired.server.play(chance.randint(0, 3)), again=chance.random() < 0.2)
        elif action == "cut" and cuts:
            cut.update(speech.id for speech in speeches if not speech.over)
            answers.append(wired.feed.interrupt())
        elif action == "outside" and outside:
            cut.update(speech.id for speech in speeches if not speech.over)
            wired.server.interrupt(from_outside=True)
    if current is not None:
        wired.feed.end(current)
    await wired.lose()
    await wired.finish()

    assert all(mark.done() for mark in marks) and all(answer.done() for answer in answers)
    assert [speech.id for speech in speeches if not speech.over] == []
    told = [event.utterance for event in wired.finished()]
    assert sorted(told) == sorted(speech.id for speech in speeches), "each finished once"
    begun = [event.utterance for event in wired.told if isinstance(event, SpeakingStarted)]
    assert len(begun) == len(set(begun)), "each started at most once"
    assert len(wired.server.said) == len(set(wired.server.order) & {s.id for s in speeches if s.id not in sent})
    for id, data in sent.items():
        got = joined(wired.server.assembled, id)
        assert data.startswith(got) if id in cut else got == data
    for speech in speeches:
        played, length_ms = await speech.played(), len(sent[speech.id]) // 48 if speech.id in sent else 40
        assert played == Played(length_ms, False) if not played.interrupted else speech.id in cut
        assert played.played_ms <= length_ms
    if not (cuts or outside):
        assert all([await mark for mark in marks])
    order = [name for name in wired.server.order if "~" not in name]
    assert order == [s.id for s in speeches if s.id in order], "in the order in which they began"
