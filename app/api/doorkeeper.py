"""What all connections share: who may come in, and how much of the event loop each may have.

Nobody is refused for being fast alone: whoever asks faster is read more slowly, and TCP tells them so. A connection
that finds no tokens for long is closed (``front_door.py``).
"""

from __future__ import annotations

import asyncio
import math

from app.api.client_address import Proxies
from app.api.connections import Connections
from app.api.pace import AddressAllowances, Allowance, Rate, Share
from app.config import Settings
from app.peer_address import address_of

# a token of a socket is what a small message of sound takes: 25 to 100 µs of the event loop
STRANGER = Rate(10, 20)  # a socket that has not begun: one message is all it needs
SPEAKER = Rate(400, 1000)  # one that has: chunks of 2.7 ms, the shortest that browsers make, are 375 a second
SOCKETS = Rate(800, 4000)  # of all sockets: what they may have beyond their own
# and one of requests 1 to 2 ms: a page takes thirty
VISITOR = Rate(20, 120)  # an address
VISITORS = Rate(150, 400)  # of all addresses: what they may have beyond their own
HANDSHAKE_TOKENS, TLS_TOKENS, SOCKET_TOKENS = 1, 4, 2
PAUSE_S = 0.1  # between two looks of who waits; many may
ADDRESSES = 10_000  # remembered


class Doorkeeper:
    """Counts connections, and hands out allowances. On the event loop; times are its own, in seconds."""

    def __init__(self, settings: Settings) -> None:
        self.connections = Connections(settings.max_connections, settings.max_connections_per_address)
        self.proxies = Proxies(settings.trusted_proxies)
        self.header_timeout_s = settings.header_timeout_s
        self.most_per_address = settings.max_connections_per_address
        self._visitors = AddressAllowances(VISITOR, ADDRESSES)
        self._of_visitors, self._of_sockets = Allowance(VISITORS, 0.0), Allowance(SOCKETS, 0.0)

    def requests(self, host: str, now_s: float) -> Share:
        """Return the share of a client's address."""
        return Share(self._visitors.of(address_of(host), now_s), self._of_visitors)

    async def turn(self, host: str, tokens: float, patience_s: float = math.inf) -> None:
        """Wait until a client's address has any tokens, and take so many; whoever waits takes none.

        Raises:
            TimeoutError: it had none for so long.
        """
        clock = asyncio.get_running_loop().time
        begun_s = now_s = clock()
        while wait_s := self.requests(host, now_s).wait_s(now_s):
            if now_s - begun_s > patience_s:
                raise TimeoutError
            await asyncio.sleep(max(wait_s, PAUSE_S))
            now_s = clock()
        self.requests(host, now_s).take(tokens, now_s)

    def stranger(self, now_s: float) -> Share:
        """Return the share of a socket that has not begun."""
        return Share(Allowance(STRANGER, now_s), self._of_sockets)

    def speaker(self, now_s: float) -> Share:
        """Return the share of a socket with a session."""
        return Share(Allowance(SPEAKER, now_s), self._of_sockets)
