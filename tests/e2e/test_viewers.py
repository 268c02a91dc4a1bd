"""Several peer connections on one session, over real WebRTC on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from app.config import Settings
from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.rtc.viewer import Viewer
from app.sessions.events import ViewersChanged
from app.sessions.service import Service
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest

pytestmark = pytest.mark.realtime

LIMIT_S = 20  # for what takes a moment on a quiet machine


class Watcher:
    """Somebody who watches, with aiortc's own decoders."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.pictures, self.sounds = 0, 0
        self._tasks: list[asyncio.Task[None]] = []
        self.viewer: Viewer | None = None

    async def watch(self, session: Session) -> None:
        for kind in ("audio", "video"):
            self.connection.addTransceiver(kind, "recvonly")
        self.connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._take(track))))
        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.viewer, answer = await session.view(self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def has_seen(self, pictures: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self.pictures < pictures or self.sounds < pictures:
                await asyncio.sleep(0.02)

    async def leave(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                await track.recv()
                if track.kind == "video":
                    self.pictures += 1
                else:
                    self.sounds += 1


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(Settings(data_dir=tmp_path, engine="clapper"))
    await started.start()
    yield started
    await started.aclose()


async def test_viewers_come_late_share_one_encoder_and_leave_the_others_alone(service: Service) -> None:
    session = await service.open(SessionRequest(engine="clapper", mode="clip"))
    counts: list[int] = []

    async def listen() -> None:
        async for told in session.events():
            if isinstance(told.event, ViewersChanged):
                counts.append(told.event.count)

    listening = asyncio.create_task(listen())
    feeder = session.feeder(PcmFormat(sample_rate=16_000))
    await feeder.push(np.zeros(16_000 * 60, "<i2").tobytes())  # more than is played here
    first, second, third = Watcher(), Watcher(), Watcher()
    await first.watch(session)
    await first.has_seen(25)
    await second.watch(session)
    await second.has_seen(10)
    assert len(session.media.pictures._channels) == 1, "both take what is coded once"
    await first.leave()
    seen = second.pictures
    await second.has_seen(seen + 25)
    async with asyncio.timeout(LIMIT_S):
        while counts[-1:] != [1]:
            await asyncio.sleep(0.02)
    assert counts == [1, 2, 1]
    assert second.viewer is not None
    await second.viewer.aclose()
    await second.leave()
    assert not session.media.pictures.watched
    played_ms = session.stats().played_ms
    await asyncio.sleep(0.5)
    assert session.stats().played_ms > played_ms, "its time goes on with nobody there"
    await third.watch(session)
    await third.has_seen(10)
    await third.leave()
    await service.close(session)
    await listening


async def test_a_viewer_whose_connection_is_lost_is_told_apart_from_one_that_was_closed(service: Service) -> None:
    session = await service.open(SessionRequest(engine="clapper"))
    lost, closed = Watcher(), Watcher()
    for watcher in (lost, closed):
        await watcher.watch(session)
        await watcher.has_seen(1)
    assert lost.viewer is not None and closed.viewer is not None
    await lost.leave()
    async with asyncio.timeout(LIMIT_S):
        why = await lost.viewer.ended()
    assert why is not None and why.code == "peer_lost"
    await closed.viewer.aclose()
    assert await closed.viewer.ended() is None
    await closed.leave()


async def test_a_viewer_is_closed_although_whoever_closed_it_gave_up_half_way(service: Service) -> None:
    session = await service.open(SessionRequest(engine="clapper"))
    watcher = Watcher()
    await watcher.watch(session)
    await watcher.has_seen(1)
    assert watcher.viewer is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):  # at the first thing that closing waits for
            await watcher.viewer.aclose()
    async with asyncio.timeout(LIMIT_S):
        await service.close(session)
    async with asyncio.timeout(5):  # it is told, and does not find out by silence, which takes 15 s and more
        while watcher.connection.connectionState != "closed":
            await asyncio.sleep(0.02)
    await watcher.leave()


async def test_a_malformed_offer_is_refused_and_hurts_nobody_else(service: Service) -> None:
    session = await service.open(SessionRequest(engine="clapper"))
    watcher = Watcher()
    await watcher.watch(session)
    await watcher.has_seen(1)
    stranger = RTCPeerConnection()
    for kind in ("audio", "video"):
        stranger.addTransceiver(kind, "recvonly")
    await stranger.setLocalDescription(await stranger.createOffer())
    sdp = stranger.localDescription.sdp
    for broken in (sdp.replace("a=mid:0\r\n", ""), sdp.replace("a=mid:1", "a=mid:0"), "v=0"):
        with pytest.raises(Refusal) as refused:
            await session.view(broken)
        assert refused.value.code == "bad_sdp"
    seen = watcher.pictures
    await watcher.has_seen(seen + 10)
    assert len(session._viewers._viewers) == 1
    session.feeder(PcmFormat())  # it lives
    await watcher.leave()
    await stranger.close()
