"""Sessions at once and minutes a day of each key; revoked keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.access.key import id_of, make_text, sum_of
from app.access.key_ring import KeyRing
from app.access.keys_file import KeyEntry, change_entries
from app.access.minutes import USAGE, Minutes
from app.access.quota import Quota
from app.clock import wall_clock
from app.errors import Refusal
from app.media import NS_PER_S
from app.sessions.owners import Owners
from tests.fakes import SteppedClock

ANN, BOB = (id_of(sum_of(make_text())) for _ in range(2))


@dataclass
class Soul:
    """A session, as far as its key is concerned."""

    id: str
    owner: str
    why: list[str] = field(default_factory=list)

    def fail(self, why: Refusal) -> None:
        self.why.append(why.code)


class House:
    """Owners, and the sessions that they watch."""

    def __init__(self, folder: Path, quota: Quota | None = None) -> None:
        self.path, self.usage = folder / "keys.json", folder / USAGE
        self.keep(ANN, BOB)
        self.clock = SteppedClock()
        self.owners = Owners(KeyRing([], self.path, quota), Minutes(self.usage), self.clock)
        self.sessions: list[Soul] = []
        self.closed: list[str] = []

    def keep(self, *ids: str) -> None:
        entries = [KeyEntry(id=id, name=id, sha256=sum_of(id), added=wall_clock()) for id in ids]
        change_entries(self.path, lambda known: entries)

    async def close(self, id: str) -> None:
        self.closed.append(id)
        self.sessions = [soul for soul in self.sessions if soul.id != id]

    def refused(self, owner: str) -> str | None:
        try:
            self.owners.enter(owner)
        except Refusal as refusal:
            return refusal.code
        return None


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path, Quota(sessions=2, minutes=1))
    await house.owners.start()
    watch = asyncio.create_task(house.owners.watch(lambda: house.sessions, lambda id: house.close(id)))
    yield house
    assert not watch.done(), "it goes on whatever happens"
    watch.cancel()


async def step(house: House, seconds: int) -> None:
    for _ in range(seconds):
        await house.clock.advance(NS_PER_S)
        await asyncio.sleep(0.01)  # files are read and written in threads


async def test_a_key_has_so_many_sessions_at_once_and_no_other_key_is_the_worse_for_it(house: House) -> None:
    assert [house.refused(ANN) for _ in range(3)] == [None, None, "quota_sessions"]
    assert house.refused(BOB) is None and house.refused("") is None
    assert house.owners.sessions_of(ANN) == 2
    house.owners.leave(ANN)
    assert house.refused(ANN) is None


async def test_a_revoked_keys_sessions_are_told_and_closed_within_seconds(house: House) -> None:
    ann, bob, nobody = house.sessions = [Soul("1", ANN), Soul("2", BOB), Soul("3", "")]
    await step(house, 2)
    house.keep(BOB)
    await step(house, 2)
    assert (ann.why, bob.why, nobody.why) == (["key_revoked"], [], [])
    await step(house, 3)
    assert house.closed == ["1"] and ann.why == ["key_revoked"]
    assert house.refused(ANN) == "key_revoked" and house.refused(BOB) is None


async def test_minutes_run_for_each_session_and_their_end_ends_them(house: House) -> None:
    house.sessions = [Soul("1", ANN), Soul("2", ANN), Soul("3", BOB)]
    one, two, three = house.sessions
    await step(house, 25)
    assert house.owners.used_minutes(ANN) == pytest.approx(50 / 60, abs=0.05) and one.why == []
    await step(house, 7)
    assert one.why == two.why == ["quota_minutes"] and three.why == []
    assert house.refused(ANN) == "quota_minutes" and house.refused(BOB) is None


async def test_minutes_are_kept_across_restarts(house: House, tmp_path: Path) -> None:
    house.sessions = [Soul("1", ANN)]
    await step(house, 35)
    assert house.usage.exists(), "also for one that is killed"
    await step(house, 10)
    await house.owners.aclose()
    again = House(tmp_path, Quota(minutes=1))
    await again.owners.start()
    assert again.owners.used_minutes(ANN) == pytest.approx(45 / 60, abs=0.05)


async def test_minutes_that_cannot_be_kept_stop_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.usage.mkdir()
    house.sessions = [Soul("1", ANN)]
    await step(house, 35)
    assert "cannot be kept" in caplog.text


async def test_nothing_stays_counted_of_who_has_left(house: House) -> None:
    for number in range(100):
        house.owners.enter("")
        house.owners.leave("")
        assert house.owners.sessions_of(f"key_{number}") == 0
    assert len(house.owners._open) == 0


async def test_one_that_cannot_be_closed_holds_up_nobody(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(id: str) -> None:
        raise OSError("the disk")

    monkeypatch.setattr(house, "close", broken)
    house.sessions = [Soul("1", ANN)]
    house.keep(BOB)
    await step(house, 6)
    assert "could not be closed" in caplog.text


async def test_minutes_of_other_machines_count_and_end_sessions(house: House) -> None:
    house.sessions = [Soul("1", ANN), Soul("2", BOB)]
    one, two = house.sessions
    house.owners.learn_elsewhere({ANN: 59 / 60})
    assert house.refused(ANN) is None and house.owners.minutes_today() == {}
    await step(house, 3)
    assert one.why == ["quota_minutes"] and two.why == []
    assert house.owners.minutes_today()[ANN] < 0.1, "what others count is not told on"
    house.owners.learn_elsewhere({})
    assert house.refused(ANN) is None
