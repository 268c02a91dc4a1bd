"""The network that media go through, as the operator described it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from app.clock import wall_clock
from app.config import IceServer, PortRange, Settings, parse_addresses, parse_ports
from app.rtc.turn_credentials import with_credentials

TURN_LEAST_S = 3600  # that credentials last; a browser uses those it began with for restarts too
NAME_BYTES = 4


@dataclass(frozen=True, slots=True)
class IceNetwork:
    """How peers are reached, for one session or for all.

    ``ports``: UDP ports for media, None for any. ``addresses``: at most one of each IP version, told to peers in the
    place of this machine's own. ``private``: whether peers may be in private networks. ``turn_secret``: of which TURN
    credentials are made that last ``turn_ttl_s``. ``session``: whom they are made for.
    """

    servers: tuple[IceServer, ...] = ()
    ports: PortRange | None = None
    addresses: tuple[str, ...] = ()
    private: bool = True
    turn_secret: str = field(default="", repr=False)
    turn_ttl_s: float = TURN_LEAST_S
    session: str = ""

    @classmethod
    def of(cls, settings: Settings) -> IceNetwork:
        """Make it of the settings, for all sessions."""
        return cls(
            settings.ice_servers,
            parse_ports(settings.ice_ports),
            parse_addresses(settings.ice_address),
            settings.private_addresses,
            settings.turn_secret,
            settings.max_duration_s,
        )

    def ice_servers(self) -> tuple[IceServer, ...]:
        """Return STUN and TURN servers, with credentials that begin to expire now.

        Each time they have a name of their own: coturn counts by it (``user-quota``), and a session may have many
        viewers.
        """
        if not self.turn_secret:
            return self.servers
        ends = wall_clock() + timedelta(seconds=max(TURN_LEAST_S, self.turn_ttl_s))
        name = f"{self.session or 'lipwire'}-{secrets.token_hex(NAME_BYTES)}"
        return with_credentials(self.servers, self.turn_secret, name, ends)
