"""A place at a TURN server, over whichever way leads there first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aioice.ice import StunProtocol, relayed_candidate
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

logger = logging.getLogger(__name__)

RELAY_S = 3  # that all ways together may take: TLS through a far proxy takes six ways there and back
STAGGER_S = 0.3  # from one way to the next, where the first has not led there

MakeProtocol = Callable[[], StunProtocol]


async def first_relay(
    servers: Sequence[RTCIceServer], component: int, make_protocol: MakeProtocol
) -> StunProtocol | None:
    """Return an allocation at the first TURN server that gives one, in the order in which they are listed.

    The next one is asked too where one has not answered in ``STAGGER_S``, as happens to UDP in offices; so a server
    that is well holds one place a viewer. None where nobody gives one within ``RELAY_S``.
    """
    begun: list[asyncio.Task[StunProtocol]] = []
    try:
        async with asyncio.timeout(RELAY_S):
            for server in servers:
                arguments = connection_kwargs([server])
                if "turn_server" in arguments:
                    begun.append(asyncio.create_task(_allocate(arguments, component, make_protocol)))
                    if await _settled(begun, STAGGER_S) is not None:
                        break
            if begun:
                await _settled(begun, None)
    except TimeoutError:
        pass
    except BaseException:
        await _give_up(begun)
        raise
    winner = _winner(begun)
    await _give_up([each for each in begun if each is not winner])
    return None if winner is None else winner.result()


async def _allocate(arguments: dict[str, Any], component: int, make_protocol: MakeProtocol) -> StunProtocol:
    wanted = {name: value for name, value in arguments.items() if name.startswith("turn_")}
    _, protocol = await relayed_candidate(
        component=component, hide_related_address=False, protocol_factory=make_protocol, **wanted
    )
    return protocol


async def _settled(
    tasks: Sequence[asyncio.Task[StunProtocol]], patience_s: float | None
) -> asyncio.Task[StunProtocol] | None:
    """Wait until one has succeeded, or all have failed."""
    waiting = {each for each in tasks if not each.done()}
    while _winner(tasks) is None and waiting:
        done, waiting = await asyncio.wait(waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
    return _winner(tasks)


def _winner(tasks: Sequence[asyncio.Task[StunProtocol]]) -> asyncio.Task[StunProtocol] | None:
    done = (each for each in tasks if each.done() and not each.cancelled())
    return next((each for each in done if each.exception() is None), None)


async def _give_up(tasks: Sequence[asyncio.Task[StunProtocol]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, StunProtocol):  # it came too late
            await outcome.close()
        elif isinstance(outcome, Exception):
            logger.info("ice: a TURN server gave no place (%s)", outcome or type(outcome).__name__)
