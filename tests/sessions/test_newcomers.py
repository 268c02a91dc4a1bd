from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import Refusal
from app.sessions.service import Service, SessionRequest

SILENT = SessionRequest(engine="clapper", hold_until_viewer=True, address="192.0.2.1")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=4, life=False))
    await started.start()
    yield started
    await started.aclose()


async def test_a_silent_session_takes_nothing_of_the_machine(service: Service) -> None:
    session = await service.open(SILENT)
    assert service._inside() == []
    await service.admit(session)
    assert len(service._inside()) == 1


async def test_an_offer_without_a_viewer_counts_for_a_moment_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.service.PATIENCE_NS", 0)
    await service.admit(await service.open(SILENT))
    assert service._inside() == []


async def test_one_address_cannot_fill_all_places_with_sessions_that_nobody_watches(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.newcomers.PATIENCE_NS", 0)
    opened = [await service.open(SILENT) for _ in range(2)]
    with pytest.raises(Refusal) as refused:
        await service.open(SILENT)
    assert refused.value.code == "too_many_sessions_here"
    await service.open(SessionRequest(engine="clapper", hold_until_viewer=True, address="192.0.2.2"))
    opened[0].watched.set()
    await service.open(SILENT)


async def test_a_place_is_free_again_once_its_session_is_closed(tmp_path: Path) -> None:
    service = Service(
        load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=4, max_sessions_per_address=1, life=False)
    )
    await service.start()
    try:
        for _ in range(3):
            session = await service.open(SILENT)
            with pytest.raises(Refusal, match="1 sessions"):
                await service.open(SILENT)
            await service.close(session)
    finally:
        await service.aclose()
