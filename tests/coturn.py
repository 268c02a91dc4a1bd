"""Debian's coturn with passwords that expire, as ``docs/networks.md`` sets it up."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
cert={folder}/turn.pem
pkey={folder}/turn.key
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
        _certify(address, folder)
        config, log = folder / "turnserver.conf", folder / "turn.log"
        config.write_text(CONFIG.format(address=address, secret=SECRET, folder=folder))
        with log.open("wb") as file:
            process = subprocess.Popen(
                networks.command(name, "turnserver", "-c", str(config), "-v"), stdout=file, stderr=subprocess.STDOUT
            )
        return cls(process, log, folder / "turn.pem")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


def _certify(address: str, folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turn")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "turn.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "turn.key").write_bytes(private)
