"""The example's whole pipeline, offline, before a real Lipwire server (``LIPWIRE_TEST_URL``)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipecat.frames.frames import CancelFrame, InputAudioRawFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.workers.runner import WorkerRunner

sys.path.insert(0, str(Path(__file__).parents[4] / "examples" / "converse"))

from agent import MICROPHONE_RATE, Setting, make_agent
from espeak import Espeak

from lipwire.feed import Feed
from lipwire.items import Listen

URL = os.environ.get("LIPWIRE_TEST_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="LIPWIRE_TEST_URL names no server: run make test-plugins")

PHRASE = "Could you please tell me something about yourself?"
BLOCK_S = 0.02
DEADLINE_S = 60


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


@dataclass
class Visitor:
    """Somebody before the page: speaks in real time, and notes what the page is told."""

    espeak: Espeak
    told: list[dict[str, Any]] = field(default_factory=list)
    context: LLMContext = field(default_factory=LLMContext)
    say: str = ""

    def types(self) -> list[str]:
        return [each["type"] for each in self.told if each["type"] != "said"]

    def said(self) -> str:
        return " ".join(each["text"] for each in self.told if each["type"] == "said")

    async def until(self, met: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not met():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{what} did not come; the page was told {self.types()} and {self.said()!r}")


@asynccontextmanager
async def visit(espeak: Espeak, brain: str) -> AsyncIterator[Visitor]:
    visitor = Visitor(espeak)

    async def tell(message: str) -> None:
        visitor.told.append(json.loads(message))

    worker, visitor.context = make_agent(Setting(URL, brain=brain), espeak, tell)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    async def microphone() -> None:
        block_bytes = round(MICROPHONE_RATE * BLOCK_S) * 2
        speech, due = b"", time.monotonic()
        while True:
            if visitor.say:
                speech, visitor.say = resampled(espeak.speak(visitor.say).pcm, espeak.sample_rate), ""
            block, speech = speech[:block_bytes], speech[block_bytes:]
            await worker.queue_frame(InputAudioRawFrame(block.ljust(block_bytes, b"\0"), MICROPHONE_RATE, 1))
            due += BLOCK_S
            await asyncio.sleep(max(due - time.monotonic(), 0))

    speaking = asyncio.create_task(microphone())
    try:
        await visitor.until(lambda: "face" in visitor.types(), "the face")
        yield visitor
    finally:
        speaking.cancel()
        await worker.queue_frame(CancelFrame())
        await asyncio.wait_for(running, DEADLINE_S)


def resampled(pcm: bytes, rate: int) -> bytes:
    import numpy as np
    import soxr

    return bytes(soxr.resample(np.frombuffer(pcm, np.int16), rate, MICROPHONE_RATE).tobytes())


def face_id(visitor: Visitor) -> str:
    return str(next(each["watch"] for each in visitor.told if each["type"] == "face")).split("/watch/")[1].split("#")[0]


async def state(session: str) -> dict[str, Any]:
    async with httpx.AsyncClient(follow_redirects=True) as http:  # from a front to its stage
        answer = await http.get(f"{URL}/api/sessions/{session}")
        return dict(answer.json()) if answer.is_success else {"state": "over"}


async def test_the_face_answers_is_interrupted_and_answers_again(espeak: Espeak) -> None:
    async with visit(espeak, "script") as visitor:
        session = face_id(visitor)
        visitor.say = PHRASE
        await visitor.until(lambda: "face speaks" in visitor.types(), "the first answer")
        assert visitor.types().index("you stopped") < visitor.types().index("face speaks")
        await visitor.until(lambda: "model" in visitor.said(), "the words of the first sentences")
        assert (await state(session))["state"] == "speaking"

        visitor.say = "Please listen to me for a moment, what else can you do?"
        await visitor.until(lambda: "interrupted" in visitor.types(), "the interruption")
        await visitor.until(lambda: "face stopped" in visitor.types(), "silence")
        said = visitor.said()
        assert said.startswith("Hello! I am a face") and "or so they say" not in said

        await visitor.until(lambda: visitor.types().count("face speaks") == 2, "the second answer")
        messages: list[Any] = visitor.context.get_messages()
        heard = " ".join(each["content"] for each in messages if each["role"] == "assistant")
        assert heard.startswith("Hello! I am a face") and "or so they say" not in heard
        assert abs(len(heard) - len(said)) < 40, (heard, said)  # the context holds what was heard, and hardly more
    assert (await state(session))["state"] == "over"


async def test_who_watches_over_the_session_interrupts_the_agent(espeak: Espeak) -> None:
    async with visit(espeak, "script") as visitor:
        visitor.say = PHRASE
        await visitor.until(lambda: "model" in visitor.said(), "the first answer")
        async with httpx.AsyncClient(follow_redirects=True) as http:  # from a front to its stage
            answer = await http.post(f"{URL}/api/sessions/{face_id(visitor)}/interrupt")
        assert answer.json()["played_ms"] > 0
        await visitor.until(lambda: "face stopped" in visitor.types(), "silence")
        await visitor.until(lambda: visitor.types().count("interrupted") == 2, "word of it")  # beside their own
        said = visitor.said()
        visitor.say = PHRASE
        await visitor.until(lambda: visitor.types().count("face speaks") == 2, "the second answer")
        await visitor.until(lambda: "You interrupted me" in visitor.said(), "its words")
        assert visitor.said().startswith(said)  # nothing of the first answer came after it


async def test_the_face_repeats_the_visitor(espeak: Espeak) -> None:
    async with visit(espeak, "echo") as visitor:
        visitor.say = PHRASE
        await visitor.until(lambda: "face stopped" in visitor.types(), "the echo's end")
        assert "interrupted" not in visitor.types()[visitor.types().index("face speaks") :]
        played_ms = (await state(face_id(visitor)))["played_ms"]
        spoken_ms = len(espeak.speak(PHRASE).pcm) // 2 * 1000 // espeak.sample_rate
        assert played_ms > spoken_ms * 0.7


async def test_the_face_hears_the_visitor_through_the_whole_pipeline(
    espeak: Espeak, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Listen] = []
    listen = Feed.listen

    def note(feed: Feed, hint: Listen) -> None:
        heard.append(hint)
        listen(feed, hint)

    monkeypatch.setattr(Feed, "listen", note)
    async with visit(espeak, "script") as visitor:
        visitor.say = PHRASE
        await visitor.until(lambda: {"begin", "end"} <= {hint.state for hint in heard}, "a hint")
        await visitor.until(lambda: "face speaks" in visitor.types(), "the answer")
        assert sum(level > -40 for hint in heard for level in hint.levels) > 20, "it was as loud as a voice"
        assert (await state(face_id(visitor)))["state"] in ("speaking", "listening"), "the server took it all"
