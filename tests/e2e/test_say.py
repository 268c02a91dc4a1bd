"""A text, spoken by the real server with the built-in voice, or with somebody else's, and heard over WebRTC."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.client import Client
from tests.server import Serve, Server
from tests.speech.speech_server import SpeechServer, speaks

pytestmark = pytest.mark.realtime

PATIENCE_S = 60
RATE = 24_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32767).astype("<i2").tobytes()  # a second


def loud_s(client: Client) -> float:
    sound = np.concatenate([pcm for _, pcm in client.audio.frames]).astype(np.float32) / 32768
    return sum(float(np.abs(part).max()) > 0.02 for part in np.array_split(sound, len(sound) // 480)) / 100


async def test_texts_are_heard_in_their_order(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(mode="agent", engine="clapper")
        await client.connect()
        await client.say("say", text="Hello, I am a talking face.", utterance="hello")
        await client.say("say", text="Ich auch.", voice="nobody", utterance="wrong")
        await client.say("say", text="Guten Tag!", voice="de")
        hello = await client.expect("speaking", PATIENCE_S, state="finished", utterance="hello")
        assert 1200 < hello["played_ms"] < 4000 and not hello["interrupted"]
        failed = await client.expect("say_failed", PATIENCE_S)
        assert (failed["utterance"], failed["code"]) == ("wrong", "no_such_voice")
        german = await client.expect("speaking", PATIENCE_S, state="finished", utterance="1")
        assert 300 < german["played_ms"] < 2500
        ended = [m["utterance"] for m in client.messages if m["type"] == "speaking" and m["state"] == "finished"]
        assert ended == ["hello", "wrong", "1"]
        assert 1.0 < loud_s(client) < (hello["played_ms"] + german["played_ms"]) / 1000 + 0.5


async def test_an_interrupt_is_heard_while_a_long_text_is_spoken(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(mode="agent", engine="clapper")
        await client.connect()
        await client.say("say", text="This goes on and on. " * 400, utterance="long")
        await client.expect("speaking", PATIENCE_S, state="started", utterance="long")
        await client.say("interrupt")
        cut = await client.expect("interrupted", PATIENCE_S)
        assert cut["utterance"] == "long" and cut["played_ms"] < 60_000
        await client.say("say", text="Now this.", utterance="next")
        await client.expect("speaking", PATIENCE_S, state="finished", utterance="next")


async def test_a_server_of_ones_own_speaks(tmp_path: Path, serve: Serve) -> None:
    voice = SpeechServer(speaks(*[TONE[at : at + 4800] for at in range(0, len(TONE), 4800)]))
    with closing(voice), serve(tmp_path, speech_url=voice.url, speech_key="k3y", speech_voice="nova") as served:
        async with Client(served.ws_url) as client:
            await client.start(mode="agent", engine="clapper")
            await client.connect()
            await client.say("say", text="Hello.", utterance="hello")
            ended = await client.expect("speaking", PATIENCE_S, state="finished", utterance="hello")
        assert ended["played_ms"] in (1000, 1020, 1040)
        assert voice.asked[0]["voice"] == "nova" and voice.keys == ["Bearer k3y"]
