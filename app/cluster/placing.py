"""Placing sessions on stages, and holding their leases for as long as they live."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import asdict
from typing import Literal, Protocol

from app.clock import Clock
from app.cluster.lease import Item, StageLost
from app.errors import Refusal
from app.log_context import for_session
from app.media import NS_PER_S
from app.session_ref import bare
from app.sessions.session_request import SessionRequest

logger = logging.getLogger(__name__)

TRIES, WITHIN_NS = 3, 2 * NS_PER_S
TRIES_FOR_ENGINE = 16  # stages that have it may be few; each that lacks it is asked after those, once it was
AGAIN_S = 0.1
MOST_HELD = 200
MOST_ENDED = 1000  # that are known to have ended, as long as a card may still name them
LACKS_ENGINE = "engine_unavailable"
# refusals that another stage may not have
ELSEWHERE = {"server_full", "server_busy", "server_draining", "no_media_port", LACKS_ENGINE}

Kind = Literal["session", "place"]
FULL = "All stages are full; try again in a minute."


class NoPlace(Exception):
    """No stage takes a call: all are full, or there is none."""


class Placer(Protocol):
    """Who picks a stage."""

    def place(self, wish: Item) -> AsyncGenerator[Item, None]:
        """Hold a lease: yield what the stage says, first whether there is a place, until the session has ended.

        Raises:
            NoPlace, StageLost: see there.
        """
        ...


class Placing:
    """Asks for places, and listens to those who gave one: as long as it does, the stage counts as used.

    Bound: one lease a session, as stages have places, and ``MOST_HELD`` calls that were refused; full: another of those
    is let go. ``MOST_ENDED`` names of who has left; full: the one who left first is forgotten.
    """

    def __init__(self, placer: Placer, clock: Clock, lost: Callable[[str, str], None]) -> None:
        """``lost`` is told the reference, and the owner's key, of each session whose stage has died."""
        self._placer, self._clock, self._lost = placer, clock, lost
        self._keeping: set[asyncio.Task[None]] = set()
        self._refused: OrderedDict[asyncio.Task[None], None] = OrderedDict()
        self._owners: dict[str, str] = {}  # bare id, or a place's → the owner's key, of who has a lease here
        self._addresses: dict[str, str] = {}  # the same → from where
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.results: Counter[str] = Counter({"placed": 0, "refused": 0, "full": 0, "lost": 0})

    def __len__(self) -> int:
        return len(self._keeping)

    @property
    def owners(self) -> Mapping[str, str]:
        """The owner's key of each session that has its lease here, by its bare id, or that of its place."""
        return self._owners

    @property
    def addresses(self) -> Mapping[str, str]:
        """From which address each of them was asked for."""
        return self._addresses

    @property
    def ended(self) -> Collection[str]:
        """The references of sessions whose leases have ended here, and the ids of places, the last ones."""
        return self._ended

    async def place(self, wish: Item) -> Item:
        """Return what the stage that takes it says.

        Raises:
            Refusal: the stage's, or ``server_full``.
        """
        until_ns = self._clock.now_ns() + WITHIN_NS
        refusal = Refusal("server_full", FULL)
        for number in range(1, TRIES_FOR_ENGINE + 1):
            try:
                placed = await self._ask(wish)
                self.results["placed"] += 1
                return placed
            except NoPlace:
                self.results["full"] += 1
                raise Refusal("server_full", FULL) from None
            except StageLost:
                self.results["lost"] += 1
                logger.warning("placing: a stage died while it was asked")
            except Refusal as refused:
                self.results["refused"] += 1
                refusal = refused
                if refused.code not in ELSEWHERE:
                    raise
            most = TRIES_FOR_ENGINE if refusal.code == LACKS_ENGINE else TRIES
            if self._clock.now_ns() >= until_ns or number >= most:
                break
            await asyncio.sleep(AGAIN_S)
        raise refusal

    async def aclose(self) -> None:
        """Let go of all leases: their sessions live on."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _ask(self, wish: Item) -> Item:
        lease = self._placer.place(wish)
        try:
            first = await anext(lease)
        except StopAsyncIteration:
            raise StageLost from None
        except BaseException:
            await lease.aclose()
            raise
        # a refused call is held too: the stage says by it that it is fuller than it looks
        if "refused" in first and len(self._refused) >= MOST_HELD:
            self._refused.popitem(last=False)[0].cancel()
        ref = str(first.get("ref", ""))
        id = bare(ref) or str(first.get("place", {}).get("id", ""))
        if id:
            self._ended.pop(ref or id, None)
            self._owners[id], self._addresses[id] = str(wish["request"]["owner"]), str(wish["request"]["address"])
        task = asyncio.create_task(self._keep(lease, ref, id), name="lease")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        await asyncio.sleep(0)  # it has begun: one that is cancelled before would close nothing
        if "refused" in first:
            self._refused[task] = None
            task.add_done_callback(lambda done: self._refused.pop(done, None))
            raise Refusal(first["refused"]["code"], first["refused"]["message"])
        return first

    async def _keep(self, lease: AsyncGenerator[Item, None], ref: str, id: str) -> None:
        with for_session(bare(ref)):
            try:
                async for item in lease:
                    if "ended" in item:
                        self._note_ended(ref or id)
                        break
            except StageLost:
                if ref:
                    logger.warning("placing: the stage of session %s has died", id)
                    self._lost(ref, self._owners.get(id, ""))
            except NoPlace:
                logger.warning("placing: a lease was lost")
            finally:
                self._owners.pop(id, None)
                self._addresses.pop(id, None)
                await lease.aclose()

    def _note_ended(self, name: str) -> None:
        if name:
            self._ended[name] = None
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)


def wish_of(kind: Kind, request: SessionRequest, site: str, bare_id: str = "") -> Item:
    """Return what a stage is asked for: a session, or a place for one; ``bare_id`` is that of one that comes back."""
    wish = {"kind": kind, "request": asdict(request), "site": site}
    return wish | ({"bare_id": bare_id} if bare_id else {})
