"""Clients whose connections are somebody else's, a proxy's: their limits are counted by request and socket."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.doorkeeper import HANDSHAKE_TOKENS, SOCKET_TOKENS, Doorkeeper
from app.api.front_door import FULL, FULL_CODE, RETRY_S
from app.api.problems import STATUS_OF, problem_response
from app.errors import Refusal
from app.peer_address import address_of


class BehindProxies:
    """Gives each address as many requests and sockets at once, and as many a second, as it had without the proxy.

    ``most``: of all addresses, where no door of ours has counted connections. Then everybody is counted here, but for
    the trusted proxies' own questions. Bound: the addresses that ask just now.
    """

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, most: int | None = None) -> None:
        self._app, self._doorkeeper, self._most = app, doorkeeper, most
        self._counts: Counter[str] = Counter()
        self._all = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        client = scope.get("client")
        if not client or not self._counts_for(client[0]):
            await self._app(scope, receive, send)
            return
        address = address_of(client[0])
        is_full = self._most is not None and self._all >= self._most
        if is_full or self._counts[address] >= self._doorkeeper.most_per_address:
            await refuse(Refusal(FULL_CODE, FULL), scope, receive, send, {"Retry-After": str(RETRY_S)})
            return
        self._counts[address] += 1
        self._all += 1
        try:
            tokens = SOCKET_TOKENS if scope["type"] == "websocket" else HANDSHAKE_TOKENS
            await self._doorkeeper.turn(client[0], tokens)
            await self._app(scope, receive, send)
        finally:
            self._all -= 1
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _counts_for(self, host: str) -> bool:
        proxies = self._doorkeeper.proxies
        return bool(proxies.networks) if self._most is None else host not in proxies


async def refuse(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, headers: dict[str, str] | None = None
) -> None:
    """Answer a request, or a socket's handshake, with a problem document."""
    if scope["type"] == "websocket":
        await receive()  # the wish to connect
    await problem_response(STATUS_OF[refusal.code], refusal.code, refusal.message, headers)(scope, receive, send)
