"""RTMP push to nginx: what it kept is decoded again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from app.config import Settings
from app.ingest.pcm import PcmFormat
from app.rtc.checked_connect import output_reach
from app.rtc.picture_encoder import Effort, make_encoder
from app.rtc.rtmp.chunks import CHUNK_BYTES
from app.rtc.rtmp.flv import AAC_HEADER, AvcPayloads, aac_frame
from app.rtc.rtmp.publisher import Publisher, RtmpTarget
from app.rtc.rtmp_push import picture_ms, sound_ms
from app.rtc.voice_encoder import AacEncoder
from app.sessions.output_target import OutputRequest
from app.sessions.outputs import OutputStatus
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from tests.nginx import Nginx
from tests.noise import Faults, Noise, believed

HERE = output_reach(private=True)

pytestmark = pytest.mark.realtime

LIMIT_S = 30
RATE = 48_000
FRAME = RATE // 25
BEEPS = 5
BITRATE = 2_500_000


@dataclass(frozen=True)
class Film:
    """What was received, decoded; times in s."""

    codecs: tuple[str, str]
    size: tuple[int, int]
    pictures: list[tuple[float, float]]  # time, brightness
    sounds: list[tuple[float, np.ndarray]]
    keys: list[float]

    @classmethod
    def read(cls, path: Path) -> Film:
        pictures, sounds = [], []
        with av.open(str(path)) as film:
            video, audio = film.streams.video[0], film.streams.audio[0]
            codecs, size = (video.codec_context.name, audio.codec_context.name), (video.width, video.height)
            for frame in film.decode(video, audio):
                if isinstance(frame, VideoFrame) and frame.time is not None:
                    pictures.append((frame.time, float(frame.to_ndarray(format="gray").mean())))
                elif isinstance(frame, AudioFrame) and frame.time is not None:
                    assert frame.sample_rate == RATE
                    sounds.append((frame.time, frame.to_ndarray().reshape(-1)))
        with av.open(str(path)) as film:
            packets = [each for each in film.demux(video=0) if each.is_keyframe and each.pts is not None]
            keys = [float(each.pts * each.time_base) for each in packets]  # type: ignore[operator]
        return cls(codecs, size, pictures, sounds, keys)

    def flashes(self) -> list[float]:
        return [time for (_, before), (time, level) in pairwise(self.pictures) if level > 128 >= before]

    def beeps(self) -> list[float]:
        samples = np.concatenate([pcm for _, pcm in self.sounds])
        times = np.concatenate([time + np.arange(len(pcm)) / RATE for time, pcm in self.sounds])
        loud = np.flatnonzero(np.abs(samples) > 0.2)
        return [float(times[i]) for n, i in enumerate(loud) if n == 0 or times[i] - times[loud[n - 1]] > 0.2]


def beeps() -> np.ndarray:
    """Two seconds of silence, then a tone of 160 ms at the start of each second."""
    sound = np.zeros((BEEPS + 3) * RATE)
    tone = 0.6 * np.sin(2 * np.pi * 1000 * np.arange(4 * FRAME) / RATE)
    for second in range(2, 2 + BEEPS):
        sound[second * RATE :][: len(tone)] = tone
    return (sound * 32767).astype(np.int16)


def steps_ms(frames: Sequence[tuple[float, object]]) -> set[int]:
    return {round(1000 * (after - before)) for (before, _), (after, _) in pairwise(frames)}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(Settings(data_dir=tmp_path / "data", engine="clapper"))
    await started.start()
    yield started
    await started.aclose()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    made = Nginx(tmp_path)
    made.start()
    yield made
    made.stop()


async def until(session: Session, id: str, wanted: Callable[[OutputStatus], bool]) -> OutputStatus:
    async with asyncio.timeout(LIMIT_S):
        while not wanted(session.outputs.find(id)):
            await asyncio.sleep(0.02)
    return session.outputs.find(id)


async def test_light_and_sound_meet_in_what_a_server_received(service: Service, nginx: Nginx) -> None:
    tries = 0

    async def once() -> Film:
        nonlocal tries
        tries += 1
        key = f"sync{tries}"
        session = await service.open(SessionRequest(engine="clapper", mode="clip"))
        added = session.outputs.add(OutputRequest("rtmp", nginx.url(key)))
        await until(session, added.id, lambda now: now.state == "live")
        feeder = session.feeder(PcmFormat(sample_rate=RATE))
        await feeder.push(beeps().tobytes())
        await feeder.flush()
        async with asyncio.timeout(LIMIT_S):
            while session.stats().played_ms < 1000 * (BEEPS + 2.5):
                await asyncio.sleep(0.05)
        now = session.outputs.find(added.id)
        assert (now.state, now.attempts, now.last_error) == ("live", 1, None)
        await service.close(session)
        nginx.stop()  # it writes what it has
        film = Film.read(nginx.recorded(key, tries))
        nginx.start()
        return film

    def faults(film: Film, noise: Noise) -> Faults:
        assert film.codecs == ("h264", "aac") and film.size == (768, 768)
        flashes, tones = film.flashes(), film.beeps()
        found: Faults = {}
        if (len(flashes), len(tones)) != (BEEPS, BEEPS):
            found["count"] = f"{len(flashes)} flashes, {len(tones)} beeps"
        offsets_ms = [1000 * min((flash - tone for flash in flashes), key=abs) for tone in tones] if flashes else []
        if offsets_ms and max(map(abs, offsets_ms)) > 3:
            found["offset"] = f"light after sound by {offsets_ms} ms"
        pictures, sounds = steps_ms(film.pictures), steps_ms(film.sounds)
        if pictures != {40} or not sounds <= {21, 22}:
            found["hole"] = f"pictures {pictures} ms apart, sounds {sounds} ms"
        keys = [b - a for a, b in pairwise(film.keys)]
        if not keys or max(keys) > 2.2:
            found["keys"] = f"key pictures at {film.keys} s"
        print(f"light after sound by {[round(each, 2) for each in offsets_ms]} ms; keys at {film.keys}")
        return found

    await believed(once, faults)


async def test_times_go_on_where_three_bytes_no_longer_hold_them(nginx: Nginx) -> None:
    """After 4.6 hours; pictures of noise, which take several chunks each."""
    publisher = await Publisher.open(RtmpTarget("127.0.0.1", nginx.port, False, "live", "late"), (320, 240), HERE)
    listening = asyncio.create_task(publisher.listen())
    pictures, sounds, payloads = make_encoder("H264", BITRATE, BITRATE, Effort.USUAL), AacEncoder(), AvcPayloads()
    begins_ms, chance = 0xFFFFFF - 1000, np.random.default_rng(0)
    await publisher.send_voice(AAC_HEADER, begins_ms)
    for slot in range(50):
        noise = chance.integers(16, 235, (360, 320), dtype=np.uint8)
        coded = pictures.encode(noise, slot, slot % 25 == 0)
        for payload in payloads.payloads(coded.data, coded.key):
            await publisher.send_picture(payload, begins_ms + picture_ms(coded.pts))
        for number in (2 * slot, 2 * slot + 1):
            for sound in sounds.encode(np.zeros(FRAME // 2, np.int16), number):
                if sound.pts >= 0:
                    await publisher.send_voice(aac_frame(sound.data), begins_ms + sound_ms(sound.pts))
    listening.cancel()
    await publisher.aclose()
    await asyncio.sleep(0.5)  # nginx reads what the kernel has
    nginx.stop()
    film = Film.read(nginx.recorded("late"))
    assert nginx.recorded("late").stat().st_size > 50 * CHUNK_BYTES
    assert len(film.pictures) == 50 and steps_ms(film.pictures) == {40}
    assert len(film.sounds) > 80 and steps_ms(film.sounds) <= {21, 22}


async def test_a_server_that_comes_back_is_pushed_to_again(service: Service, nginx: Nginx) -> None:
    session = await service.open(SessionRequest(engine="clapper", mode="clip"))
    id = session.outputs.add(OutputRequest("rtmp", nginx.url("again"))).id
    await until(session, id, lambda now: now.state == "live")
    await asyncio.sleep(1)
    nginx.stop()
    lost = await until(session, id, lambda now: now.state == "waiting")
    assert lost.last_error is not None and lost.last_error.code == "connection_lost"
    gone = await until(session, id, lambda now: now.attempts > lost.attempts and now.state == "waiting")
    assert gone.last_error is not None and gone.last_error.code == "unreachable"
    nginx.start()
    back = await until(session, id, lambda now: now.state == "live")
    assert back.attempts > 2
    await asyncio.sleep(2)
    await session.outputs.remove(id)
    nginx.stop()
    film = Film.read(nginx.recorded("again", 2))
    assert len(film.pictures) > 12 and len(film.sounds) > 12
    assert film.pictures[0][0] == 0, "its times begin anew"
    assert session.stats().slots > 75 and not session.over


async def test_a_name_that_somebody_else_sends_is_waited_for(service: Service, nginx: Nginx) -> None:
    session = await service.open(SessionRequest(engine="clapper", mode="clip"))
    first = session.outputs.add(OutputRequest("rtmp", nginx.url("one"))).id
    await until(session, first, lambda now: now.state == "live")
    second = session.outputs.add(OutputRequest("rtmp", nginx.url("one"))).id
    waits = await until(session, second, lambda now: now.last_error is not None)
    assert waits.last_error is not None and waits.last_error.code == "name_taken"
    await session.outputs.remove(first)
    await until(session, second, lambda now: now.state == "live")


async def test_playout_that_waits_for_a_viewer_begins_with_an_output(service: Service, nginx: Nginx) -> None:
    session = await service.open(SessionRequest(engine="clapper", mode="clip", hold_until_viewer=True))
    assert not session.begun
    id = session.outputs.add(OutputRequest("rtmp", nginx.url("held"))).id
    await until(session, id, lambda now: now.state == "live")
    async with asyncio.timeout(LIMIT_S):
        while session.stats().slots < 25:
            await asyncio.sleep(0.02)
    assert session.attended
