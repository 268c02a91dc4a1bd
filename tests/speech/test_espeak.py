"""eSpeak NG itself, in its process."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from app.errors import Refusal
from app.speech import espeak_link
from app.speech.espeak import PIECE_CHARACTERS, YIELD_MS, Espeak
from app.speech.espeak_link import EspeakDied, EspeakLink

RATE = 22_050
LIBRARY, DATA = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
SENTENCE = "Hello, I am a talking face. "


@pytest.fixture
async def espeak() -> AsyncIterator[Espeak]:
    espeak = Espeak(LIBRARY, DATA)
    yield espeak
    await espeak.aclose()


@pytest.fixture
async def link() -> AsyncIterator[EspeakLink]:
    link = EspeakLink(LIBRARY, DATA)
    yield link
    await link.aclose()


async def said(espeak: Espeak, text: str, voice: str = "en-us") -> bytes:
    async with espeak.speak(text, voice) as spoken:
        assert (spoken.format.encoding, spoken.format.channels, spoken.format.sample_rate) == ("pcm_s16le", 1, RATE)
        return b"".join([piece async for piece in spoken.pieces])


def seconds(sound: bytes) -> float:
    return len(sound) / 2 / RATE


async def test_a_text_is_heard(espeak: Espeak) -> None:
    sound = np.frombuffer(await said(espeak, SENTENCE), "<i2").astype(float)
    assert 1.2 < len(sound) / RATE < 4
    assert 1000 < np.abs(sound).max() < 32767
    assert np.sqrt(np.mean(sound**2)) > 500


async def test_numbers_are_read_and_markup_is_not_markup(espeak: Espeak) -> None:
    assert seconds(await said(espeak, "1,234")) > 1.2
    plain = seconds(await said(espeak, "a b"))
    assert seconds(await said(espeak, '<break time="3s"/>')) > plain + 0.5, "its name is read, as all else"
    assert seconds(await said(espeak, "[[h@l'oU]]")) > plain + 0.5


async def test_voices_are_listed_and_speak_differently(espeak: Espeak) -> None:
    voices = {voice.id: voice for voice in await espeak.voices()}
    assert len(voices) > 100
    assert {"en", "en-us", "de", "fr", "es", "cmn"} <= voices.keys()
    assert (voices["en"].name, voices["en"].language) == ("English (Great Britain)", "en-gb")
    sounds = [await said(espeak, SENTENCE, voice) for voice in ("en-us", "de", "en-us+f3")]
    assert len({len(sound) for sound in sounds}) == 3


@pytest.mark.parametrize("voice", ["en-gb", "EN_US", "zh", "pt-br", "en+f2", "en-us+Andy"])
async def test_a_language_finds_its_voice(espeak: Espeak, voice: str) -> None:
    assert seconds(await said(espeak, "two", voice)) > 0.1


@pytest.mark.parametrize("voice", ["nobody", "en+nobody", "../../etc/passwd", "en/../en", "+f2", "en\n"])
async def test_a_voice_that_is_not_there_is_refused(espeak: Espeak, voice: str) -> None:
    with pytest.raises(Refusal) as caught:
        await said(espeak, SENTENCE, voice)
    assert caught.value.code == "no_such_voice"


async def test_the_first_sound_of_a_long_text_costs_one_piece(espeak: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: so it does not depend on how busy the machine is."""
    asked: list[str] = []
    ask = EspeakLink.ask

    async def noting(link: EspeakLink, **question: str) -> bytes:
        asked.append(question.get("text", ""))
        return await ask(link, **question)

    monkeypatch.setattr(EspeakLink, "ask", noting)
    await espeak.voices()
    asked.clear()
    async with espeak.speak(SENTENCE * 300, "en-us") as spoken:
        first = await anext(aiter(spoken.pieces))
        assert len(asked) == 1 and 0 < len(asked[0]) <= PIECE_CHARACTERS
        assert len(first) <= RATE * YIELD_MS // 1000 * 2
    assert len(asked) == 1, "nothing more is spoken for who has left"


