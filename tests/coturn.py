"""Debian's coturn with passwords that expire, as ``docs/networks.md`` sets it up."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import make_certificate
from tests.namespaces import Networks

SECRET = "a secret that the TURN server and Lipwire share"
CONFIG = """
listening-ip={address}
relay-ip={address}
listening-port=3478
tls-listening-port=5349
min-port=60000
max-port=60100
use-auth-secret
static-auth-secret={secret}
realm=example.org
fingerprint
cert={folder}/cert.pem
pkey={folder}/key.pem
no-cli
no-multicast-peers
denied-peer-ip=127.0.0.0-127.255.255.255
denied-peer-ip=169.254.0.0-169.254.255.255
log-file=stdout
pidfile={folder}/turn.pid
userdb={folder}/turn.db
"""


@dataclass(frozen=True)
class Coturn:
    """A running one; ``certificate`` is what its TLS must be checked against."""

    process: subprocess.Popen[bytes]
    log: Path
    certificate: Path

    @classmethod
    def start(cls, networks: Networks, name: str, address: str, folder: Path) -> Coturn:
        """Run it in a namespace."""
        make_certificate(folder, address)
        config, log = folder / "turnserver.conf", folder / "turn.log"
        config.write_text(CONFIG.format(address=address, secret=SECRET, folder=folder))
        with log.open("wb") as file:
            process = subprocess.Popen(
                networks.command(name, "turnserver", "-c", str(config), "-v"), stdout=file, stderr=subprocess.STDOUT
            )
        return cls(process, log, folder / "cert.pem")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)
