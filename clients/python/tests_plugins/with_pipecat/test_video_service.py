"""``LipwireVideoService`` in Pipecat's own pipeline, before a face that plays what a test lets it."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ErrorFrame,
    Frame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    OutputAudioRawFrame,
    StartFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.tests.utils import run_test
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from fake_face import FakeFace
from lipwire.pipecat import LipwireVideoService
from with_pipecat.run import Run

RATE = 16_000


def sound(ms: int, context: str | None = "c1") -> TTSAudioRawFrame:
    return TTSAudioRawFrame(b"\x01\x00" * (RATE * ms // 1000), RATE, 1, context_id=context)


def text(words: str, context: str = "c1") -> TTSTextFrame:
    frame = TTSTextFrame(words, "sentence", context_id=context)
    return frame


def started(context: str = "c1") -> TTSStartedFrame:
    return TTSStartedFrame(context_id=context)


def stopped(context: str = "c1") -> TTSStoppedFrame:
    return TTSStoppedFrame(context_id=context)


def service(face: FakeFace) -> LipwireVideoService:
    return LipwireVideoService(face=face)  # type: ignore[arg-type]


async def test_a_response_is_one_utterance_and_its_sound_ends_here() -> None:
    face = FakeFace()
    down, up = await run_test(
        service(face),
        frames_to_send=[started(), sound(100), sound(100), text("Hello."), stopped(), LLMFullResponseEndFrame()],
    )
    kinds = [type(frame) for frame in down]
    assert TTSAudioRawFrame not in kinds
    speech = [kind for kind in kinds if kind.__name__.startswith(("TTS", "LLM"))]
    assert speech == [TTSStartedFrame, TTSTextFrame, TTSStoppedFrame, LLMFullResponseEndFrame]
    assert [(each.id, len(each.sent), each.finished) for each in face.utterances] == [("c1", 2 * RATE // 5, True)]
    assert [kind for kind in kinds if kind in (BotStartedSpeakingFrame, BotStoppedSpeakingFrame)] == [
        BotStartedSpeakingFrame,
        BotStoppedSpeakingFrame,
    ]
    assert [type(frame) for frame in up] == [BotStartedSpeakingFrame, BotStoppedSpeakingFrame]
    assert not face.closed  # it was the test's


@pytest.mark.parametrize(
    ("frames", "utterances"),
    [
        pytest.param([started(), sound(40), stopped(), stopped()], ["c1"], id="stopped twice"),
        pytest.param([sound(40, None), stopped()], ["speech-1"], id="without a start or a name"),
        pytest.param([started(), stopped()], [], id="without sound"),
        pytest.param(
            [started("a"), sound(40, "a"), stopped("a"), started("b"), sound(40, "b"), stopped("b")],
            ["a", "b"],
            id="two sentences",
        ),
        pytest.param(
            [started("a"), sound(40, "a"), stopped("a"), started("a"), sound(40, "a"), stopped("a")],
            ["a", "a.2"],
            id="one name twice",
        ),
        pytest.param([started("a"), sound(40, "a"), started("b"), sound(40, "b")], ["a", "b"], id="never stopped"),
    ],
)
async def test_utterances(frames: list[Frame], utterances: list[str]) -> None:
    face = FakeFace()
    await run_test(service(face), frames_to_send=frames)
    assert [each.id for each in face.utterances] == utterances
    assert all(each.finished and not each.interrupted for each in face.utterances)


async def test_all_else_passes_and_other_sound_too() -> None:
    face = FakeFace()
    await run_test(
        service(face),
        frames_to_send=[OutputAudioRawFrame(b"\0\0", RATE, 1), TextFrame("x"), UserStartedSpeakingFrame()],
        expected_down_frames=None,
        expected_up_frames=[],
    )
    assert face.log == []


async def test_text_goes_on_once_it_was_heard() -> None:
    face = FakeFace(plays_ms=0)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One."), sound(1000), text("Two."), stopped())
        await run.until(lambda: "end c1" in face.log)
        assert run.names(run.down) == ["TTSStartedFrame"]
        face.hear(999)
        await run.until(lambda: "BotStartedSpeakingFrame" in run.names(run.up))
        assert run.names(run.down) == ["TTSStartedFrame", "BotStartedSpeakingFrame"]
        face.hear(1)
        await run.until(lambda: "TTSTextFrame" in run.names(run.down))
        assert run.names(run.down)[2:] == ["TTSTextFrame"]
        face.hear(1000)
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
        assert [frame.text for frame in run.down if isinstance(frame, TTSTextFrame)] == ["One.", "Two."]
        await run.until(lambda: "BotStoppedSpeakingFrame" in run.names(run.up))


async def test_an_interruption_in_the_middle_says_what_was_heard() -> None:
    face = FakeFace(plays_ms=0)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One sentence."), sound(1000), text("Two whole words, three more."))
        await run.send(sound(1000), text("Never heard."), stopped(), LLMFullResponseEndFrame())
        await run.until(lambda: "end c1" in face.log)
        face.hear(1600)
        await run.until(lambda: "TTSTextFrame" in run.names(run.down))
        await run.interrupt()
        await run.until(lambda: any(isinstance(frame, LLMMessagesAppendFrame) for frame in run.down))
        assert run.names(run.down)[2:] == [
            "TTSTextFrame",
            "InterruptionFrame",
            "BotStoppedSpeakingFrame",
            "LLMMessagesAppendFrame",
        ]
        appended = run.down[-1]
        assert isinstance(appended, LLMMessagesAppendFrame)
        assert appended.messages == [{"role": "assistant", "content": "Two whole words,"}]
        assert not appended.run_llm
        assert (face.utterances[0].played_ms, face.utterances[0].interrupted) == (1600, True)

        await run.send(sound(40))  # what was still on its way of the old answer
        await run.send(started("c2"), sound(40, "c2"), text("Next.", "c2"), stopped("c2"))
        face.hear(1000)
        await run.until(lambda: "finished c2 40" in face.log)
        assert [each.id for each in face.utterances] == ["c1", "c2"]
        await run.until(lambda: run.names(run.up).count("BotStoppedSpeakingFrame") == 2)


async def test_an_interruption_before_anything_was_heard_adds_nothing() -> None:
    face = FakeFace(plays_ms=0)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One."), stopped())
        await run.until(lambda: "end c1" in face.log)
        await run.interrupt()
        await run.until(lambda: "finished c1 0 cut" in face.log)
        await run.send(TextFrame("after"))
        await run.until(lambda: "TextFrame" in run.names(run.down))
        assert run.names(run.down) == ["TTSStartedFrame", "InterruptionFrame", "TextFrame"]
        assert run.names(run.up) == []


async def test_an_interruption_while_the_face_is_silent_does_not_reach_it() -> None:
    face = FakeFace()
    async with Run(service(face)) as run:
        await run.interrupt()
        await run.interrupt()
    assert face.log == []


async def test_an_interruption_overtakes_sound_that_the_server_does_not_take() -> None:
    face = FakeFace(plays_ms=0)
    face.writable.clear()
    async with Run(service(face)) as run:
        await run.send(started(), *[sound(20) for _ in range(500)], stopped())
        await run.until(lambda: "begin c1" in face.log)
        await run.interrupt()
        await run.until(lambda: "finished c1 0 cut" in face.log)
        face.writable.set()
        await run.send(started("c2"), sound(40, "c2"), stopped("c2"))
        face.hear(1000)
        await run.until(lambda: "finished c2 40" in face.log)
        assert not face.utterances[0].sent


async def test_a_face_that_does_not_answer_ends_an_interruption_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwire._speaker.INTERRUPT_TIMEOUT_S", 0.05)
    face = FakeFace(plays_ms=100)
    face.answers = False
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One."), stopped())
        await run.until(lambda: "BotStartedSpeakingFrame" in run.names(run.down))
        await run.interrupt()
        await run.until(lambda: "BotStoppedSpeakingFrame" in run.names(run.down))


async def test_speech_that_must_not_be_interrupted_is_not() -> None:
    face = FakeFace(plays_ms=0)
    frames = [started(), sound(1000), text("Important."), stopped()]
    for frame in frames:
        frame.interruptible = False
    async with Run(service(face)) as run:
        await run.send(*frames)
        await run.until(lambda: "end c1" in face.log)
        await run.interrupt()
        face.hear(1000)
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
        assert "interrupt" not in face.log
        assert "finished c1 1000" in face.log


async def test_what_must_not_be_lost_outlives_an_interruption() -> None:
    face = FakeFace(plays_ms=0)
    result = FunctionCallResultFrame("f", "1", {}, "done")
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000))
        await run.send(result, AggregatedTextFrame("x", "sentence"))
        await run.until(lambda: face.utterances and face.utterances[0].sent)
        await asyncio.sleep(0)
        await run.interrupt()
        await run.until(lambda: "FunctionCallResultFrame" in run.names(run.down))
        assert "AggregatedTextFrame" not in run.names(run.down)


async def test_an_interrupt_from_outside_interrupts_the_pipeline() -> None:
    face = FakeFace(plays_ms=400)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("Four words are here."))
        await run.until(lambda: "BotStartedSpeakingFrame" in run.names(run.down))
        face.cut()
        await run.until(lambda: "InterruptionFrame" in run.names(run.up))
        await run.until(lambda: "LLMMessagesAppendFrame" in run.names(run.down))
        assert "InterruptionFrame" in run.names(run.down)


async def test_an_end_waits_until_all_was_heard() -> None:
    face = FakeFace(plays_ms=0)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One."))
        ending = asyncio.ensure_future(run.end())
        await run.until(lambda: "end c1" in face.log)
        assert "EndFrame" not in run.names(run.down)
        face.hear(1000)
        await ending
        assert run.names(run.down)[-1] == "EndFrame"
        assert "TTSTextFrame" in run.names(run.down)


async def test_an_interruption_frees_an_end_that_waits() -> None:
    face = FakeFace(plays_ms=100)
    lipwired = service(face)
    async with Run(lipwired) as run:
        await run.send(started(), sound(1000), text("One."))
        ending = asyncio.ensure_future(run.end())
        await run.until(lambda: "end c1" in face.log)
        await lipwired.queue_frame(InterruptionFrame())
        await ending


async def test_a_cancellation_does_not_wait_and_silences_a_face_that_stays() -> None:
    face = FakeFace(plays_ms=100)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000))
        await run.until(lambda: "BotStartedSpeakingFrame" in run.names(run.down))
    assert face.log[-1] == "finished c1 100 cut"


async def test_a_face_that_is_gone_is_a_permanent_error_and_blocks_nothing() -> None:
    face = FakeFace(plays_ms=100)
    async with Run(service(face)) as run:
        await run.send(started(), sound(1000), text("One."), stopped())
        await run.until(lambda: "BotStartedSpeakingFrame" in run.names(run.down))
        face.end_session()
        await run.until(lambda: any(isinstance(frame, ErrorFrame) for frame in run.up))
        assert "BotStoppedSpeakingFrame" in run.names(run.up)
        await run.send(started("c2"), sound(100, "c2"), stopped("c2"), TextFrame("after"))
        await run.until(lambda: "TextFrame" in run.names(run.down))


async def test_words_with_times_go_on_as_the_face_comes_to_them() -> None:
    face = FakeFace(plays_ms=0)
    lipwired = service(face)
    async with Run(lipwired) as run:
        await run.send(started(), sound(2000))
        await run.until(lambda: face.utterances and face.utterances[0].sent)
        now = lipwired.get_clock().get_time()
        words = [text(word) for word in ("soon", "later", "never")]
        for word, after_s in zip(words, (-1.0, 0.05, 3600.0), strict=True):
            word.pts = int(now + after_s * 1e9)
        await run.send(*words)
        await run.send(TextFrame("behind"))
        await run.until(lambda: len(lipwired._script._timed) == 3)
        assert "TTSTextFrame" not in run.names(run.down)
        face.hear(100)
        await run.until(lambda: run.names(run.down).count("TTSTextFrame") == 2)
        assert [frame.text for frame in run.down if isinstance(frame, TTSTextFrame)] == ["soon", "later"]
        await run.interrupt()
        await run.until(lambda: "BotStoppedSpeakingFrame" in run.names(run.down))
        assert "LLMMessagesAppendFrame" not in run.names(run.down)


async def test_words_that_come_before_their_sound_wait_for_it() -> None:
    face = FakeFace(plays_ms=0)
    lipwired = service(face)
    async with Run(lipwired) as run:
        word = text("early")
        word.pts = lipwired.get_clock().get_time()
        await run.send(started(), word, sound(1000))
        await run.until(lambda: face.utterances and face.utterances[0].sent)
        assert run.names(run.down) == ["TTSStartedFrame"]
        face.hear(1000)
        await run.until(lambda: "TTSTextFrame" in run.names(run.down))
        names = run.names(run.down)
        assert names.index("BotStartedSpeakingFrame") < names.index("TTSTextFrame")


async def test_words_of_a_response_without_sound_are_not_lost() -> None:
    face = FakeFace(plays_ms=0)
    lipwired = service(face)
    async with Run(lipwired) as run:
        word = text("mute")
        word.pts = lipwired.get_clock().get_time()
        await run.send(started(), word, stopped())
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
        assert run.names(run.down) == ["TTSStartedFrame", "TTSTextFrame", "TTSStoppedFrame"]


async def test_an_utterance_that_is_never_stopped_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwire.pipecat.FORGOTTEN_STOP_S", 0.05)
    face = FakeFace()
    async with Run(service(face)) as run:
        await run.send(started(), sound(100), text("One."))
        await run.until(lambda: "BotStoppedSpeakingFrame" in run.names(run.up))
        await run.send(sound(100), text("Two."), stopped())  # it goes on after all
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
    assert [each.id for each in face.utterances] == ["c1", "c1.2"]


async def test_without_a_server_the_pipeline_is_told() -> None:
    nowhere = LipwireVideoService("http://127.0.0.1:9", reconnect_for=0)
    errors: list[ErrorFrame] = []

    async def note(processor: LipwireVideoService, error: ErrorFrame) -> None:
        errors.append(error)

    nowhere.add_event_handler("on_error", note)
    async with Run(nowhere) as run:
        await run.until(lambda: errors)
        await run.send(started(), sound(100), stopped())
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
    assert "127.0.0.1:9" in errors[0].error
    assert not nowhere.is_usable
    with pytest.raises(RuntimeError, match="on_face_ready"):
        _ = nowhere.face


class Output(BaseOutputTransport):
    """A transport's output that notes what it would play."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True))
        self.played: list[Frame] = []

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self.played.append(frame)
        return True


