"""Which addresses strangers may make this machine send to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # RFC 6052 and 8215: an IPv4 address at the end
COMPATIBLE = IPv6Network("::/96")  # an IPv4 address written as IPv6, long given up
# where clouds tell a machine about itself, passwords included; what is link-local is one of these anyway
METADATA = frozenset(
    ipaddress.ip_address(each)
    for each in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "169.254.169.254")
)
THIS_NETWORK = IPv4Network("0.0.0.0/8")  # whose addresses some systems take for their own


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a stranger's address may lead. ``private``: into private networks; ``loopback``: to this machine itself.

    Link-local, multicast, unspecified, broadcast and reserved addresses, and those where clouds answer about a
    machine, are never reached; nor is any of them in another notation (mapped, NAT64, 6to4, Teredo).
    """

    private: bool = True
    loopback: bool = False

    def allows(self, text: str) -> bool:
        """Whether packets may go to an address; what is none may not be reached."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return all(self._allows(each) for each in _meant(address))

    def _allows(self, address: Address) -> bool:
        if address.is_loopback:
            return self.loopback
        if _is_nobodys(address):
            return False
        return self.private or address.is_global


def _is_nobodys(address: Address) -> bool:
    if isinstance(address, IPv4Address) and address in THIS_NETWORK:
        return True
    is_special = address.is_unspecified or address.is_multicast or address.is_link_local or address.is_reserved
    return is_special or address in METADATA


def _meant(address: Address) -> list[Address]:
    """Return the addresses that one stands for: itself, or the one that it holds."""
    if isinstance(address, IPv4Address):
        return [address]
    address = IPv6Address(int(address))  # without a zone
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if any(address in network for network in NAT64):
        return [last]
    if address in COMPATIBLE and not address.is_loopback and not address.is_unspecified:
        return [last]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    return [address]
