"""Who comes through a proxy, and who connects, at the pace of their address."""

from __future__ import annotations

import asyncio
import socket

from starlette.types import Message, Receive, Scope, Send

from app.api.behind_proxies import BehindProxies
from app.api.doorkeeper import VISITOR, VISITORS, Doorkeeper
from app.api.front_door import FrontDoor
from app.config import Settings

PROXY, CLIENT = "127.0.0.1", "192.0.2.1"
AT_ONCE = int(VISITOR.at_once + VISITORS.at_once)
PER_S = VISITOR.per_s + VISITORS.per_s
ASKED = AT_ONCE + 100


class Counting:
    """An application that counts who reached it."""

    def __init__(self) -> None:
        self.served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.served += 1


def doorkeeper() -> Doorkeeper:
    return Doorkeeper(Settings(trusted_proxies=(PROXY,), max_connections_per_address=10_000, max_connections=10_000))


async def nothing() -> Message:
    return {"type": "http.request"}


async def nowhere(message: Message) -> None:
    pass


async def test_one_behind_a_proxy_is_served_no_faster_than_their_allowance() -> None:
    counting = Counting()
    door = BehindProxies(counting, doorkeeper())
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    scope = {"type": "http", "client": (CLIENT, 1)}
    asking = [asyncio.create_task(door(scope, nothing, nowhere)) for _ in range(ASKED)]
    await asyncio.sleep(0.5)
    assert AT_ONCE - 1 <= counting.served <= AT_ONCE + 1 + PER_S * (loop.time() - begun_s)
    await asyncio.wait_for(asyncio.gather(*asking), 60)
    assert counting.served == ASKED, "nobody is refused for that"


async def test_one_who_asked_too_much_leaves_the_others_theirs() -> None:
    keeper = doorkeeper()
    door = BehindProxies(Counting(), keeper)
    asking = [asyncio.create_task(door({"type": "http", "client": (CLIENT, 1)}, nothing, nowhere)) for _ in range(2000)]
    await asyncio.sleep(0.2)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    now_s = asyncio.get_running_loop().time()
    assert keeper._of_visitors.left(now_s + 5) > 0, "what all have in common is back in a moment"


async def test_who_connects_again_and_again_comes_in_at_the_pace_of_their_address() -> None:
    made: list[asyncio.Protocol] = []

    def make() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    settings = Settings(max_connections_per_address=10_000, max_connections=10_000)
    door = FrontDoor([listener], make, Doorkeeper(settings), None)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    clients = []
    try:
        for _ in range(ASKED):
            client = socket.create_connection(listener.getsockname())
            clients.append(client)
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        assert len(made) <= AT_ONCE + 1 + PER_S * (loop.time() - begun_s)
    finally:
        door.close()
        await door.wait_closed()
        for client in clients:
            client.close()
