"""The recorder as a subscriber: on a clock moved by hand, with a disk that is as slow or as full as the test wants."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest

from app.clock import Epoch, SlotClock
from app.i420 import BLACK_LUMA, WHITE_LUMA, plain
from app.media import PACKET_NS
from app.pacer.played_slot import PlayedSlot
from app.provenance.credentials import Credentials
from app.provenance.origin import Origin
from app.provenance.source_type import DIGITAL_SOURCE_TYPE
from app.provenance.xmp import xmp_box
from app.rtc.broadcast import SUBSCRIPTION_PICTURES, SUBSCRIPTION_VOICE, PictureBroadcast, VoiceBroadcast
from app.rtc.picture_encoder import Effort, PictureEncoder, make_encoder
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.recording.mp4_file import Mp4File
from app.rtc.recording.recorder import KEY_INTERVAL, WAITING_HIGH, Recorder
from app.rtc.senders import Media
from tests.fakes import FakeClock, InlinePool
from tests.provenance.signing import make_signing
from tests.recorded import boxes, play, slot_of_sound

SIDE = 128
LEAD = 2
BLACK, WHITE = plain(SIDE, SIDE, BLACK_LUMA), plain(SIDE, SIDE, WHITE_LUMA)


class StuckDisk(Executor):
    """A pool whose work waits until the disk is let go; from then on it is done at once."""

    def __init__(self) -> None:
        self.is_stuck = True
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        if self.is_stuck:
            self.waiting.append(work)
        else:
            work()
        return future

    def let_go(self) -> None:
        self.is_stuck = False
        for work in self.waiting:
            work()


class Stage:
    """A clapper session's broadcasts, without the session. Encoders are real, and counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.codecs: list[str] = []
        monkeypatch.setattr("app.rtc.picture_channel.make_encoder", self._counted)
        self.clock, self.feed = FakeClock(), PlayoutFeed(LEAD)
        self.pictures = PictureBroadcast(self.feed, self.clock, InlinePool(), LEAD * PACKET_NS, 500_000, Effort.USUAL)
        self.voice = VoiceBroadcast(self.feed, self.clock)
        self.media = Media(self.voice, self.pictures, Epoch())
        self.slots = SlotClock(self.clock.time_ns)
        self.next_slot = 0

    def _counted(self, codec: Any, *options: Any) -> PictureEncoder:
        self.codecs.append(codec)
        return make_encoder(codec, *options)

    async def show(self, count: int, clapping: bool = True) -> None:
        """Play so many slots."""
        serving = [asyncio.create_task(each.run(self.slots)) for each in (self.voice, self.pictures)]
        for _ in range(count):
            loud = clapping and self.next_slot % 25 in (10, 11, 12)
            sent = self.pictures.sent
            self.feed.put(PlayedSlot(self.next_slot, self.next_slot, WHITE if loud else BLACK, slot_of_sound(loud), 0))
            self.next_slot += 1
            while self.pictures.sent == sent or self.feed.voice.items:
                await asyncio.sleep(0)
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def record(self, path: Path, pool: Executor | None = None, origin: Origin | None = None) -> Recorder:
        return Recorder(self.media, path, (SIDE, SIDE), origin or Origin("Made up"), pool or InlinePool())


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def test_what_was_sent_is_in_the_file_lips_and_voice_together(stage: Stage, tmp_path: Path) -> None:
    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(100)
    assert 0 < recorder.bytes < (tmp_path / "a.mp4").stat().st_size + 1 and not recorder.is_over
    await recorder.aclose()
    await recorder.aclose()
    assert recorder.is_over and recorder.fault is None and recorder.duration_ms == 4000
    assert recorder.bytes == (tmp_path / "a.mp4").stat().st_size
    assert "moof" not in boxes(tmp_path / "a.mp4")
    played = play(tmp_path / "a.mp4")
    np.testing.assert_array_equal(np.array(played.times, float), np.arange(100) / 25)
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4, 2.4, 3.4])
    np.testing.assert_allclose(played.beeps(), [0.4, 1.4, 2.4, 3.4], atol=0.001)
    assert not stage.pictures.watched, "nothing is coded for nobody"


async def test_one_encoding_serves_viewers_and_recording(stage: Stage, tmp_path: Path) -> None:
    viewers = [stage.pictures.subscribe("H264") for _ in range(2)]
    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(10)
    packets = [[await viewer.next() for _ in range(10)] for viewer in viewers]
    await recorder.aclose()
    assert stage.codecs == ["H264"]
    data = (tmp_path / "a.mp4").read_bytes()
    slices = [_last_unit(packet.data) for packet in packets[0]]
    assert all(each in data for each in slices), "to the byte"


async def test_a_viewer_of_another_codec_costs_one_more_encoding(stage: Stage, tmp_path: Path) -> None:
    stage.pictures.subscribe("VP8")
    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(5)
    await recorder.aclose()
    assert sorted(stage.codecs) == ["H264", "VP8"]


