"""What a service manager such as systemd is told, over the socket that it names in ``NOTIFY_SOCKET``."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger(__name__)

US_PER_S = 1_000_000
BEATS = 3  # in the time after which the manager takes the service for stuck


class ServiceManager:
    """Says "ready", "stopping" and "alive" to whoever started the process; without a manager nothing happens.

    Nothing waits: each is one datagram, and one that the manager does not take is lost.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        own = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        is_watched = bool(self._address) and own and watchdog_us.isdecimal()
        self._beat_s = int(watchdog_us) / US_PER_S / BEATS if is_watched else None
        self._next_beat_s = 0.0

    def ready(self) -> None:
        """Say that the service can be used."""
        self._say("READY=1")

    def stopping(self, within_s: float) -> None:
        """Say that it ends, and how long that may take."""
        self._say("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round(within_s * US_PER_S)}")

    def beat(self, now_s: float) -> None:
        """Say that it is alive, as often as the manager wants to hear it; call it oftener than that."""
        if self._beat_s is not None and now_s >= self._next_beat_s:
            self._next_beat_s = now_s + self._beat_s
            self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        # an address that begins with @ has no file
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talking:
                talking.setblocking(False)
                talking.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            logger.warning("service manager: it cannot be told: %s", error)
