"""What counts as one client's address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address

SITE_BITS = 64  # of an IPv6 address: whoever has one has all that begin with the same


def address_of(host: str | None) -> str:
    """Return what counts as a client's address: an IPv6 address as its /64, all else as it is; empty for none."""
    if not host:
        return ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), SITE_BITS), strict=False))
