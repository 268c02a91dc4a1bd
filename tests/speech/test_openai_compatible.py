"""A server that speaks as OpenAI's does: ours, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.speech import speech_answer
from app.speech.openai_compatible import MOST_INPUT, OpenAiCompatible, OpenAiServer
from tests.mirror import dead_address
from tests.speech.speech_server import (
    Answer,
    SpeechServer,
    breaks_off,
    hangs,
    never_ends,
    refuses,
    speaks,
    waits_behind,
)
from tests.speech.test_wav import chunk, form, wav

PCM = PcmFormat("pcm_s16le", 1, 24_000)
StartServer = Callable[..., SpeechServer]


@pytest.fixture
def start() -> Iterator[StartServer]:
    servers: list[SpeechServer] = []

    def start(*answers: Answer) -> SpeechServer:
        servers.append(SpeechServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


async def said(
    server: OpenAiServer, text: str = "Hello.", voice: str = "alloy", patience_s: float = 20
) -> tuple[PcmFormat, list[bytes]]:
    client = OpenAiCompatible(server, patience_s)
    try:
        async with client.speak(text, voice) as spoken:
            return spoken.format, [piece async for piece in spoken.pieces]
    finally:
        await client.aclose()


async def refusal(server: OpenAiServer, patience_s: float = 20) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await said(server, patience_s=patience_s)
    assert caught.value.message.endswith(".")
    return caught.value


async def test_it_is_asked_as_openai_is(start: StartServer) -> None:
    server = start(speaks(b"abcd"))
    assert await said(OpenAiServer(server.url, "k3y", "m0del"), "Hi.", "nova") == (PCM, [b"abcd"])
    assert server.asked == [{"model": "m0del", "input": "Hi.", "voice": "nova", "response_format": "pcm"}]
    assert server.keys == ["Bearer k3y"] and server.paths == ["/v1/audio/speech"]
    await said(OpenAiServer(server.url))
    assert server.keys[1] is None and server.asked[1]["model"] == "tts-1"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://a:1", "http://a:1/v1/audio/speech"),
        ("http://a/", "http://a/v1/audio/speech"),
        ("https://a/v1", "https://a/v1/audio/speech"),
        ("https://a/x/v1/", "https://a/x/v1/audio/speech"),
        ("https://a/openai/audio/speech", "https://a/openai/audio/speech"),
    ],
)
def test_an_address_may_be_given_as_people_write_it(url: str, address: str) -> None:
    assert OpenAiServer(url).address == address


async def test_sound_comes_as_it_is_made(start: StartServer) -> None:
    """The first piece is there while the server has not yet made the last."""
    server = start(waits_behind(b"ab", b"cd"))
    client = OpenAiCompatible(OpenAiServer(server.url))
    async with client.speak("Hello.", "alloy") as spoken:
        pieces = aiter(spoken.pieces)
        heard = b""
        while len(heard) < 4:
            heard += await anext(pieces)
        assert heard == b"abcd"
        assert not server.go_on.is_set()
        server.go_on.set()
        assert await anext(pieces) == b"\x09\0"
    await client.aclose()


async def test_pieces_end_between_samples(start: StartServer) -> None:
    server = start(speaks(b"abcde", b"f", b"g", b"hijkl"))
    _, pieces = await said(OpenAiServer(server.url))
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) == b"abcdefghijkl"


async def test_wav_is_understood_where_pcm_was_not(start: StartServer) -> None:
    whole = wav(form(channels=2, rate=22_050), chunk(b"data", b"abcdefgh"), chunk(b"LIST", b"tail"))
    expected = PcmFormat("pcm_s16le", 2, 22_050)
    for pieces in ([whole], [bytes([byte]) for byte in whole]):
        format, sound = await said(OpenAiServer(start(speaks(*pieces, kind="audio/wav")).url))
        assert (format, b"".join(sound)) == (expected, b"abcdefgh")
    format, sound = await said(OpenAiServer(start(speaks(whole, kind="audio/pcm")).url))
    assert (format, b"".join(sound)) == (expected, b"abcdefgh"), "whatever it calls it"


async def test_an_announced_rate_is_believed(start: StartServer) -> None:
    server = start(speaks(b"abcd", kind="audio/pcm; rate=16000; channels=2"))
    assert (await said(OpenAiServer(server.url)))[0] == PcmFormat("pcm_s16le", 2, 16_000)


async def test_a_long_text_takes_several_requests_one_after_the_other(start: StartServer) -> None:
    server = start(speaks(b"abab"), waits_behind(b"cdcd"))
    client = OpenAiCompatible(OpenAiServer(server.url))
    async with client.speak("It goes on. " * 600, "alloy") as spoken:
        pieces = aiter(spoken.pieces)
        assert await anext(pieces) == b"abab"
        assert len(server.asked) == 1, "the next is asked for when this one has been taken"
        assert await anext(pieces) == b"cdcd"
    assert all(len(body["input"]) <= MOST_INPUT for body in server.asked)
    await client.aclose()


@pytest.mark.parametrize(
    ("answer", "code", "part"),
    [
        (refuses(401), "speech_unavailable", "LIPWIRE_SPEECH_KEY"),
        (refuses(403), "speech_unavailable", "LIPWIRE_SPEECH_KEY"),
        (refuses(404), "speech_unavailable", "LIPWIRE_SPEECH_URL"),
        (refuses(429), "speech_failed", "busy"),
        (refuses(500, {"error": "secret trace"}), "speech_failed", "busy"),
        (refuses(400, {"error": {"message": "Unknown voice: x."}}), "speech_failed", "Unknown voice: x."),
        (refuses(422, {"detail": "No such model."}), "speech_failed", "No such model."),
        (refuses(400, ["x"]), "speech_failed", "status 400"),
        (speaks(b"ID3\x04mp3", kind="audio/mpeg"), "speech_failed", "audio/mpeg"),
        (speaks(b"OggSabcd", kind="audio/pcm"), "speech_failed", "PCM"),
        (speaks(b'{"url":"x"}', kind="application/json"), "speech_failed", "application/json"),
        (speaks(wav(form(bits=24)), kind="audio/wav"), "speech_failed", "24 bits"),
        (speaks(b"RIFF", kind="audio/wav"), "speech_failed", "audio/wav"),
        (breaks_off(b"abcd"), "speech_failed", "broke off"),
        (breaks_off(), "speech_failed", "broke off"),
    ],
)
async def test_what_goes_wrong_is_said(start: StartServer, answer: Answer, code: str, part: str) -> None:
    told = await refusal(OpenAiServer(start(answer).url, "hush-hush"))
    assert told.code == code and part in told.message
    assert "hush" not in told.message and "secret" not in told.message


async def test_a_server_that_hangs_is_given_up(start: StartServer) -> None:
    for answer in (hangs, waits_behind(), waits_behind(b"abcd")):
        server = start(answer)
        told = await refusal(OpenAiServer(server.url), patience_s=0.3)
        assert told.code == "speech_failed" and "0.3 s" in told.message


async def test_a_server_that_is_not_there_is_said() -> None:
    assert (await refusal(OpenAiServer(dead_address()))).code == "speech_unavailable"


async def test_sound_without_an_end_is_refused(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_answer, "MOST_S", 60)
    assert (await refusal(OpenAiServer(start(never_ends).url))).code == "speech_failed"


async def test_who_stops_listening_hangs_up(start: StartServer) -> None:
    server = start(never_ends)
    client = OpenAiCompatible(OpenAiServer(server.url))

    async def listen() -> None:
        async with client.speak("Hello.", "alloy") as spoken:
            async for _ in spoken.pieces:
                heard.set()

    heard = asyncio.Event()
    listening = asyncio.create_task(listen())
    await heard.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    async with asyncio.timeout(20):
        connections = client._client._transport._pool.connections  # type: ignore[attr-defined]
        while connections:
            await asyncio.sleep(0.01)
            connections = client._client._transport._pool.connections  # type: ignore[attr-defined]
    await client.aclose()


async def test_its_one_known_voice_is_listed() -> None:
    client = OpenAiCompatible(OpenAiServer("http://127.0.0.1:1", voice="nova"))
    assert [voice.id for voice in await client.voices()] == ["nova"] == [client.default_voice]
    await client.aclose()
