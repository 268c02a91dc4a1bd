"""Clients behind a trusted proxy, whose connections are the proxy's: their limits are counted by request and socket."""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.doorkeeper import HANDSHAKE_TOKENS, SOCKET_TOKENS, Doorkeeper
from app.api.front_door import FULL, FULL_CODE, RETRY_S
from app.api.problems import problem_response
from app.peer_address import address_of


class BehindProxies:
    """Gives each address as many requests and sockets at once, and as many a second, as it had without the proxy.

    Bound: the addresses that ask just now.
    """

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app, self._doorkeeper = app, doorkeeper
        self._counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        client = scope.get("client")
        if not client or not self._doorkeeper.proxies.networks:
            await self._app(scope, receive, send)
            return
        address = address_of(client[0])
        if self._counts[address] >= self._doorkeeper.most_per_address:
            await _refuse(scope, receive, send)
            return
        self._counts[address] += 1
        try:
            tokens = SOCKET_TOKENS if scope["type"] == "websocket" else HANDSHAKE_TOKENS
            await self._doorkeeper.turn(client[0], tokens)
            await self._app(scope, receive, send)
        finally:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    response: Response = problem_response(503, FULL_CODE, FULL, {"Retry-After": str(RETRY_S)})
    if scope["type"] == "http":
        await response(scope, receive, send)
        return

    async def deny(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await receive()  # the wish to connect
    await response(scope, receive, deny)
