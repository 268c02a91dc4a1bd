"""Stages that are nothing but what they answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from app.cluster.lease import Item


class ScriptedPlacer:
    """Answers each call for a place with the next script: items to say, or what to raise; then it holds the lease."""

    def __init__(self, *scripts: list[Any]) -> None:
        self.scripts = deque(scripts)
        self.wishes: list[dict[str, Any]] = []
        self.open = 0
        self.end = asyncio.Event()  # of all leases
        self.death: Exception | None = None  # that all leases have then

    async def end_all(self) -> None:
        """End all leases that are held, and none that come."""
        self.end.set()
        while self.open:
            await asyncio.sleep(0)
        self.end.clear()

    async def place(self, wish: Item) -> AsyncGenerator[Item, None]:
        self.wishes.append(dict(wish))
        script = self.scripts.popleft()
        self.open += 1
        try:
            for said in script:
                if isinstance(said, Exception):
                    raise said
                yield said
            await self.end.wait()
            if self.death is not None:
                raise self.death
            yield {"ended": True}
        finally:
            self.open -= 1


def refused(code: str, message: str = "Not here.") -> dict[str, Any]:
    return {"refused": {"code": code, "message": message}}
