"""Networks as they are: firewalls, translated addresses, TURN. Each in namespaces of this machine, with a real viewer.

Debian's coturn relays, with passwords that expire; a real Chromium watches. What counts is what it decoded.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.config import IceServer
from app.rtc.turn_credentials import with_credentials
from bench.server import environment_of, launch
from tests.coturn import SECRET, Coturn
from tests.namespaces import Networks, output_rules, require_namespaces
from tests.paths import ROOT

pytestmark = pytest.mark.browser

SERVER, RELAY, VIEWER, ROUTER = "198.51.100.10", "198.51.100.20", "198.51.100.30", "198.51.100.40"
BEHIND, BEHIND_ROUTER = "10.9.0.2", "10.9.0.1"
PORT = 8000
PORTS = (50000, 50009)
KEY = "a key for tests in networks of their own"
SECONDS = 4
VIEWER_S = 90
IN_VAIN_S = 10  # that a viewer tries where nothing leads; one that is reached takes 2
PICTURES = 40  # of 100 in that time
SAMPLES = 48_000
ENERGY = 1e-4
TURN_UDP, TURN_TCP = f"turn:{RELAY}:3478", f"turn:{RELAY}:3478?transport=tcp"
TURN_TLS = f"turns:{RELAY}:5349"
CHROMIUM = os.environ.get("LIPWIRE_CHROMIUM") or shutil.which("chromium") or ""


class Stage:
    """One machine each for the server, the relay and the viewer, on a network of public addresses."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.networks, self._folder, self._cleanup = Networks(), folder, cleanup
        cleanup.callback(self.networks.close)
        self.networks.add_bridge("wan")
        for name, address in (("srv", SERVER), ("rly", RELAY), ("cli", VIEWER)):
            self.networks.add(name)
            if name != "srv":
                self.networks.join(name, f"{address}/24", "wan")
        self.relay = Coturn.start(self.networks, "rly", RELAY, folder)
        cleanup.callback(self.relay.stop)

    def open(self) -> None:
        """Give the server a public address of its own."""
        self.networks.join("srv", f"{SERVER}/24", "wan")

    def translate(self) -> None:
        """Put the server behind a router that translates a public address, and lets in what is asked for, no more."""
        self.networks.add_bridge("lan")
        self.networks.add("nat")
        self.networks.join("nat", f"{ROUTER}/24", "wan")
        self.networks.join("nat", f"{BEHIND_ROUTER}/24", "lan")
        self.networks.join("srv", f"{BEHIND}/24", "lan")
        self.networks.run("srv", "ip", "route", "add", "default", "via", BEHIND_ROUTER)
        self.networks.run("nat", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        first, last = PORTS
        self.networks.rules(
            "nat",
            f"""table ip translate {{
  chain before {{
    type nat hook prerouting priority -100;
    iifname "wan0" tcp dport {PORT} dnat to {BEHIND}
    iifname "wan0" udp dport {first}-{last} dnat to {BEHIND}
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "wan0" ct status dnat accept
  }}
}}
""",
        )

    def serve(self, at: str = "0.0.0.0", **settings: str) -> None:
        """Start the server; ``settings`` are LIPWIRE_* variables without the prefix."""
        usual = {"host": at, "api_keys": KEY, "allowed_hosts": "*", "turn_secret": SECRET, "engine": "clapper"}
        environment = environment_of(self._folder / "data", usual | settings)
        environment |= {"LIPWIRE_PORT": str(PORT), "SSL_CERT_FILE": str(self.relay.certificate)}
        command = self.networks.command("srv", sys.executable, "-m", "app", "serve")
        with (self._folder / "server.log").open("w") as log:
            served = launch(command, environment, ROOT, log)
        self._cleanup.callback(served.stop)

    def watch(self, address: str, policy: str = "all", patience_s: int = 25, machine: str = "cli") -> dict[str, Any]:
        """Watch from the viewer's machine, or another; returns what was played."""
        command = [sys.executable, "-m", "tests.e2e.network_viewer", f"http://{address}:{PORT}", KEY, policy]
        done = subprocess.run(
            self.networks.command(machine, *command, str(SECONDS), str(patience_s)),
            capture_output=True,
            text=True,
            timeout=VIEWER_S,
            env=os.environ | {"LIPWIRE_CHROMIUM": CHROMIUM},
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return seen

    def dropped(self, name: str) -> int:
        """How many packets of UDP a machine's firewall has dropped."""
        rules = self.networks.run(name, "nft", "list", "table", "inet", "office")
        return int(rules.split("counter packets ")[1].split()[0])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    require_namespaces()
    if not CHROMIUM:
        pytest.skip("apt-get install chromium: it is the viewer")
    with ExitStack() as cleanup:
        yield Stage(tmp_path, cleanup)


def plays(seen: dict[str, Any]) -> bool:
    return bool(seen["pictures"] >= PICTURES and seen["samples"] >= SAMPLES and seen["energy"] >= ENERGY)


def test_a_viewer_with_all_udp_blocked_but_the_relay(stage: Stage) -> None:
    stage.open()
    stage.networks.rules("cli", output_rules(f"ip daddr {RELAY} udp dport 3478"))
    stage.serve(ice_servers=TURN_UDP)
    seen = stage.watch(SERVER, "relay")
    assert plays(seen), seen
    assert seen["local"] == "relay" and seen["relayed_over"] == "udp"
    (server,) = seen["ice_servers"]
    expiry = int(server["username"].partition(":")[0])
    assert server["username"].count(":") == 1 and expiry > 0
    assert "session" in stage.relay.log.read_text()


@pytest.mark.parametrize(("urls", "over"), [(TURN_TCP, "tcp"), (TURN_TLS, "tls")])
def test_a_viewer_in_an_office_without_any_udp(stage: Stage, urls: str, over: str) -> None:
    stage.open()
    stage.networks.rules("cli", output_rules())
    stage.serve(ice_servers=urls)
    seen = stage.watch(SERVER)
    assert plays(seen), seen
    assert seen["local"] == "relay" and seen["relayed_over"] == over
    assert stage.dropped("cli") > 0, "it tried without"


def test_without_a_relay_that_viewer_sees_nothing(stage: Stage) -> None:
    """Shows that the networks of these tests do block."""
    stage.open()
    stage.networks.rules("cli", output_rules())
    stage.serve()
    assert stage.watch(SERVER, patience_s=IN_VAIN_S).get("pictures", 0) == 0


def test_a_server_behind_a_translated_address(stage: Stage) -> None:
    stage.translate()
    stage.serve(ice_ports=f"{PORTS[0]}-{PORTS[1]}", ice_address=ROUTER)
    seen = stage.watch(ROUTER)
    assert plays(seen), seen
    assert seen["remote_address"] == ROUTER and seen["remote"] == "host"


def test_a_server_behind_a_translated_address_that_says_nothing_of_it_is_not_reached(stage: Stage) -> None:
    stage.translate()
    stage.serve(ice_ports=f"{PORTS[0]}-{PORTS[1]}")
    assert stage.watch(ROUTER, patience_s=IN_VAIN_S).get("pictures", 0) == 0


@pytest.mark.parametrize("urls", [TURN_UDP, f"{TURN_UDP},{TURN_TCP}", f"{TURN_UDP},{TURN_TLS}"])
def test_a_server_whose_network_lets_no_udp_out_but_to_the_relay(stage: Stage, urls: str) -> None:
    """It takes the first way to the relay that is open."""
    stage.open()
    accepted = [f"ip daddr {RELAY} udp dport 3478"] if urls == TURN_UDP else []
    stage.networks.rules("srv", output_rules(*accepted))
    stage.serve(ice_servers=urls)
    seen = stage.watch(SERVER)
    assert plays(seen), seen
    assert seen["remote_address"] == RELAY
    assert stage.dropped("srv") > 0


def test_a_viewer_on_the_servers_own_machine(stage: Stage) -> None:
    """Served on loopback alone; media go between the addresses that the machine has."""
    stage.open()
    stage.serve(at="127.0.0.1", private_addresses="1")
    seen = stage.watch("127.0.0.1", machine="srv")
    assert plays(seen), seen


def test_credentials_that_have_expired_are_not_taken(stage: Stage) -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert [_allocates(stage, now + datetime.timedelta(seconds=seconds)) for seconds in (60, -60)] == [True, False]


ALLOCATE = """
import asyncio, sys
from aioice.ice import Connection, StunProtocol
from aiortc import RTCIceServer
from app.rtc.relays import first_relay

async def main():
    connection = Connection(ice_controlling=True)
    found = await first_relay([RTCIceServer(*sys.argv[1:])], 1, lambda: StunProtocol(connection))
    print("allocated" if found else "refused")
    if found:
        await found.close()

asyncio.run(main())
"""


def _allocates(stage: Stage, ends: datetime.datetime) -> bool:
    """Ask the relay for a place, as the server does."""
    (server,) = with_credentials([IceServer(TURN_UDP)], SECRET, "session", ends)
    assert server.username and server.credential
    command = [sys.executable, "-c", ALLOCATE, server.urls, server.username, server.credential]
    return stage.networks.run("cli", *command).strip() == "allocated"
