"""Avatars that are deleted or expire while sessions run: who uses one goes on, and the disk gets its bytes back."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.assets import DEFAULT_PICTURE
from app.avatars.avatar_info import DETAILS, USED
from app.avatars.store import AvatarStore
from app.config import Settings
from app.errors import Refusal
from app.faces.face import FaceFinder
from app.inference.engines.registry import EngineUnavailable
from app.ingest.pcm import PcmFormat
from app.main import create_app
from app.rtc.picture_encoder import Effort
from app.sessions.admission import Terms
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest
from tests.films import film
from tests.recorded import claps

pytestmark = pytest.mark.realtime

FORMAT = PcmFormat("pcm_s16le", 1, 48_000)
DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    serving = Service(Settings(data_dir=tmp_path / "data", avatars_keep_days=7))
    # however busy this machine is
    monkeypatch.setattr(serving.capacity, "terms", lambda *asked: Terms(True, Effort.USUAL))
    await serving.start()
    yield serving
    await serving.aclose()


async def until(true: Callable[[], bool], limit_s: float = 20) -> None:
    async with asyncio.timeout(limit_s):
        while not true():
            await asyncio.sleep(0.02)


async def refused(service: Service, avatar: str) -> str:
    with pytest.raises(Refusal) as caught:
        await service.open(SessionRequest(avatar=avatar, engine="portrait"))
    return caught.value.code


async def spoken(session: Session) -> None:
    """Have it speak a second, every picture of which is drawn."""
    before = session.stats().played_ms
    feeder = session.feeder(FORMAT)
    await feeder.push(claps(25))
    await feeder.flush()
    await until(lambda: session.stats().played_ms >= before + 1000)
    feeder.leave()
    assert not session.over


def held() -> list[str]:
    """The files of avatars that this process has mapped or open though they have no name any more."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    found = [line for line in maps if "/avatars/" in line and "(deleted)" in line]
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if "/avatars/" in path and "(deleted)" in path:
            found.append(path)
    return found


def age(folder: Path, days: float) -> None:
    """Make an avatar's keeping and last use so many days older."""
    for name in (DETAILS, USED):
        found = (folder / name).stat()
        os.utime(folder / name, ns=(found.st_atime_ns, found.st_mtime_ns - int(days * DAY_NS)))


