"""Visitors who come and go, so many at a time, for as long as one likes."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter

import httpx
import lipwire
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bench.floods import FLOODS
from bench.visitors import VISITS, Street, Visit, flood

REFUSED = (OSError, EOFError, TimeoutError, ConnectionClosed, InvalidHandshake, httpx.HTTPError, lipwire.LipwireError)
VISIT_S = 120.0  # that a visit may take at most
EACH_FLOOD_S = 1.0
BETWEEN_S = 0.5  # so that a full server is not asked without a pause
MANY_PROBLEMS = 50


class Crowd:
    """``start``, ``pause`` and ``resume``, then ``aclose``; ``went`` counts how visits ended, by kind.

    ``floods``: attackers at a time, who come beside the others.
    """

    def __init__(self, street: Street, visitors: int, floods: int) -> None:
        self.went: dict[str, Counter[str]] = {}
        self._street, self._visitors, self._floods = street, visitors, floods
        self._open = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._inside = 0
        self._left = asyncio.Event()

    def start(self) -> None:
        """Let them come."""
        self._open.set()
        for _ in range(self._visitors):
            self._tasks.append(asyncio.create_task(self._come_and_go(None)))
        for _ in range(self._floods):
            self._tasks.append(asyncio.create_task(self._come_and_go(flood)))

    async def one_of_each(self) -> None:
        """Let one of each kind come, attackers of each kind too, before the others: what is made once is made then."""
        await asyncio.gather(*(self._visited(visit) for visit, _ in VISITS.values()))
        if self._floods:
            for attack in FLOODS.values():
                await attack(self._street.url, EACH_FLOOD_S)

    async def pause(self, patience_s: float = VISIT_S) -> None:
        """Let nobody in any more, and wait until those inside have left."""
        self._open.clear()
        self._left.clear()
        try:
            async with asyncio.timeout(patience_s):
                while self._inside:
                    await self._left.wait()
                    self._left.clear()
        except TimeoutError:
            pass

    def resume(self) -> None:
        """Go on."""
        self._open.set()

    @property
    def visits(self) -> int:
        """How many have ended."""
        return sum(counts.total() for counts in self.went.values())

    async def aclose(self) -> None:
        """End all visits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _come_and_go(self, only: Visit | None) -> None:
        dice = self._street.dice
        names, weights = list(VISITS), [weight for _, weight in VISITS.values()]
        while True:
            await self._open.wait()
            name = only.__name__ if only else dice.choices(names, weights)[0]
            visit = only or VISITS[name][0]
            self._inside += 1
            try:
                went = await self._visited(visit)
            finally:
                self._inside -= 1
                self._left.set()
            self.went.setdefault(name, Counter())[went] += 1
            await asyncio.sleep(dice.uniform(0, 2 * BETWEEN_S))

    async def _visited(self, visit: Visit) -> str:
        try:
            async with asyncio.timeout(VISIT_S):
                return await visit(self._street)
        except lipwire.LipwireError as error:
            return error.code
        except REFUSED as error:
            return type(error).__name__
        except Exception as error:  # the bench's own, which shall not end hours of it; it is told at the end
            if len(self._street.problems) < MANY_PROBLEMS:
                self._street.problems.append("bench: " + "".join(traceback.format_exception(error)[-3:]))
            return "bench failed"
