"""A session that is recorded: the real service, its clapper, and real time."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.config import Settings
from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.recordings.store import DAY_S, RecordingStore
from app.sessions.recording import Snapshot
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from tests.recorded import boxes, claps, play

pytestmark = pytest.mark.realtime

FORMAT = PcmFormat("pcm_s16le", 1, 48_000)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    serving = Service(Settings(data_dir=tmp_path))
    await serving.start()
    yield serving
    await serving.aclose()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 KB, which two or three seconds fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk that is really full needs the right to mount one: run the tests as root to see it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def until(true: Callable[[], bool], limit_s: float = 20) -> None:
    async with asyncio.timeout(limit_s):
        while not true():
            await asyncio.sleep(0.02)


async def clapping(service: Service, slots: int, hold: bool = False) -> Session:
    """Open a recorded session, and feed it."""
    request = SessionRequest(engine="clapper", mode="clip", hold_until_viewer=hold, record=True)
    session = await service.open(request)
    feeder = session.feeder(FORMAT)
    await feeder.push(claps(slots))
    feeder.leave()
    return session


async def kept(service: Service, session: Session) -> Path:
    found = await service.recordings.open(session.id)
    assert isinstance(found, Path)
    return found


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as refusal:
        await asked
    return refusal.value.code


def meeting(flashes: np.ndarray, beeps: np.ndarray) -> np.ndarray:
    """Return each flash's distance to the beep that is nearest, s."""
    return np.array([float(np.abs(beeps - flash).min()) for flash in flashes])


async def test_lips_and_voice_are_as_exact_as_in_a_rendered_file_and_it_is_there_after_the_end(
    service: Service,
) -> None:
    session = await clapping(service, 100)
    assert session.recording is not None and session.media.pictures.watched
    await until(lambda: session.stats().played_ms == 4000)
    assert session.recording.info.state == "recording" and session.recording.info.duration_ms > 3000
    await service.close(session)
    info = session.recording.info
    path = await kept(service, session)
    assert (info.state, info.error, info.bytes) == ("done", None, path.stat().st_size)
    assert "moof" not in boxes(path)
    played = play(path)
    assert info.duration_ms == pytest.approx(1000 * played.seconds, abs=120)
    assert len(played.beeps()) == len(played.flashes()) == 4
    assert meeting(played.flashes(), played.beeps()).max() < 0.001


async def test_what_is_being_written_can_be_had_and_is_left_alone_by_its_end(service: Service) -> None:
    session = await clapping(service, 75)
    await until(lambda: session.recording is not None and session.recording.info.bytes > 0)
    found = await service.recordings.open(session.id)
    assert isinstance(found, Snapshot)
    await until(lambda: session.stats().played_ms > 1500)
    await service.close(session)
    with found.file as file:
        data = found.head + file.read(found.bytes - len(found.head))
    path = (await kept(service, session)).with_name("snapshot.mp4")
    path.write_bytes(data)
    assert boxes(path)[-1] in ("mdat", "uuid") and len(play(path).times) >= 12
    path.unlink()


async def test_a_recording_of_a_session_that_is_held_begins_with_playout(service: Service) -> None:
    session = await clapping(service, 50, hold=True)
    await asyncio.sleep(1)
    assert session.recording is not None and session.recording.info.bytes == 0
    assert await refused(service.recordings.open(session.id)) == "no_recording"
    session.start()  # as its first viewer does
    await until(lambda: session.stats().played_ms == 2000)
    await service.close(session)
    played = play(await kept(service, session))
    assert len(played.beeps()) == 2 and played.beeps()[0] < 0.8
    assert meeting(played.flashes(), played.beeps()).max() < 0.001


async def test_one_that_never_began_leaves_nothing(service: Service, tmp_path: Path) -> None:
    session = await clapping(service, 10, hold=True)
    await service.close(session)
    assert await refused(service.recordings.open(session.id)) == "no_recording"
    assert not list((tmp_path / "recordings").glob("*"))


async def test_an_interrupt_and_a_pause_are_in_the_file_as_they_were_sent(service: Service) -> None:
    session = await clapping(service, 250)
    await until(lambda: session.stats().played_ms > 1000)
    session.interrupt()
    await asyncio.sleep(0.8)
    feeder = session.feeder(FORMAT)
    await feeder.push(claps(25))
    feeder.leave()
    played_ms = session.stats().played_ms
    await until(lambda: session.stats().played_ms >= played_ms + 900)
    await asyncio.sleep(0.2)
    await service.close(session)
    played = play(await kept(service, session))
    assert len(played.beeps()) == len(played.flashes()) in (2, 3)
    assert meeting(played.flashes(), played.beeps()).max() < 0.001
    assert np.diff(np.array(played.times, float)).max() < 0.2, "the pause is in it"


