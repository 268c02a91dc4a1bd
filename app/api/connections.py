"""Who is connected, and how many."""

from __future__ import annotations

from collections import Counter

from app.peer_address import address_of

Peer = tuple[str, int]  # host and port: no two connections have the same


class Connections:
    """Counts connections, from before their first byte to their end.

    Bound: ``most`` in all, ``most_per_address`` of one address. Full: :meth:`enter` says so. On the event loop.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most, self._most_per_address = most, most_per_address
        self._addresses: dict[Peer, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, peer: Peer, is_proxy: bool = False) -> bool:
        """Take a place; returns whether there was one. A proxy's connections are everybody's."""
        address = address_of(peer[0])
        if len(self._addresses) >= self._most:
            return False
        if not is_proxy and self._counts[address] >= self._most_per_address:
            return False
        self.leave(peer)
        self._addresses[peer] = address
        self._counts[address] += 1
        return True

    def leave(self, peer: Peer) -> None:
        """Give a place back; again is fine."""
        address = self._addresses.pop(peer, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]
