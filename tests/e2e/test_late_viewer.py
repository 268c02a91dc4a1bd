"""Somebody who comes late over WHEP: how many slots pass until the first picture, which needs no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from app.rtc.rtp_sender import RtpSender
from app.rtc.subscription import Encoded
from app.sessions.session import Session
from tests.e2e.whep_stage import Stage, staged
from tests.noise import Faults, Noise, believed

pytestmark = pytest.mark.realtime

VIEWERS = 4
MOST_SLOTS = 12  # 480 ms
SLOT_TICKS = 3600
LIMIT_S = 60


def slot_now(session: Session) -> int:
    """Return the slot that is on its way out: those in Buffer B are released, and come later."""
    stats = session.stats()
    return stats.slots - stats.buffer_b


async def test_a_late_viewer_sees_a_key_frame_within_half_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in slots of the session, from the answer and from the connection: a busy machine makes both late."""
    firsts: list[tuple[int, bool]] = []
    put = RtpSender.put

    def noting(sender: RtpSender, encoded: Encoded) -> None:
        begun = sender._begun
        put(sender, encoded)
        if sender.kind == "video" and sender._begun and not begun:
            firsts.append((encoded.pts // SLOT_TICKS, encoded.key))

    monkeypatch.setattr(RtpSender, "put", noting)

    async def once() -> list[tuple[int, int]]:
        """Return how many slots came before each picture, since the answer and since the connection."""
        async with staged(tmp_path) as stage, httpx.AsyncClient() as http, asyncio.timeout(LIMIT_S):
            peers = [RTCPeerConnection() for _ in range(1 + VIEWERS)]
            waits = [await wait(stage, http, peer) for peer in peers]
            for peer in peers:
                await peer.close()
            return waits[1:]  # the first one was not late: its key frame is the encoder's own

    async def wait(stage: Stage, http: httpx.AsyncClient, peer: RTCPeerConnection) -> tuple[int, int]:
        known, count = len(firsts), stage.session.viewer_count
        for kind in ("audio", "video"):
            peer.addTransceiver(kind, "recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        headers = {"authorization": f"Bearer {stage.token}", "content-type": "application/sdp"}
        answer = await http.post(stage.url, content=peer.localDescription.sdp, headers=headers)
        answered_at = slot_now(stage.session)
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        while stage.session.viewer_count == count:
            await asyncio.sleep(0)
        connected_at = slot_now(stage.session)
        while len(firsts) == known:
            await asyncio.sleep(0.005)
        slot, is_key = firsts[known]
        assert is_key
        return slot - answered_at, slot - connected_at

    def faults(waits: list[tuple[int, int]], noise: Noise) -> Faults:
        print(waits)
        if max(since_connection for _, since_connection in waits) > MOST_SLOTS:
            return {"late": f"slots from the connection to a picture: {waits}"}
        # from the answer on a handshake comes first, which takes the longer the busier the machine is
        if min(since_answer for since_answer, _ in waits) > MOST_SLOTS:
            return {"slow": f"slots from the answer to a picture: {waits}"}
        return {}

    await believed(once, faults)
