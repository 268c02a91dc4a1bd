"""The directory as an actor, and the door to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from app.clock import Clock, MonotonicClock
from app.cluster.card import Card
from app.cluster.directory import Directory, Found, Told
from app.cluster.replica_states import Stopping, read_stopping
from app.cluster.serve_log import log_into_serve
from app.cluster.usage import Counted
from app.media import NS_PER_S

logger = logging.getLogger(__name__)

PATIENCE_S = 0.5
REST_NS = NS_PER_S  # that nobody asks again, after it did not answer
WATCH_S = 1.0


class DirectoryActor:
    """Keeps the directory, for stages and fronts of one application. Soft state: there is one, and Serve restarts it.

    It also looks, once a second for all stages, which replicas Serve is stopping, and tells them with their next card.
    """

    def __init__(self, log_level: str = "info") -> None:
        log_into_serve(log_level)
        self._directory = Directory(MonotonicClock())
        self._stopping = Stopping()
        self._watching: asyncio.Task[None] | None = None

    async def note(self, card: dict[str, Any]) -> dict[str, Any]:
        """Take a card; returns what its stage must know."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="replicas' states")
        said = Card.model_validate(card)
        self._directory.note(said)
        return {
            "drain": self._stopping.holds(said.stage),
            "deleted": self._stopping.all_end,
            "minutes": self._directory.minutes_elsewhere(said),
        }

    async def leave(self, stage: str, died: bool) -> None:
        """See :meth:`Directory.leave`."""
        self._directory.leave(stage, died)

    async def lose(self, bare: str, owner: str, stage: str) -> bool:
        """See :meth:`Directory.lose`; returns that it is noted."""
        self._directory.lose(bare, owner, stage)
        return True

    async def find(self, bare: str, stage: str) -> dict[str, Any]:
        """See :meth:`Directory.find`."""
        return asdict(self._directory.find(bare, stage))

    async def claim(self, bare: str, stage: str) -> dict[str, Any]:
        """See :meth:`Directory.claim`."""
        return asdict(self._directory.claim(bare, stage))

    async def give_up(self, bare: str) -> None:
        """See :meth:`Directory.give_up`."""
        self._directory.give_up(bare)

    async def told(self) -> dict[str, Any]:
        """See :meth:`Directory.told`."""
        told = self._directory.told()
        cards = [card.model_dump() for card in told.cards]
        return {"directory": told.directory, "cards": cards, "minutes": dict(told.minutes)}

    async def share_minutes(self, known: dict[str, Any]) -> dict[str, Any]:
        """See :meth:`Directory.share_minutes`."""
        return _written(self._directory.share_minutes(_read(known)))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            seen = await asyncio.to_thread(read_stopping)
            self._stopping = seen or self._stopping


class RayDirectory:
    """The way to the actor; see :class:`DirectoryDoor`. Where it does not answer, nobody asks for ``REST_NS``."""

    def __init__(self, handle: Any, clock: Clock) -> None:
        self._handle, self._clock = handle, clock
        self._again_ns = 0

    async def note(self, card: dict[str, Any]) -> dict[str, Any] | None:
        """See :meth:`DirectoryActor.note`; None where it does not answer."""
        answer: dict[str, Any] | None = await self._ask("note", card)
        return answer

    async def leave(self, stage: str, died: bool) -> None:
        """See :meth:`Directory.leave`."""
        await self._ask("leave", stage, died)

    async def lose(self, bare: str, owner: str, stage: str) -> bool:
        """See :meth:`Directory.lose`; returns whether it has answered."""
        return await self._ask("lose", bare, owner, stage) is not None

    async def find(self, bare: str, stage: str) -> Found | None:
        """See :meth:`Directory.find`."""
        answer = await self._ask("find", bare, stage)
        return Found(**answer) if answer is not None else None

    async def claim(self, bare: str, stage: str) -> Found | None:
        """See :meth:`Directory.claim`."""
        answer = await self._ask("claim", bare, stage)
        return Found(**answer) if answer is not None else None

    async def give_up(self, bare: str) -> None:
        """See :meth:`Directory.give_up`."""
        await self._ask("give_up", bare)

    async def told(self) -> Told | None:
        """See :meth:`Directory.told`."""
        answer = await self._ask("told")
        if answer is None:
            return None
        return Told(answer["directory"], [Card.model_validate(card) for card in answer["cards"]], answer["minutes"])

    async def share_minutes(self, known: Mapping[str, Counted]) -> dict[str, Counted] | None:
        """See :meth:`Directory.share_minutes`."""
        answer = await self._ask("share_minutes", _written(known))
        return _read(answer) if answer is not None else None

    async def _ask(self, method: str, *arguments: Any) -> Any:
        if self._clock.now_ns() < self._again_ns:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await getattr(self._handle, method).remote(*arguments)
        except (TimeoutError, RayError, RayServeException) as error:
            logger.warning("directory: does not answer: %s", type(error).__name__)
            self._again_ns = self._clock.now_ns() + REST_NS
            return None


def _written(known: Mapping[str, Counted]) -> dict[str, Any]:
    """Write minutes down, for a process that may be of another release."""
    return {site: {"day": each.day.isoformat(), "minutes": dict(each.minutes)} for site, each in known.items()}


def _read(written: Mapping[str, Any]) -> dict[str, Counted]:
    """Read what :func:`_written` wrote."""
    return {site: Counted(date.fromisoformat(each["day"]), each["minutes"]) for site, each in written.items()}
