"""The directory as an actor: what travels between processes arrives as it was."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from app.cluster.card import Card
from app.cluster.directory import today_utc
from app.cluster.ray_directory import DirectoryActor, RayDirectory
from app.cluster.usage import Counted
from tests.fakes import FakeClock


class Handle:
    """The way to an actor that is in this process; what goes there and back can be written down."""

    def __init__(self, actor: DirectoryActor) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        async def remote(*arguments: Any) -> Any:
            answer = await getattr(self._actor, name)(*pickle.loads(pickle.dumps(arguments)))
            assert not isinstance(answer, Card | Counted), "a process of another release may ask"
            return pickle.loads(pickle.dumps(answer))

        return SimpleNamespace(remote=remote)


async def test_minutes_that_a_front_knows_are_added_to_those_of_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cluster.ray_directory.log_into_serve", lambda level: None)
    actor = DirectoryActor()
    door, today = RayDirectory(Handle(actor), FakeClock()), today_utc()
    actor._directory._usage.note("b", today, {"bob": 1.5})
    known = {"a": Counted(today, {"ann": 2.0})}
    assert await door.share_minutes(known) == {**known, "b": Counted(today, {"bob": 1.5})}
    told = await door.told()
    assert told is not None and told.minutes == {"ann": 2.0, "bob": 1.5}
