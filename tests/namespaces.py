"""Networks of this machine's own: namespaces on one bridge, with firewalls, and a router that translates addresses."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

NEEDED = {"ip": "iproute2", "nft": "nftables", "turnserver": "coturn"}
BRIDGE = "br0"


def require_namespaces() -> None:
    """Skip where namespaces cannot be made, or a program is missing."""
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)}: networks are built of them")
    name = f"lw{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"network namespaces need root, with CAP_NET_ADMIN and CAP_SYS_ADMIN ({made.stderr.strip()})")
    try:
        ruled = subprocess.run(
            ["ip", "netns", "exec", name, "nft", "add table inet probe"], capture_output=True, text=True
        )
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    if ruled.returncode:
        pytest.skip(f"nftables cannot be used here ({ruled.stderr.strip()})")


@dataclass
class Networks:
    """Namespaces by short names, all gone after :meth:`close`. ``processes`` end before them."""

    prefix: str = field(default_factory=lambda: f"lw{os.getpid()}")
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Make one, with its loopback up and without IPv6."""
        _run("ip", "netns", "add", self.full(name))
        self.names.append(name)
        self.run(name, "ip", "link", "set", "lo", "up")
        self.run(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")

    def add_bridge(self, name: str) -> None:
        """Make one that is a switch."""
        self.add(name)
        self.run(name, "ip", "link", "add", BRIDGE, "type", "bridge")
        self.run(name, "ip", "link", "set", BRIDGE, "up")

    def join(self, name: str, address: str, bridge: str) -> None:
        """Give a namespace an address (with its prefix's length) on a switch; its interface is called as that."""
        near, far = f"{bridge}0", f"{name}x"
        self.run(name, "ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.full(bridge))
        self.run(name, "ip", "addr", "add", address, "dev", near)
        self.run(name, "ip", "link", "set", near, "up")
        self.run(bridge, "ip", "link", "set", far, "master", BRIDGE)
        self.run(bridge, "ip", "link", "set", far, "up")

    def rules(self, name: str, text: str) -> None:
        """Give a namespace nftables rules."""
        subprocess.run(self.command(name, "nft", "-f", "-"), input=text, text=True, check=True)

    def command(self, name: str, *command: str) -> list[str]:
        """Return a command as it runs inside a namespace."""
        return ["ip", "netns", "exec", self.full(name), *command]

    def run(self, name: str, *command: str) -> str:
        """Run a short command inside, which must succeed."""
        return _run(*self.command(name, *command))

    def full(self, name: str) -> str:
        """Return a namespace's name on this machine."""
        return f"{self.prefix}{name}"

    def close(self) -> None:
        """Remove them all."""
        for name in self.names:
            subprocess.run(["ip", "netns", "del", self.full(name)], check=False)
        self.names.clear()


def output_rules(*accepted: str) -> str:
    """Return rules by which nothing leaves but TCP and what is accepted, as in an office."""
    own = "".join(f"    {each} accept\n" for each in accepted)
    return (
        "table inet office {\n  chain out {\n    type filter hook output priority 0; policy accept;\n"
        f'    oifname "lo" accept\n{own}    meta l4proto udp counter drop\n  }}\n}}\n'
    )


def _run(*command: str) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{_said(command)}: {done.stderr}"
    return done.stdout


def _said(command: Sequence[str]) -> str:
    return " ".join(command)
