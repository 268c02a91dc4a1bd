"""How long a stage that has refused somebody is asked after the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.clock import Clock
from app.cluster.lease import Item
from app.cluster.placing import LACKS_ENGINE
from app.media import NS_PER_S

ASIDE_NS = {"server_busy": 20 * NS_PER_S, LACKS_ENGINE: 2 * NS_PER_S}  # by why it refused
LOOK_NS = NS_PER_S // 5


async def stand_aside(code: str, card: Callable[[], Item], clock: Clock) -> None:
    """Return when a stage may be asked as others are: after a while, or once one of its sessions has ended."""
    until_ns = clock.now_ns() + ASIDE_NS.get(code, 0)
    present = _sessions(card())
    while clock.now_ns() < until_ns and (code == LACKS_ENGINE or present <= _sessions(card())):
        await clock.sleep_until(min(until_ns, clock.now_ns() + LOOK_NS))


def _sessions(card: Item) -> set[Any]:
    return {session["bare"] for session in card["sessions"]}
