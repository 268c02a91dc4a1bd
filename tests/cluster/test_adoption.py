"""Faces that were in the data folder before a cluster began: its front has them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.assets import DEFAULT_PICTURE
from app.avatars.store import AvatarStore
from app.clock import Clock
from app.cluster.lobby import Lobby
from app.config import Settings
from app.faces.face import FaceFinder
from tests.cluster.fronts import front

WITHIN_S = 60


def test_the_front_lists_what_was_there_before_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    face = AvatarStore(tmp_path / "data", FaceFinder(), 200, 5, 0).add(DEFAULT_PICTURE.read_bytes(), "Grandma")

    def with_old(settings: Settings, clock: Clock) -> Lobby:
        return Lobby(settings, clock, old_folder=tmp_path / "data")

    monkeypatch.setattr("tests.cluster.fronts.Lobby", with_old)
    with front(tmp_path / "own", store=f"file://{tmp_path / 'store'}") as served:
        deadline = time.monotonic() + WITHIN_S
        while face.id not in [each["id"] for each in served.client.get("/api/avatars").json()["avatars"]]:
            assert time.monotonic() < deadline, "it was not adopted"
            time.sleep(0.1)
        assert served.client.get(f"/api/avatars/{face.id}/image").status_code == 200