async def test_a_deleted_recording_ends_and_its_session_goes_on(service: Service, tmp_path: Path) -> None:
    session = await clapping(service, 50)
    await until(lambda: session.recording is not None and session.recording.info.bytes > 0)
    await service.recordings.delete(session.id)
    assert session.recording is None and not session.over and not session.media.pictures.watched
    assert not list((tmp_path / "recordings").glob("*"))
    assert await refused(service.recordings.delete(session.id)) == "no_recording"
    await until(lambda: session.stats().played_ms == 2000)
    await service.close(session)
    assert await refused(service.recordings.open(session.id)) == "no_recording"


async def test_one_that_is_deleted_before_it_begins_never_does(service: Service, tmp_path: Path) -> None:
    session = await clapping(service, 10, hold=True)
    await service.recordings.delete(session.id)
    session.start()
    await until(lambda: session.stats().played_ms == 400)
    assert session.recording is None and not session.media.pictures.watched
    await service.close(session)
    assert not list((tmp_path / "recordings").glob("*"))


async def test_a_full_disk_fails_the_recording_and_never_the_session(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    session = await clapping(service, 75)
    await until(lambda: session.recording is not None and session.recording.info.bytes > 0)
    monkeypatch.setattr("app.rtc.recording.growing_file.os.pwrite", full)
    await until(lambda: session.recording is not None and session.recording.info.state == "failed")
    assert session.recording is not None and session.recording.info.error is not None
    assert session.recording.info.error.code == "disk_full"
    await until(lambda: session.stats().played_ms == 3000)
    assert not session.over
    assert play(await kept(service, session)).seconds > 0.3, "what fitted can be had while the session goes on"
    await service.close(session)
    assert play(await kept(service, session)).seconds > 0.3


async def test_a_session_ends_in_time_though_the_disk_is_stuck_and_what_it_was_given_is_written_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    pwrite = os.pwrite

    def stuck(file: int, data: memoryview, at: int) -> int:
        let_go.wait(30)
        return pwrite(file, data, at)

    monkeypatch.setattr("app.sessions.recording.CLOSE_S", 0.2)
    session = await clapping(service, 50)
    await until(lambda: session.recording is not None and session.recording.info.bytes > 0)
    monkeypatch.setattr("app.rtc.recording.growing_file.os.pwrite", stuck)
    await until(lambda: session.stats().played_ms == 2000)
    async with asyncio.timeout(5):
        await service.close(session)
    assert session.recording is not None and session.recording.info.state == "recording"
    let_go.set()
    await until(lambda: session.recording is not None and session.recording.info.state == "done")
    assert len(play(await kept(service, session)).beeps()) == 2


async def test_what_has_expired_is_removed_when_the_server_starts(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, age_days in (("old.mp4", 2), ("old.json", 2), ("new.mp4", 0)):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (time.time() - age_days * DAY_S,) * 2)
    serving = Service(Settings(data_dir=tmp_path, recordings_keep_days=1))
    await serving.start()
    await until(lambda: [path.name for path in folder.iterdir()] == ["new.mp4"])
    await serving.aclose()


async def test_a_disk_that_is_really_full_leaves_a_file_that_plays(tiny_disk: Path) -> None:
    serving = Service(Settings(data_dir=tiny_disk, spare_disk_megabytes=0))
    await serving.start()
    session = await clapping(serving, 250)
    await until(lambda: session.recording is not None and session.recording.info.state == "failed")
    assert session.recording is not None and session.recording.info.error is not None
    assert session.recording.info.error.code == "disk_full" and not session.over
    await serving.close(session)
    path = await kept(serving, session)
    info = session.recording.info
    again = RecordingStore(tiny_disk, 7).find(session.id)
    assert again == info, "what is known of it fits too"
    assert info.bytes == path.stat().st_size and boxes(path)[-1] in ("mdat", "uuid") and play(path).seconds > 1
    await serving.aclose()


async def test_a_server_that_stops_finishes_its_recordings(tmp_path: Path) -> None:
    serving = Service(Settings(data_dir=tmp_path))
    await serving.start()
    session = await clapping(serving, 50)
    await until(lambda: session.stats().played_ms > 600)
    await serving.aclose()
    (path,) = (tmp_path / "recordings").glob("*.mp4")
    assert "moof" not in boxes(path) and play(path).seconds > 0.5
