from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from app.config import load_settings
from app.errors import Refusal
from app.rtc.picture_encoder import Effort, make_encoder
from app.sessions.admission import Terms
from app.sessions.events import Failed
from app.sessions.lifetime import Lifetime
from app.sessions.service import Service
from app.sessions.session_request import SessionRequest

SILENT = SessionRequest(engine="clapper", hold_until_viewer=True, address="192.0.2.1")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    started = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=4, life=False))
    await started.start()
    yield started
    await started.aclose()


async def test_a_silent_session_takes_nothing_of_the_machine(service: Service) -> None:
    session = await service.open(SILENT)
    assert service.entrance.inside() == []
    await service.entrance.admit(session)
    assert len(service.entrance.inside()) == 1


async def test_an_offer_without_a_viewer_counts_for_a_moment_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.entrance.PATIENCE_NS", 0)
    await service.entrance.admit(await service.open(SILENT))
    assert service.entrance.inside() == []


async def test_a_session_that_nobody_came_to_watch_makes_room_where_its_place_is_needed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = [await service.open(SILENT) for _ in range(4)]
    with pytest.raises(Refusal) as refused:
        await service.open(SILENT)
    assert refused.value.code == "server_full", "they have just come"
    monkeypatch.setattr("app.sessions.places.SILENT_NS", 0)
    opened[0].watched.set()
    told = opened[1].events()
    fifth = await service.open(SILENT)
    assert set(service.sessions) == {opened[0].id, opened[2].id, opened[3].id, fifth.id}
    assert [event.event.why.code for event in [await anext(told)] if isinstance(event.event, Failed)] == [
        "media_timeout"
    ]


@pytest.mark.parametrize(
    "refused",
    [
        SILENT,
        replace(SILENT, address="192.0.2.2", avatar="0" * 24),
        replace(SILENT, address="192.0.2.2", owner="key_0123456789ab"),
        replace(SILENT, address="192.0.2.2", engine="none"),
    ],
    ids=["too_many_sessions_here", "no_such_avatar", "key_revoked", "no_such_engine"],
)
async def test_who_is_refused_anyway_ends_nobodys_session(
    refused: SessionRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.places.SILENT_NS", 0)
    service = Service(
        load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=2, max_sessions_per_address=1, life=False)
    )
    await service.start()
    try:
        opened = {(await service.open(replace(SILENT, address=f"192.0.2.{each}"))).id for each in (1, 9)}
        with pytest.raises(Refusal):
            await service.open(refused)
        assert set(service.sessions) == opened and len(service._places._taken) == 2
        assert service.owners.sessions_of(refused.owner) == (0 if refused.owner else 2)
    finally:
        await service.aclose()


async def test_who_stands_in_the_row_keeps_its_place(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sessions.places.SILENT_NS", 0)
    opened = [await service.open(SILENT) for _ in range(4)]
    async with service.entrance._one_by_one:
        entering = asyncio.create_task(service.entrance.admit(opened[0]))
        await asyncio.sleep(0.05)
        assert service._places.unused() is opened[1]
    await entering


async def test_who_is_watched_or_lives_by_its_own_makes_no_room(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.places.SILENT_NS", 0)
    for _ in range(2):
        (await service.open(SILENT)).watched.set()
    for _ in range(2):
        await service.open(SessionRequest(engine="clapper", mode="agent", lifetime=Lifetime(60, 60)))
    with pytest.raises(Refusal) as refused:
        await service.open(SILENT)
    assert refused.value.code == "server_full"


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


async def test_a_session_that_cannot_begin_keeps_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise OSError("the disk")

    monkeypatch.setattr(service.recordings, "begin", broken)
    with pytest.raises(OSError):
        await service.open(SessionRequest(engine="clapper", lifetime=Lifetime(60, 60), record=True))
    assert not service.sessions and not service._places._taken and not service.owners.sessions_of("")


async def test_a_session_settles_for_the_terms_of_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(load_settings(data_dir=tmp_path, weights_dir=tmp_path, max_sessions=4))
    await service.start()
    try:
        session = await service.open(replace(SILENT, engine="portrait"))
        alive = session.inside.key
        monkeypatch.setattr(service.capacity, "terms", lambda *of: Terms(False, Effort.LEAST))  # others came meanwhile
        await service.entrance.admit(session)
        assert session.inside.key != alive, "it is counted as what it takes"
        assert session._playout.stream.prepared.idle_motion is None
        with patch("app.rtc.picture_channel.make_encoder", wraps=make_encoder) as made:
            session.media.pictures.subscribe("VP8")
        assert made.call_args.args[-1] is Effort.LEAST
        at_rest = [session._playout.idle.picture(position) for position in (0, 60)]
        assert all(isinstance(picture, np.ndarray) for picture in at_rest), "no picture is drawn for it"
    finally:
        await service.aclose()