async def test_the_transport_does_not_play_the_voice_again_and_lets_the_text_through() -> None:
    face, output = FakeFace(plays_ms=0), Output()
    async with Run(service(face), output) as run:
        await run.send(started(), sound(1000), text("One."), stopped())
        await run.until(lambda: "end c1" in face.log)
        face.hear(1000)
        await run.until(lambda: "TTSStoppedFrame" in run.names(run.down))
        assert [frame.text for frame in run.down if isinstance(frame, TTSTextFrame)] == ["One."]
        assert run.names(run.down).count("BotStartedSpeakingFrame") == 1
        assert run.names(run.up).count("BotStoppedSpeakingFrame") == 1
        assert output.played == []


async def test_a_flood_of_sound_waits_outside() -> None:
    face = FakeFace(plays_ms=0)
    face.writable.clear()
    lipwired = service(face)
    async with Run(lipwired) as run:
        await run.send(started(), *[sound(20) for _ in range(2000)])
        await run.until(lambda: len(lipwired._speaker._orders) >= 64)  # type: ignore[union-attr]
        await asyncio.sleep(0.05)
        assert len(lipwired._speaker._orders) <= 66  # type: ignore[union-attr]


async def test_the_face_listens_to_the_user_and_their_frames_go_on() -> None:
    face = FakeFace()
    heard = [UserStartedSpeakingFrame(), InputAudioRawFrame(bytes(640), RATE, 1), UserStoppedSpeakingFrame()]
    down, _ = await run_test(service(face), frames_to_send=heard)
    assert face.hints == ["begin", "640 bytes at 16000 x 1", "end"]
    assert [type(frame) for frame in down if type(frame) in map(type, heard)] == [type(frame) for frame in heard]
