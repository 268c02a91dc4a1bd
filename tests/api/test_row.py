"""Who waits for the service does not run out of time for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.sessions.service import Service
from bench.fuzz_sdp import offers

MEDIA_S = 1.0


def test_the_row_before_the_entrance_counts_for_nobodys_media_timeout(tmp_path: Path) -> None:
    service = Service(Settings(data_dir=tmp_path, engine="clapper", media_timeout_s=MEDIA_S))
    with (
        TestClient(create_app(service), base_url="http://localhost") as client,
        client.websocket_connect("ws://localhost/ws") as socket,
    ):
        assert client.portal is not None
        row = service.entrance._one_by_one
        client.portal.call(row.acquire)
        socket.send_json({"type": "start", "mode": "agent"})
        client.portal.call(_sleep, 0.1)
        row_is_over = client.portal.start_task_soon(_release_later, service, 3 * MEDIA_S)
        assert socket.receive_json()["type"] == "started"
        client.portal.call(row.acquire)
        socket.send_json({"type": "offer", "sdp": offers()["chromium"]})
        again = client.portal.start_task_soon(_release_later, service, 3 * MEDIA_S)
        assert socket.receive_json()["type"] == "answer"
        assert socket.receive_json()["code"] == "media_timeout", "nobody connects behind it"
        for each in (row_is_over, again):
            each.result()


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _release_later(service: Service, seconds: float) -> None:
    await asyncio.sleep(seconds)
    service.entrance._one_by_one.release()