async def test_a_disk_that_is_stuck_is_given_ten_seconds_and_no_more(stage: Stage, tmp_path: Path) -> None:
    disk = StuckDisk()
    recorder = stage.record(tmp_path / "a.mp4", disk)
    most = 0
    for _ in range(50):
        await stage.show(10)
        most = max(most, recorder.depth)
        assert len(recorder._pictures) <= SUBSCRIPTION_PICTURES and len(recorder._voice) <= SUBSCRIPTION_VOICE
    assert WAITING_HIGH <= most <= WAITING_HIGH + 1
    assert stage.pictures.dropped > 100 and stage.voice.dropped > 200
    disk.let_go()
    await stage.show(100)
    await recorder.aclose()
    assert recorder.fault is None
    played = play(tmp_path / "a.mp4")
    times = np.array(played.times, float)
    gap = int(np.argmax(np.diff(times)))
    assert times[gap] > 9 and float(played.times[gap + 1]) in map(float, played.keys)
    assert times[-1] == 599 / 25 and len(played.sound) / 48_000 == pytest.approx(24, abs=0.03)
    late = played.flashes() > times[gap + 1] + 1
    np.testing.assert_allclose(played.flashes()[late] % 1, 0.4)
    np.testing.assert_allclose(played.beeps()[-3:], played.flashes()[-3:], atol=0.001)


async def test_what_waits_when_the_session_ends_is_written(stage: Stage, tmp_path: Path) -> None:
    disk = StuckDisk()
    recorder = stage.record(tmp_path / "a.mp4", disk)
    await stage.show(30)
    closing = asyncio.create_task(recorder.aclose())
    await asyncio.sleep(0)
    assert not recorder.is_over
    disk.let_go()
    await closing
    assert len(play(tmp_path / "a.mp4").times) == 30


async def test_a_full_disk_ends_the_recording_and_nothing_else(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    viewer = stage.pictures.subscribe("H264")
    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(50)
    monkeypatch.setattr("app.rtc.recording.growing_file.os.pwrite", full)
    await stage.show(50)
    assert recorder.is_over and recorder.fault is not None and recorder.fault.code == "disk_full"
    assert recorder.fault.message.endswith(".") and recorder.depth == 0
    monkeypatch.undo()
    await stage.show(10)
    await recorder.aclose()
    assert stage.pictures.sent == 110 and (viewer.dropped or len(viewer)), "the others go on"
    assert boxes(tmp_path / "a.mp4")[-3:] == ["moof", "mdat", "uuid"], "whole fragments, and where they come from"
    assert recorder.bytes == (tmp_path / "a.mp4").stat().st_size and play(tmp_path / "a.mp4").seconds > 1


async def test_a_folder_that_cannot_be_written_is_said(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    recorder = stage.record(tmp_path / "file" / "a.mp4")
    await stage.show(5)
    await recorder.aclose()
    assert recorder.fault is not None and recorder.fault.code == "recording_failed"
    assert not stage.pictures.watched and recorder.bytes == 0


async def test_a_bug_in_the_muxer_ends_the_recording_alone(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise ValueError("broken")

    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(30)
    monkeypatch.setattr(Mp4File, "write", broken)
    await stage.show(30)
    await recorder.aclose()
    assert recorder.fault is not None and recorder.fault.code == "recording_failed"
    assert play(tmp_path / "a.mp4").seconds >= 0.5


async def test_key_frames_come_often_enough_to_seek(stage: Stage, tmp_path: Path) -> None:
    recorder = stage.record(tmp_path / "a.mp4")
    await stage.show(600, clapping=False)  # of one picture no encoder makes a key frame by itself
    await recorder.aclose()
    keys = np.array(play(tmp_path / "a.mp4").keys, float)
    np.testing.assert_allclose(keys, [0, KEY_INTERVAL / 90_000, 2 * KEY_INTERVAL / 90_000], atol=0.1)


def _last_unit(packet: bytes) -> bytes:
    """Return the last of a picture's NAL units, which an MP4 holds as they are."""
    return packet.split(b"\x00\x00\x01")[-1]


async def test_a_recording_says_that_a_machine_made_it_from_its_first_fragment_on(stage: Stage, tmp_path: Path) -> None:
    signing, path = make_signing(tmp_path / "signing"), tmp_path / "a.mp4"
    recorder = stage.record(path, origin=Origin("Made up", Credentials(signing.certfile, signing.keyfile)))
    await stage.show(100)
    cut_short = tmp_path / "cut.mp4"
    cut_short.write_bytes(path.read_bytes()[: recorder.bytes])
    await recorder.aclose()
    for each in (cut_short, path):
        with av.open(str(each)) as container:
            assert DIGITAL_SOURCE_TYPE in container.metadata["comment"]
    assert xmp_box("Made up") in path.read_bytes()
    assert recorder.bytes == path.stat().st_size
    with c2pa.Reader(str(path)) as reader:
        told = json.loads(reader.json())
    faults = [each["code"] for each in told["validation_results"]["activeManifest"]["failure"]]
    assert faults == ["signingCredential.untrusted"]  # as nobody told this reader of the authority
    assert len(play(path).times) == 100
