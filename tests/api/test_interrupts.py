from __future__ import annotations

import asyncio

from app.api.interrupts import TOGETHER_S, Interrupts


async def test_the_first_cuts_at_once_and_those_that_come_with_it_are_one() -> None:
    cuts: list[int] = []
    interrupts = Interrupts(cuts.append)
    for _ in range(1000):
        interrupts.ask()
    assert cuts == [1]
    await asyncio.sleep(3 * TOGETHER_S)
    assert cuts == [1, 999]
    interrupts.ask()
    assert cuts == [1, 999, 1]
    interrupts.close()


async def test_what_comes_behind_one_is_not_cut_by_it() -> None:
    cuts: list[int] = []
    interrupts = Interrupts(cuts.append)
    interrupts.ask()
    interrupts.ask()
    interrupts.settle()  # sound comes
    assert cuts == [1, 1]
    interrupts.settle()
    await asyncio.sleep(3 * TOGETHER_S)
    assert cuts == [1, 1]


async def test_none_is_cut_after_the_end() -> None:
    cuts: list[int] = []
    interrupts = Interrupts(cuts.append)
    interrupts.ask()
    interrupts.ask()
    interrupts.close()
    await asyncio.sleep(3 * TOGETHER_S)
    assert cuts == [1]
