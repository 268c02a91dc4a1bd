"""``/readyz``: whether new sessions belong here, apart from whether the process lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from app.api.readiness import Checkup
from app.config import Settings
from app.main import create_app
from app.sessions.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(Settings(data_dir=tmp_path / "data", engine="clapper"))


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service)) as client:
        yield client


def ready(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def not_ready(why: str) -> tuple[int, dict[str, Any]]:
    return 503, {"ready": False, "why": why}


def test_a_service_that_runs_is_ready(client: TestClient) -> None:
    assert ready(client) == (200, {"ready": True, "why": None})


def test_one_that_has_not_started_is_not(service: Service) -> None:
    assert ready(TestClient(create_app(service))) == not_ready("starting")


def test_one_that_is_being_stopped_is_alive_and_not_ready(client: TestClient, service: Service) -> None:
    service.drain(10)
    assert ready(client) == not_ready("draining")
    assert client.get("/healthz").status_code == 200


def test_a_data_folder_that_is_gone_is_noticed_and_so_is_its_return(client: TestClient, service: Service) -> None:
    folder = service.settings.data_dir
    folder.rename(folder.with_name("elsewhere"))
    assert ready(client) == not_ready("data_folder")
    folder.with_name("elsewhere").rename(folder)
    assert ready(client) == (200, {"ready": True, "why": None})


async def test_a_dead_inference_thread_is_noticed(tmp_path: Path) -> None:
    for alive, why in ((True, None), (False, "inference_ended")):
        service = SimpleNamespace(
            draining=False, started=True, worker=SimpleNamespace(alive=alive), settings=Settings(data_dir=tmp_path)
        )
        assert await Checkup(cast(Service, service)).why_not_ready() == why


async def test_a_disk_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate, asked = threading.Event(), []

    def stuck(folder: Path) -> bool:
        asked.append(folder)
        return gate.wait(20)

    monkeypatch.setattr("app.api.readiness._is_writable", stuck)
    monkeypatch.setattr("app.api.readiness.DISK_S", 0.05)
    service = SimpleNamespace(
        draining=False, started=True, worker=SimpleNamespace(alive=True), settings=Settings(data_dir=tmp_path)
    )
    checkup = Checkup(cast(Service, service))
    try:
        assert [await checkup.why_not_ready() for _ in range(3)] == ["data_folder"] * 3
        assert len(asked) == 1
    finally:
        gate.set()
