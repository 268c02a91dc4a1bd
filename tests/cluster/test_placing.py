"""Places that are asked for, and leases that are held."""

from __future__ import annotations

import asyncio

import pytest

from app.cluster.lease import StageLost
from app.cluster.placing import MOST_ENDED, MOST_HELD, TRIES, NoPlace, Placing, wish_of
from app.errors import Refusal
from app.sessions.session_request import SessionRequest
from tests.cluster.placer import ScriptedPlacer, refused
from tests.fakes import FakeClock

WISH = wish_of("session", SessionRequest(owner="key"), "http://front")
MADE = {"made": {"id": "abc.seal"}, "ref": "abc.seal"}


class Losses(list[str]):
    def note(self, ref: str, owner: str) -> None:
        self.append(ref)


def placing(placer: ScriptedPlacer, lost: Losses | None = None) -> Placing:
    return Placing(placer, FakeClock(), (lost if lost is not None else Losses()).note)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_lease_is_held_until_its_session_ends() -> None:
    placer = ScriptedPlacer([MADE])
    places = placing(placer)
    assert await places.place(WISH) == MADE
    assert len(places) == 1 and dict(places.owners) == {"abc": "key"}
    placer.end.set()
    await settle()
    assert len(places) == 0 and dict(places.owners) == {} and placer.open == 0
    assert placer.wishes[0]["request"]["avatar"] == "default"


async def test_a_flood_of_those_who_have_left_is_forgotten_from_its_beginning() -> None:
    names = [f"{number}.seal" for number in range(MOST_ENDED + 10)]
    placer = ScriptedPlacer(*[[{"made": {"id": name}, "ref": name}] for name in names])
    places = placing(placer)
    for _ in names:
        await places.place(WISH)
        await placer.end_all()
    assert list(places.ended) == names[10:]


async def test_a_stage_that_is_full_sends_the_call_to_another_and_its_own_call_stays_open() -> None:
    placer = ScriptedPlacer([refused("server_full")], [MADE])
    places = placing(placer)
    assert await places.place(WISH) == MADE
    assert placer.open == 2
    await places.aclose()
    assert placer.open == 0


async def test_after_three_stages_the_last_refusal_counts() -> None:
    placer = ScriptedPlacer(*[[refused("server_busy", "No time.")]] * TRIES)
    places = placing(placer)
    with pytest.raises(Refusal, match="No time") as caught:
        await places.place(WISH)
    assert caught.value.code == "server_busy" and not placer.scripts
    await places.aclose()


async def test_what_no_other_stage_has_is_refused_at_once() -> None:
    placer = ScriptedPlacer([refused("no_such_avatar")], [MADE])
    places = placing(placer)
    with pytest.raises(Refusal) as caught:
        await places.place(WISH)
    assert caught.value.code == "no_such_avatar" and len(placer.scripts) == 1
    await places.aclose()


async def test_where_all_are_full_that_is_said_at_once() -> None:
    placer = ScriptedPlacer([NoPlace()], [MADE])
    with pytest.raises(Refusal) as caught:
        await placing(placer).place(WISH)
    assert caught.value.code == "server_full" and placer.open == 0


async def test_a_stage_that_dies_while_it_is_asked_is_not_the_end() -> None:
    placer = ScriptedPlacer([StageLost()], [], [MADE])
    placer.end.set()
    places = placing(placer)
    with pytest.raises(Refusal):  # the second says nothing but its end
        await placing(ScriptedPlacer([StageLost()], [StageLost()], [StageLost()])).place(WISH)
    placer.scripts.remove([])
    assert await places.place(WISH) == MADE
    await places.aclose()


async def test_a_stage_that_dies_later_is_told_of() -> None:
    placer, lost = ScriptedPlacer([MADE]), Losses()
    places = placing(placer, lost)
    await places.place(WISH)
    placer.death = StageLost()
    placer.end.set()
    await settle()
    assert lost == ["abc.seal"] and len(places) == 0


async def test_a_flood_of_refusals_holds_so_many_calls_and_no_more() -> None:
    placer = ScriptedPlacer(*[[refused("no_such_avatar")]] * (MOST_HELD + 5))
    places = placing(placer)
    for _ in range(MOST_HELD + 5):
        with pytest.raises(Refusal):
            await places.place(WISH)
    await settle()
    assert placer.open <= MOST_HELD
    await places.aclose()
