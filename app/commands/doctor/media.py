"""UDP, and the servers that help viewers to reach this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import socket
import time
from collections.abc import Iterator

from aioice import stun, turn

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import IceServer, Settings

ANSWER_S = 4
TRIES = 3
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
USUAL_PORTS = {"stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349}
URL = re.compile(r"(stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")
FIREWALL = "open it in the firewall, and check its address"


def media(settings: Settings) -> Iterator[Finding]:
    """Try to send a packet, to have the ports, and to be answered by each server."""
    yield _sends()
    if settings.ice_ports:
        yield _range(settings.ice_ports)
    for server in settings.ice_servers:
        yield asyncio.run(_answers(server, settings.turn_secret))
    is_open = settings.host not in LOOPBACK or bool(settings.public_url)
    if is_open and not any(server.urls.startswith("turn") for server in settings.ice_servers):
        yield warn(
            "turn",
            "no TURN server is set: viewers behind firewalls that block UDP see nothing",
            "set LIPWIRE_ICE_SERVERS and LIPWIRE_TURN_SECRET; deploy/compose.yaml has one",
        )


def _sends() -> Finding:
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        ):
            here.bind(("127.0.0.1", 0))
            here.settimeout(ANSWER_S)
            there.sendto(b"lipwire", here.getsockname())
            here.recv(16)
    except OSError as error:
        return problem("udp", f"UDP does not work here ({error})", "media need it; see the sandbox and the firewall")
    return ok("udp", "UDP packets can be sent and received")


def _range(text: str) -> Finding:
    first, _, last = text.partition("-")
    ports = range(int(first), int(last or first) + 1)
    taken = [port for port in ports if not _is_free(port)]
    if not taken:
        return ok("ice ports", f"UDP {text}: all {len(ports)} are free")
    said = f"UDP {text}: {len(taken)} of {len(ports)} are taken, the first is {taken[0]}"
    if len(taken) == len(ports):
        return problem("ice ports", said, "set LIPWIRE_ICE_PORTS to another range")
    return warn("ice ports", said, "a running Lipwire's viewers have some; else set LIPWIRE_ICE_PORTS to another range")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trying:
        try:
            trying.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


async def _answers(server: IceServer, secret: str) -> Finding:
    found = URL.fullmatch(server.urls)
    if found is None:
        return problem("ice server", f"{server.urls} is no address", "see docs/settings.md")
    scheme, host, port = found[1], found[2].strip("[]"), int(found[3] or USUAL_PORTS[found[1]])
    area = scheme.rstrip("s")
    if scheme == "stuns":
        return warn(area, f"{server.urls} was not asked", "nothing here speaks STUN over TLS")
    try:
        async with asyncio.timeout(ANSWER_S):
            if area == "stun":
                return ok(area, f"{server.urls} answers, and sees us at {await _reflexive(host, port)}")
            relay = await _allocate(server, secret, (host, port), scheme == "turns", found[4] or "")
            return ok(area, f"{server.urls} answers, and relays at {relay}")
    except TimeoutError:
        return problem(area, f"{server.urls} does not answer", FIREWALL)
    except stun.TransactionTimeout:
        return problem(area, f"{server.urls} does not answer", FIREWALL)
    except stun.TransactionFailed as refused:
        code, reason = refused.response.attributes.get("ERROR-CODE", (0, "refused"))
        todo = "check LIPWIRE_TURN_SECRET, or the username and credential, and both clocks" if code == 401 else FIREWALL
        return problem(area, f"{server.urls} refuses ({code} {reason})", todo)
    except OSError as error:
        return problem(area, f"{server.urls} cannot be reached ({error.strerror or error})", FIREWALL)


class _Answer(asyncio.DatagramProtocol):
    """Keeps the first answer."""

    def __init__(self) -> None:
        self.came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.came.done():
            self.came.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.came.done():
            self.came.set_exception(exc)


async def _reflexive(host: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_datagram_endpoint(_Answer, remote_addr=(host, port))
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    try:
        for _ in range(TRIES):
            transport.sendto(bytes(request))
            if (await asyncio.wait({answer.came}, timeout=ANSWER_S / TRIES / 2))[0]:
                break
        seen = stun.parse_message(await answer.came).attributes.get("XOR-MAPPED-ADDRESS", ("?", 0))
    finally:
        transport.close()
    return f"{seen[0]}:{seen[1]}"


async def _allocate(server: IceServer, secret: str, address: tuple[str, int], is_tls: bool, transport: str) -> str:
    username, password = server.username, server.credential
    if not username and secret:
        username = f"{int(time.time()) + 60}:doctor"
        password = base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()
    way = transport or ("tcp" if is_tls else "udp")
    relayed, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol, address, username, password, ssl=is_tls, transport=way
    )
    try:
        host, port = relayed.get_extra_info("sockname")
        return f"{host}:{port}"
    finally:
        relayed.close()
        await asyncio.sleep(0)
