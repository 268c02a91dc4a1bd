"""Texts that a session speaks, in their order with all other sound; the synthesiser is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.media import SLOT_MS, SLOT_NS
from app.sessions.events import Interrupted, Marked, SayFailed, SessionEvent, Speaking
from app.sessions.narration import AHEAD_NS
from app.sessions.session import Session
from app.speech.synthesiser import Spoken
from app.speech.text import MOST_CHARACTERS
from tests.sessions.test_session import RATE, Stage

SPOKEN = PcmFormat("pcm_s16le", 1, 22_050)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    stage = Stage(monkeypatch)
    stage.worker.start()
    yield stage
    for session in stage.sessions:
        await session.aclose()
    await stage.worker.aclose()


def tone(slots: int, rate: int = RATE) -> bytes:
    count = slots * SLOT_MS * rate // 1000
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / rate) * 32767).astype("<i2").tobytes()


class Words:
    """A text's sound, piece by piece as it is given; notes what becomes of it."""

    def __init__(self, *pieces: bytes | Refusal, held: bool = False) -> None:
        self._pieces = pieces
        self.go_on = asyncio.Event()
        if not held:
            self.go_on.set()
        self.entered = self.left = False
        self.given = 0

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[Spoken]:
        self.entered = True
        try:
            yield Spoken(SPOKEN, self._all())
        finally:
            self.left = True

    async def _all(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await self.go_on.wait()
            if isinstance(piece, Refusal):
                raise piece
            self.given += 1
            yield piece


class Listener:
    """Keeps what a session tells."""

    def __init__(self, session: Session) -> None:
        self.events: list[SessionEvent] = []
        self._queue = session.events()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for told in self._queue:
            self.events.append(told.event)

    def spoken(self) -> list[tuple[str, str]]:
        return [
            (each.utterance, "began" if each.begins else "ended") for each in self.events if isinstance(each, Speaking)
        ]

    def has(self, kind: type[SessionEvent]) -> bool:
        return any(isinstance(each, kind) for each in self.events)


async def played_out(stage: Stage, session: Session, listener: Listener, utterance: str) -> None:
    """Play until an utterance has ended; no slot passes while the thread, on a busy machine, has something to draw."""
    async with asyncio.timeout(60):
        while (utterance, "ended") not in listener.spoken():
            await drawn(stage, session)
            await stage.play(session, 1)


async def drawn(stage: Stage, session: Session) -> None:
    stream, buffer = session._playout.stream, session._playout.buffer
    await stage.until(lambda: not stream.backlog or not buffer.demand.has_room, limit_s=60)


async def test_texts_are_utterances_of_their_own_in_order_with_other_sound(stage: Stage) -> None:
    session = stage.open("agent")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    await feeder.push(tone(5))
    feeder.say(Words(tone(4, 22_050)).speaking(), "first")
    feeder.say(Words(tone(3, 22_050)).speaking())
    await feeder.push(tone(6))
    feeder.mark("m")
    await feeder.flush()
    await played_out(stage, session, listener, "3")
    assert listener.spoken() == [(name, state) for name in ("1", "first", "2", "3") for state in ("began", "ended")]
    played = [e.played_ms for e in listener.events if isinstance(e, Speaking) and not e.begins]
    assert played == [5 * SLOT_MS, 4 * SLOT_MS, 3 * SLOT_MS, 6 * SLOT_MS], "each in its own format"
    assert listener.has(Marked)


async def test_the_first_sound_plays_within_a_few_slots_of_its_coming(stage: Stage) -> None:
    """Counted in slots, so that no load matters: 500 ms are twelve."""
    session = stage.open("agent")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    await stage.play(session, 10)
    feeder.say(Words(tone(50, 22_050)).speaking(), "u")
    await stage.until(lambda: len(session._playout.buffer) > 2)  # the thread has drawn
    slots = 0
    while ("u", "began") not in listener.spoken():
        await stage.play(session, 1)
        slots += 1
    assert slots <= 4


async def test_an_interrupt_gives_up_the_text_and_those_behind_it(stage: Stage) -> None:
    session = stage.open("agent")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    current, waiting = Words(tone(10, 22_050), tone(10, 22_050), held=True), Words(tone(4, 22_050))
    feeder.say(current.speaking(), "current")
    feeder.say(waiting.speaking(), "waiting")
    await stage.play(session, 3)
    assert current.entered and not current.left
    session.interrupt()
    await stage.until(lambda: current.left)
    feeder.say(Words(tone(4, 22_050)).speaking(), "next")
    await played_out(stage, session, listener, "next")
    assert listener.spoken() == [("current", "ended"), ("waiting", "ended"), ("next", "began"), ("next", "ended")]
    assert listener.has(Interrupted) and not listener.has(SayFailed)
    assert not waiting.entered


async def test_reading_goes_on_while_a_text_is_awaited(stage: Stage) -> None:
    session = stage.open("agent")
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    words = Words(tone(4, 22_050), held=True)
    feeder.say(words.speaking(), "slow")
    async with asyncio.timeout(10):
        await feeder.push(tone(5))
        feeder.utterance("after")
        await feeder.push(tone(5))
        await feeder.flush()
    listener = Listener(session)
    await stage.play(session, 5)
    assert listener.spoken() == []
    words.go_on.set()
    await played_out(stage, session, listener, "after")
    assert [name for name, state in listener.spoken() if state == "ended"] == ["slow", "1", "after"]


async def test_a_text_is_pulled_no_faster_than_there_is_room(stage: Stage) -> None:
    session = stage.open("agent")
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    words = Words(*[tone(5, 22_050)] * 1000)
    feeder.say(words.speaking())
    await stage.until(lambda: words.given > 15)
    await stage.play(session, 5)
    assert words.given < 40  # 75 windows wait for the thread, 20 frames behind it, 8 between; 5 slots a piece


async def test_what_fails_is_told_and_the_next_is_spoken(stage: Stage) -> None:
    session = stage.open("agent")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    why = Refusal("speech_failed", "It broke.")
    feeder.say(Words(why).speaking(), "never")
    feeder.say(Words(tone(5, 22_050), why).speaking(), "half")
    feeder.say(Words(tone(5, 22_050)).speaking(), "whole")
    await played_out(stage, session, listener, "whole")
    failed = [(each.utterance, each.why) for each in listener.events if isinstance(each, SayFailed)]
    assert failed == [("never", why), ("half", why)]
    assert listener.spoken() == [("never", "ended"), *((u, s) for u in ("half", "whole") for s in ("began", "ended"))]
    played = [e.played_ms for e in listener.events if isinstance(e, Speaking) and not e.begins]
    assert played == [0, 5 * SLOT_MS, 5 * SLOT_MS]


async def test_a_text_outlives_its_feeder_and_ends_with_its_session(stage: Stage) -> None:
    session = stage.open("agent")
    listener = Listener(session)
    session.start()
    words = Words(tone(5, 22_050), held=True)
    first = session.feeder(PcmFormat(sample_rate=RATE))
    first.say(words.speaking(), "said")
    first.leave()
    second = session.feeder(PcmFormat(sample_rate=RATE))
    await second.push(tone(5))
    await second.flush()
    await stage.play(session, 3)
    words.go_on.set()
    await played_out(stage, session, listener, "1")
    assert [name for name, state in listener.spoken() if state == "ended"] == ["said", "1"]
    last = Words(tone(5, 22_050), held=True)
    second.say(last.speaking())
    await stage.until(lambda: last.entered)
    await session.aclose()
    assert last.left


async def test_in_a_live_session_a_text_comes_as_a_microphone_would(stage: Stage) -> None:
    session = stage.open("live")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    words = Words(*[tone(5, 22_050)] * 50)
    feeder.say(words.speaking(), "long")
    for slots in range(60):
        assert words.given * 5 * SLOT_NS <= slots * SLOT_NS + AHEAD_NS + 10 * SLOT_NS
        await drawn(stage, session)
        await stage.play(session, 1)
    assert words.given >= 10
    await played_out(stage, session, listener, "long")
    assert [e.played_ms for e in listener.events if isinstance(e, Speaking) and not e.begins] == [250 * SLOT_MS]
    assert session.stats().drops == 0


async def test_a_flood_of_texts_is_bounded(stage: Stage) -> None:
    session = stage.open("agent")
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    with pytest.raises(Refusal) as caught:
        for _ in range(MOST_CHARACTERS):
            feeder.say(Words(tone(1, 22_050)).speaking())
    assert caught.value.code == "too_many_utterances"


@pytest.mark.parametrize("cut", [False, True])
async def test_a_microphone_s_sound_behind_a_text_is_in_its_own_format(stage: Stage, cut: bool) -> None:
    session = stage.open("live")
    listener = Listener(session)
    feeder = session.feeder(PcmFormat(sample_rate=RATE))
    session.start()
    words = Words(tone(5, 22_050), tone(5, 22_050))
    feeder.say(words.speaking(), "said")
    await stage.until(lambda: words.given > 0)
    if cut:
        session.interrupt()
        await stage.until(lambda: words.left)
    before = session.stats().played_ms
    await feeder.push(tone(20))
    await feeder.flush()
    await played_out(stage, session, listener, "1")
    assert session.stats().played_ms == before + (20 + (0 if cut else 10)) * SLOT_MS
