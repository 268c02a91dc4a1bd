"""A feeder's messages in unusual orders, on a session whose time is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.media import SLOT_MS
from app.sessions.events import Speaking
from app.sessions.feeder import READ_AHEAD_S
from app.sessions.feeders import FEEDERS_HIGH
from app.sessions.utterances import WAITING_HIGH
from tests.sessions.test_say import Listener, Words, drawn, tone
from tests.sessions.test_session import RATE, Stage

MICROPHONE = PcmFormat(sample_rate=RATE)
OTHER = PcmFormat(sample_rate=48_000)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    stage = Stage(monkeypatch)
    stage.worker.start()
    yield stage
    for session in stage.sessions:
        await session.aclose()
    await stage.worker.aclose()


async def play(stage: Stage, slots: int) -> None:
    for _ in range(slots):
        await drawn(stage, stage.sessions[0])
        await stage.play(stage.sessions[0], 1)


def ends(listener: Listener) -> list[tuple[str, int, bool]]:
    """Who has ended: id, slots played, whether it was cut."""
    spoken = [event for event in listener.events if isinstance(event, Speaking) and not event.begins]
    return [(event.utterance, event.played_ms // SLOT_MS, event.interrupted) for event in spoken]


@pytest.mark.parametrize("cut", [False, True])
async def test_a_microphone_s_sound_behind_an_utterance_in_another_format_is_in_its_own(
    stage: Stage, cut: bool
) -> None:
    session = stage.open("live")
    session.start()
    feeder = session.feeder(MICROPHONE)
    feeder.utterance("other", OTHER)
    await feeder.push(tone(5, OTHER.sample_rate))
    await play(stage, 3)
    if cut:
        session.interrupt()
    else:
        await feeder.flush()
    await play(stage, 7)
    before_ms = session.played_ms
    await feeder.push(tone(12))
    await feeder.flush()
    await play(stage, 30)
    assert session.played_ms == before_ms + 12 * SLOT_MS


async def test_in_a_live_session_a_text_with_a_pause_is_one_utterance_though_another_waits_behind_it(
    stage: Stage,
) -> None:
    session = stage.open("live")
    session.start()
    listener = Listener(session)
    feeder = session.feeder(MICROPHONE)
    pause = bytes(len(tone(30, 22_050)))
    feeder.say(Words(tone(6, 22_050), pause, tone(6, 22_050)).speaking())
    feeder.say(Words(tone(6, 22_050)).speaking())
    await play(stage, 90)
    assert ends(listener) == [("1", 42, False), ("2", 6, False)]


async def test_a_sample_that_a_lost_socket_cut_in_two_is_asked_for_again(stage: Stage) -> None:
    session = stage.open("agent")
    first = session.feeder(OTHER)
    first.utterance("a", PcmFormat("pcm_f32le", 2, 8_000))
    await first.push(bytes(100 * 8))
    await first.push(bytes(7))
    first.leave()
    latest = session.latest_utterance
    assert latest is not None and latest.received_bytes == 100 * 8
    second = session.feeder(OTHER)
    second.utterance("a", PcmFormat("pcm_f32le", 2, 8_000))
    await second.push(bytes(8 * 8 + 1))
    await second.flush()
    assert latest.received_bytes == 108 * 8


@pytest.mark.parametrize("said", [False, True])
async def test_a_flood_of_pieces_of_one_utterance_is_refused(stage: Stage, said: bool) -> None:
    session = stage.open("agent")
    feeder = session.feeder(MICROPHONE)
    await feeder.push(tone(200))  # nothing behind it is read before it has been taken
    with pytest.raises(Refusal) as refused:
        for _ in range(2 * WAITING_HIGH):
            if said:
                feeder.say(Words().speaking(), "a")
            else:
                feeder.utterance("a")
                await feeder.flush()
    assert refused.value.code == "too_many_utterances"


async def test_what_is_begun_while_a_session_ends_ends_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    session = stage.open("agent")
    session.start()
    listener = Listener(session)
    feeder = session.feeder(MICROPHONE)
    closing, closed = asyncio.Event(), asyncio.Event()

    async def close_slowly() -> None:
        closing.set()
        await closed.wait()

    monkeypatch.setattr(session.outputs, "aclose", close_slowly)
    ending = asyncio.create_task(session.aclose())
    await closing.wait()
    feeder.utterance("late")
    closed.set()
    await ending
    await asyncio.sleep(0)
    assert ends(listener) == [("late", 0, True)]


async def test_many_small_messages_leave_the_event_loop_to_others(stage: Stage) -> None:
    session = stage.open("agent")
    feeder = session.feeder(MICROPHONE)
    messages = 1000
    for _ in range(messages):
        await feeder.push(bytes(2))
    turns = 0
    while len(feeder._inbox):
        await asyncio.sleep(0)
        turns += 1
    assert turns >= messages


async def test_more_of_an_utterance_cut_from_outside_under_its_name_is_not_heard_either(stage: Stage) -> None:
    session = stage.open("agent")
    session.start()
    listener = Listener(session)
    feeder = session.feeder(MICROPHONE)
    feeder.utterance("a")
    await feeder.push(tone(10))
    await play(stage, 5)
    played_ms = session.interrupt(from_outside=True).session_played_ms
    feeder.utterance("a")  # as who names it before every piece does
    await feeder.push(tone(10))
    await play(stage, 15)
    assert session.played_ms == played_ms and [id for id, _, _ in ends(listener)] == ["a"]
    await feeder.flush()
    feeder.utterance("a")
    await feeder.push(tone(3))
    await feeder.flush()
    await play(stage, 10)
    assert ends(listener)[1:] == [("a", 3, False)], "behind its flush it is another"


async def test_a_socket_that_comes_and_goes_without_a_word_keeps_nobody_out(stage: Stage) -> None:
    session = stage.open("agent")
    listener = Listener(session)
    first = session.feeder(MICROPHONE)
    first.utterance("a")
    await first.push(tone(200))  # not read to its end before it plays
    first.leave()
    for number in range(2 * FEEDERS_HIGH):
        feeder = session.feeder(MICROPHONE)
        feeder.told_seq = number
        feeder.leave()
        await stage.until(lambda feeder=feeder: feeder.drained)  # type: ignore[misc]
    last = session.feeder(OTHER)
    assert last.told_seq == 2 * FEEDERS_HIGH - 1
    last.utterance("b")
    await last.push(tone(5, OTHER.sample_rate))
    await last.flush()
    session.start()
    await play(stage, 215)
    assert ends(listener) == [("a", 200, False), ("b", 5, False)]


async def test_an_interrupt_is_heard_though_a_microphone_went_on_all_through_a_long_text(stage: Stage) -> None:
    session = stage.open("live")
    session.start()
    listener = Listener(session)
    feeder = session.feeder(MICROPHONE)
    words = Words(*[tone(25, 22_050)] * 30)
    feeder.say(words.speaking(), "long")
    await stage.until(lambda: words.entered)
    async with asyncio.timeout(10):
        for _ in range(2 * READ_AHEAD_S["live"]):
            await feeder.push(tone(25))
        await feeder.flush()
    await play(stage, 5)
    session.interrupt()
    await feeder.push(tone(5))
    await feeder.flush()
    await play(stage, 20)
    (id, _, cut), *others = ends(listener)
    assert (id, cut) == ("long", True) and others == [("1", 5, False)]
