"""How much a peer may make this machine send to addresses that have not answered."""

from __future__ import annotations

from app.media import NS_PER_S

Address = tuple[str, int]

PACKETS_EACH = 8  # to one address; a usual check is sent 3 times in its first 2 s, from each network of this machine
PACKETS_HIGH = 96  # to all of them, those that are gained back left out
BYTES_HIGH = 12 * 1024
GAIN_NS = NS_PER_S  # for each packet that may be sent again, so that a viewer who walks between networks may go on
BYTES_GAINED = BYTES_HIGH // PACKETS_HIGH
ADDRESSES_HIGH = 256  # that are remembered; the oldest go first


class CheckBudget:
    """Counts connectivity checks of one peer, retransmissions and restarts included; never reads a clock.

    Bound: ``PACKETS_EACH`` to an address, ``PACKETS_HIGH`` packets and ``BYTES_HIGH`` bytes to all, one packet a second
    more. As much again goes to addresses from which this peer's own checks came: they may be forged, but a real peer
    behind one needs the packets. What is past a bound is not sent. An address that answered a check has no bound: the
    answer held what only the check said.
    """

    def __init__(self) -> None:
        self._told, self._heard = _Purse(), _Purse()
        self._heard_from: dict[Address, None] = {}
        self._answered: dict[Address, None] = {}
        self.unsent = 0

    def take(self, address: Address, size: int, now_ns: int) -> bool:
        """Ask for a packet of ``size`` bytes; returns whether it may be sent."""
        if address in self._answered:
            return True
        purse = self._heard if address in self._heard_from else self._told
        granted = purse.take(address, size, now_ns)
        self.unsent += not granted
        return granted

    def note_heard(self, address: Address) -> None:
        """Take the news that an authentic check came from an address, or one that seems to."""
        _remember(self._heard_from, address)

    def note_answered(self, address: Address) -> None:
        """Take the news that an address answered a check."""
        _remember(self._answered, address)


class _Purse:
    def __init__(self) -> None:
        self._each: dict[Address, int] = {}
        self._packets, self._bytes = 0, 0
        self._since_ns: int | None = None

    def take(self, address: Address, size: int, now_ns: int) -> bool:
        self._gain(now_ns)
        sent = self._each.pop(address, 0)
        may = sent < PACKETS_EACH and self._packets < PACKETS_HIGH and self._bytes + size <= BYTES_HIGH
        self._each[address] = sent + may
        if len(self._each) > ADDRESSES_HIGH:
            del self._each[next(iter(self._each))]
        if may:
            self._packets, self._bytes = self._packets + 1, self._bytes + size
        return may

    def _gain(self, now_ns: int) -> None:
        if self._since_ns is None:
            self._since_ns = now_ns
        gained = (now_ns - self._since_ns) // GAIN_NS
        self._since_ns += gained * GAIN_NS
        self._packets = max(0, self._packets - gained)
        self._bytes = max(0, self._bytes - gained * BYTES_GAINED)


def _remember(addresses: dict[Address, None], address: Address) -> None:
    addresses.pop(address, None)
    addresses[address] = None
    if len(addresses) > ADDRESSES_HIGH:
        del addresses[next(iter(addresses))]