async def test_a_deleted_videos_bytes_are_freed_once_no_session_uses_them(service: Service, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4")
    info = await asyncio.to_thread(service.avatars.add, tmp_path / "a.mp4", "Ann")
    sessions = [await service.open(SessionRequest(avatar=info.id, engine="portrait", mode="clip")) for _ in range(2)]
    await spoken(sessions[0])
    await asyncio.to_thread(service.avatars.delete, info.id)
    service.casting.forget(info.id)
    assert held(), "a session uses it"
    assert await refused(service, info.id) == "no_such_avatar"
    await spoken(sessions[0])
    await spoken(sessions[1])
    gc.collect()
    gc.disable()  # it may be long until Python looks for cycles, and a session leaves some
    try:
        for session in sessions:
            assert held()
            await service.close(session)
        assert not held()
    finally:
        gc.enable()


async def test_what_expires_is_forgotten_too_and_what_is_in_use_never_expires(service: Service, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4")
    folder = tmp_path / "data" / "avatars"
    old = await asyncio.to_thread(service.avatars.add, tmp_path / "a.mp4", "Ann")
    used = await asyncio.to_thread(service.avatars.add, DEFAULT_PICTURE.read_bytes(), "Bob")
    ended = await service.open(SessionRequest(avatar=old.id, engine="clapper"))
    await service.close(ended)
    session = await service.open(SessionRequest(avatar=used.id, engine="clapper"))
    for info in (old, used):
        age(folder / info.id, 8)
    await service.expiry.sweep()
    assert [info.id for info in service.avatars.all()] == ["default", used.id]
    assert await refused(service, old.id) == "no_such_avatar"
    await service.close(session)
    await service.expiry.sweep()
    assert (folder / used.id).is_dir(), "it was in use until now"
    age(folder / used.id, 8)
    await service.expiry.sweep()
    assert [info.id for info in service.avatars.all()] == ["default"]
    assert (await service.open(SessionRequest(engine="clapper"))).cast.avatar.id == "default"


async def test_a_use_renews_an_avatar_that_is_cast_already(service: Service, tmp_path: Path) -> None:
    info = await asyncio.to_thread(service.avatars.add, DEFAULT_PICTURE.read_bytes(), "Bob")
    folder = tmp_path / "data" / "avatars" / info.id
    for _ in range(3):
        age(folder, 6)
        await service.close(await service.open(SessionRequest(avatar=info.id, engine="clapper")))
        await service.expiry.sweep()
        assert folder.is_dir()
    kept = service.avatars.all()
    assert [each.id for each in kept] == ["default", info.id], "and what comes first stays what was kept last"


def test_an_avatar_from_before_uses_were_noted_counts_from_its_keeping(tmp_path: Path) -> None:
    store = AvatarStore(tmp_path, FaceFinder(), 300, 3)
    info = store.add(DEFAULT_PICTURE.read_bytes(), "Ann")
    (tmp_path / "avatars" / info.id / USED).unlink()
    assert store.expire(1, ()) == []
    os.utime(tmp_path / "avatars" / info.id / DETAILS, ns=(0, time.time_ns() - 2 * DAY_NS))
    assert store.expire(1, {info.id}) == [], "it is in use"
    assert store.expire(1, ()) == []
    age(tmp_path / "avatars" / info.id, 2)
    assert store.expire(1, ()) == [info.id]


async def test_who_speaks_goes_on_without_a_data_folder_and_it_comes_back(service: Service, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4")
    info = await asyncio.to_thread(service.avatars.add, tmp_path / "a.mp4", "Ann")
    session = await service.open(SessionRequest(avatar=info.id, engine="portrait", mode="clip"))
    (tmp_path / "data").rename(tmp_path / "gone")
    await spoken(session)
    assert await refused(service, info.id) == "no_such_avatar", "though it is cast"
    assert [each.id for each in service.avatars.all()] == ["default"]
    assert (await service.open(SessionRequest(engine="clapper"))).cast.avatar.id == "default"
    (tmp_path / "gone").rename(tmp_path / "data")
    again = await service.open(SessionRequest(avatar=info.id, engine="portrait"))
    assert again.cast.avatar.id == info.id
    await asyncio.to_thread(shutil.rmtree, tmp_path / "data")
    await spoken(session)
    added = await asyncio.to_thread(service.avatars.add, DEFAULT_PICTURE.read_bytes(), "Bob")
    assert [each.id for each in service.avatars.all()] == ["default", added.id], "it is made anew"


async def test_what_an_engine_lacks_is_for_the_log_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lacking() -> None:
        raise EngineUnavailable("/srv/secret/weights/a.pth cannot be read: call torch.load with weights_only=False")

    monkeypatch.setitem(service.engines._makers, "wav2lip", lacking)
    with pytest.raises(Refusal) as caught, caplog.at_level(logging.WARNING):
        await service.casting.find("wav2lip", "default")
    assert caught.value.code == "engine_unavailable"
    assert "secret" not in caught.value.message and "torch" not in caught.value.message
    assert any("/srv/secret" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("error", [RecursionError("too deep"), RuntimeError("a bug"), OSError("a disk's")])
def test_a_bug_while_a_session_starts_is_told_as_one(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for the socket's own end, and closed it as a goodbye would."""
    serving = Service(Settings(data_dir=tmp_path))

    def broken(id: str) -> None:
        raise error

    with TestClient(create_app(serving), raise_server_exceptions=False) as client:
        monkeypatch.setattr(serving.avatars, "use", broken)
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_text(json.dumps({"type": "start"}))
            assert socket.receive_json()["code"] == "internal_error"
            assert socket.receive()["code"] == 4500
