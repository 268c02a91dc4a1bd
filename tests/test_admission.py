"""Who is let in: by places, and by what the inference thread has time for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.config import load_settings
from app.ingest.protocol import ProtocolError, Start
from app.media import SLOT_NS
from app.service import Service
from app.session import Session

PORTRAIT = Start(type="start", engine="portrait")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=3, life=False))
    await started.start()
    yield started
    await started.aclose()


async def open_one(service: Service) -> Session:
    return await service.open(PORTRAIT, lambda event: None, lambda error: None)


async def test_the_cost_is_known_before_the_first_session(service: Service) -> None:
    assert 0 < service.worker.cost.frame_ns("portrait") < SLOT_NS


async def test_a_session_that_would_make_the_others_late_is_refused_before_it_starts(service: Service) -> None:
    service.worker.cost.forget("portrait")
    service.worker.cost.note("portrait", 1, SLOT_NS * 6 // 10)
    first = await open_one(service)
    with pytest.raises(ProtocolError, match='draws one face with "portrait" at a time') as refused:
        await open_one(service)
    assert (refused.value.code, refused.value.close_code) == ("server_busy", 4429)
    await service.close(first)
    await open_one(service)  # its place is free again, and the refused one took none


async def test_alone_an_engine_may_be_slower_than_the_voice(service: Service) -> None:
    service.worker.cost.forget("portrait")
    service.worker.cost.note("portrait", 1, 3 * SLOT_NS)
    assert service.worker.load("portrait") == pytest.approx(3)
    await open_one(service)


async def test_places_are_counted_too(service: Service) -> None:
    for _ in range(3):
        await open_one(service)
    with pytest.raises(ProtocolError, match="3 places") as refused:
        await open_one(service)
    assert refused.value.code == "server_full"


async def test_where_time_is_short_a_further_face_only_speaks(tmp_path: Path) -> None:
    service = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=9))
    await service.start()
    try:
        await open_one(service)  # now all is measured
        for kind, share in (("portrait, alive", 20), ("portrait", 5)):
            service.worker.cost.forget(kind)
            service.worker.cost.note(kind, 1, SLOT_NS * share // 100)
        faces = [await open_one(service) for _ in range(8)]
        alive = [face.lane.prepared.life is not None for face in faces]
        assert alive == [True] + [False] * 7, "40%, then 5% each"
        assert service.worker.load() == pytest.approx(0.75)
    finally:
        await service.aclose()
