"""turnserver.conf, in Debian's coturn: credentials work for their time, and reach nothing inside."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from pathlib import Path

import pytest
from aioice import stun, turn

from tests.paths import ROOT
from tests.turn_server import coturn

pytestmark = pytest.mark.realtime

CONFIG = (ROOT / "deploy" / "turnserver.conf").read_text()
SECRET = "shared with the relay, and long"


def credentials(lasting_s: int, secret: str = SECRET) -> tuple[str, str]:
    username = f"{int(time.time()) + lasting_s}:viewer"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


async def relay(port: int, username: str, password: str, transport: str) -> turn.TurnTransport:
    made, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", port), username, password, transport=transport
    )
    return made


async def test_it_relays_for_who_has_credentials_and_to_nothing_inside(tmp_path: Path) -> None:
    given = ("--realm", "faces.example.org", "--static-auth-secret", SECRET)
    with coturn(tmp_path, *given, config=CONFIG) as port:
        for transport in ("udp", "tcp"):
            made = await relay(port, *credentials(60), transport)
            assert 51_000 <= made.get_extra_info("sockname")[1] <= 51_999
            client = made._TurnTransport__inner_protocol  # type: ignore[attr-defined]
            for inside in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1"):
                with pytest.raises(stun.TransactionFailed, match="403"):
                    await client.channel_bind(0x4000, (inside, 80))
            made.close()
        for wrong in (credentials(-60), credentials(60, "another secret")):
            with pytest.raises(stun.TransactionFailed, match="401"):
                await relay(port, *wrong, "udp")
