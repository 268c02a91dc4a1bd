"""Moods and listening: what is asked of the server, also after a loss and where a session lives anew."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from fake_server import FakeServer
from test_face import until
from test_feed import Wired

import lipwire
from lipwire import Mood
from lipwire.items import Begin, Cut, Feel, Listen, Say
from lipwire.loudness import LEAST_DBFS, Loudness
from lipwire.mood import MOODS, mood_of
from lipwire.outbox import QUEUE_BYTES, Outbox
from lipwire.pcm import PcmFormat
from lipwire.speech import Speech
from lipwire.wire import messages_of


def mood(name: str, strength: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"type": "mood", "name": name, "strength": strength, **more}


def tone(amplitude: float, seconds: float, sample_rate: int = 16_000, channels: int = 1) -> bytes:
    values = (amplitude * math.sin(2 * math.pi * 400 * n / sample_rate) for n in range(int(seconds * sample_rate)))
    return b"".join(struct.pack("<h", round(32767 * value)) * channels for value in values)


async def test_a_mood_is_set_at_once_and_with_words(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        await face.mood("warm", 0.5)
        await (await face.say("Oh no.", mood="sorry")).played()
        async with face.utterance(id="u", mood=Mood("surprised", 0.3)) as utterance:
            await utterance.send(bytes(480))
        await utterance.played()
        session = server.session
        kinds = [message if isinstance(message, bytes) else message["type"] for message in session.messages]
        assert kinds == ["mood", "mood", "say", "mood", "utterance", bytes(480), "flush"]
        words = [mood("sorry", when="words"), mood("surprised", 0.3, when="words")]
        assert session.moods == [mood("warm", 0.5), *words]


async def test_what_is_no_mood_is_noticed_here(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        with pytest.raises(ValueError, match="neutral, warm"):
            await face.mood("furious")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="0 to 1"):
            await face.mood("warm", 1.5)
        with pytest.raises(ValueError, match="furious"):
            await face.say("Hi", id="u", mood="furious")  # type: ignore[arg-type]
        await face.say("Hi", id="u")  # its name was not used up
        with pytest.raises(ValueError, match="begin, end, nod"):
            face.listening("sleep")  # type: ignore[arg-type]
    assert all(mood_of(name) == Mood(name) for name in MOODS)  # type: ignore[arg-type]


async def test_listening_is_hinted_at_and_heard(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        face.listening("begin")
        face.listen_to(tone(0.5, 0.1))
        face.listen_to(tone(0.5, 0.1))
        face.listen_to(bytes(2 * 48_000 * 2 * 2), sample_rate=48_000, channels=2)
        face.listening("nod")
        face.listening("end")
        await until(lambda: len(server.session.hints) == 5)
        begin, loud, quiet, nod, end = server.session.hints
        assert (begin, nod, end) == tuple({"type": "listening", "state": state} for state in ("begin", "nod", "end"))
        assert loud["levels"] == [pytest.approx(-9, abs=0.5)] * 5 and quiet["levels"] == [LEAST_DBFS] * 50
        with pytest.raises(ValueError, match="8000"):
            face.listen_to(b"", sample_rate=4000)


def test_loudness_is_that_of_40_ms_in_any_chunks() -> None:
    sound = tone(0.1, 0.21, 44_100, 2)
    whole = Loudness(44_100, 2).levels(sound)
    assert whole == [pytest.approx(-23, abs=0.5)] * 5
    pieces = Loudness(44_100, 2)
    assert [level for n in range(0, len(sound), 777) for level in pieces.levels(sound[n : n + 777])] == whole


async def test_a_lost_connection_tells_the_latest_mood_again_and_no_old_hint() -> None:
    wired = Wired()
    for each in (Mood("warm"), Mood("sorry")):
        wired.feed.feel(each)
        wired.feed.listen(Listen("nod"))
    await wired.lose()
    await wired.deliver()
    assert wired.server.moods == [mood("sorry")] and wired.server.hints == []


async def test_an_interrupt_drops_no_mood() -> None:
    outbox, speech = Outbox(), Speech("u", PcmFormat(), Mood("serious"))
    for item in (Feel(Mood("warm")), Begin(speech), Feel(Mood("sorry")), Listen("begin")):
        outbox.put(item)
    outbox.cut(Cut(1))
    assert [await outbox.take(), await outbox.take()] == [Feel(Mood("sorry")), Cut(1)]
    outbox.rewind(None)
    assert [await outbox.take(), await outbox.take()] == [Feel(Mood("sorry")), Cut(1)]


async def test_a_session_that_lives_anew_is_told_the_mood_that_it_was_in() -> None:
    wired = Wired()
    wired.feed.feel(Mood("warm", 0.5))
    speech = Speech("u", PcmFormat(), Mood("sorry"))
    wired.feed.reserve("u")
    wired.feed.begin(speech)
    wired.feed.sound(speech, bytes(4800))
    wired.feed.end(speech)
    await wired.finish()
    wired.feed.reborn({"type": "started"}, is_fresh=True, lost_at=None)
    assert await wired.feed.outbox.take() == Feel(Mood("sorry")), "its words were heard"


async def test_only_the_first_piece_of_an_utterance_says_its_mood() -> None:
    speech = Speech("u", PcmFormat(), Mood("warm"))
    assert len(messages_of(Begin(speech))) == 2 == len(messages_of(Say(speech, "Hi", None)))
    speech.next_piece(100)
    assert len(messages_of(Begin(speech))) == 1, "it may be in another by now"


async def test_hints_never_wait_and_are_bounded() -> None:
    wired = Wired()
    wired.feed.outbox.hold("all")
    for _ in range(100_000):
        wired.feed.listen(Listen(levels=(-20.0,) * 5))
    assert len(wired.feed.outbox) < QUEUE_BYTES + 1000
