"""UDP sockets for media, from a range of ports where there is one."""

from __future__ import annotations

import errno
import ipaddress
import random
import socket
from collections.abc import Callable

from app.config import PortRange
from app.errors import Refusal

RECEIVE_BYTES = 256 * 1024


class NoMediaPort(Refusal):
    """Every port of the range is taken."""

    def __init__(self, ports: PortRange) -> None:
        said = f"All UDP ports for media, {ports.first} to {ports.last}, are taken; try again in a minute."
        super().__init__("no_media_port", said)


def bound_socket(address: str, ports: PortRange | None, chance: Callable[[], float] = random.random) -> socket.socket:
    """Return a socket at an address of this machine, at a port of the range, the first tried one by chance.

    Raises:
        NoMediaPort: where all of them are taken.
        OSError: where the address is none of this machine's.
    """
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if ports is None:
            made.bind((address, 0))
        else:
            _bind_within(made, address, ports, chance())
    except BaseException:
        made.close()
        raise
    return made


def _bind_within(made: socket.socket, address: str, ports: PortRange, chance: float) -> None:
    count = ports.last - ports.first + 1
    start = int(chance * count)
    for step in range(count):
        try:
            made.bind((address, ports.first + (start + step) % count))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return
    raise NoMediaPort(ports)