async def test_a_long_text_takes_turns_with_others(espeak: Espeak) -> None:
    order: list[str] = []

    async def speak(name: str, text: str) -> None:
        async with espeak.speak(text, "en-us") as spoken:
            async for _ in spoken.pieces:
                if not order or order[-1] != name:
                    order.append(name)

    await espeak.voices()
    await asyncio.gather(speak("long", SENTENCE * 100), speak("short", SENTENCE))
    assert order == ["long", "short", "long"]


async def test_sentences_are_parted_by_a_pause(espeak: Espeak) -> None:
    pieces = SENTENCE * (PIECE_CHARACTERS // len(SENTENCE) + 1)
    sound = np.abs(np.frombuffer(await said(espeak, pieces), "<i2").astype(int))
    quiet = "".join("." if part.max() < 50 else "x" for part in np.array_split(sound, len(sound) * 100 // RATE))
    assert len([gap for gap in quiet.strip(".").split("x") if len(gap) > 15]) >= pieces.count(".") - 1


async def test_who_stops_listening_stops_the_synthesis_and_the_next_is_served(link: EspeakLink) -> None:
    await link.ask()
    asking = asyncio.create_task(link.ask(voice="gmw/en-US", text=SENTENCE, pause=False))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    sound = await link.ask(voice="gmw/en-US", text="one", pause=False)
    assert 0.1 < seconds(sound) < 1.2, "its own answer, not the one before"
    assert link.starts == 1


def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what_it_does: str) -> EspeakLink:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            def answer(data): os.write(1, len(data).to_bytes(4, "little") + data)
            answer(b"22050")
            for line in sys.stdin:
                if "bad" in line:
                    WHAT
                answer(b"xx")
            """
        ).replace("WHAT", what_it_does)
    )
    monkeypatch.setattr(espeak_link, "PROGRAM", program)
    return EspeakLink("", "", patience_s=20)


@pytest.mark.parametrize(
    "what_it_does",
    ["os.abort()", "os.write(1, b'abc'); os._exit(0)", "os.write(1, b'\\xff' * 4)", "os.close(1); time.sleep(60)"],
)
async def test_a_text_that_kills_the_library_takes_nobody_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what_it_does: str
) -> None:
    link = broken(tmp_path, monkeypatch, what_it_does)
    try:
        asked = [asyncio.create_task(link.ask(text=text)) for text in ("good", "bad", "good")]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert outcomes[0] == outcomes[2] == b"xx"
        assert isinstance(outcomes[1], EspeakDied)
        assert link.starts == 2
    finally:
        await link.aclose()


async def test_a_library_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = broken(tmp_path, monkeypatch, "time.sleep(600)")
    link._patience_s = 1
    try:
        with pytest.raises(EspeakDied):
            await link.ask(text="bad")
    finally:
        await link.aclose()


async def test_a_library_that_is_not_there_is_said(tmp_path: Path) -> None:
    espeak = Espeak(str(tmp_path / "nothing.so"), str(tmp_path))
    with pytest.raises(Refusal) as caught:
        await said(espeak, SENTENCE)
    assert caught.value.code == "speech_unavailable"
    await espeak.aclose()


async def test_the_process_knows_no_secrets(link: EspeakLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWIRE_SPEECH_KEY", "hush")
    await link.ask()
    assert link._process is not None
    assert b"hush" not in Path(f"/proc/{link._process.pid}/environ").read_bytes()


async def test_no_process_is_left_behind(link: EspeakLink) -> None:
    await link.ask()
    process = link._process
    assert process is not None and process.returncode is None
    await link.aclose()
    await link.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_the_process_ends_with_its_parent() -> None:
    """Its standard input closes then, however the parent ended."""
    command = [sys.executable, "-I", "-S", str(espeak_link.PROGRAM), LIBRARY, DATA]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=-3, stderr=-3)
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 30) == 0
