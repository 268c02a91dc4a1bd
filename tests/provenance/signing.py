"""A certificate chain that may sign files: our own authority, and a signer below it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Signing:
    certfile: Path
    keyfile: Path
    authority: str  # PEM


def make_signing(folder: Path, key: CertificateIssuerPrivateKeyTypes | None = None, purpose: bool = True) -> Signing:
    """Write a chain and its key; without ``purpose`` the certificate is one for web servers."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), key or ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name("Test authority"), _name("Test signer")
    root = _certificate(root_name, root_name, root_key.public_key(), None, root_key, root_key.public_key())
    use = ExtendedKeyUsageOID.EMAIL_PROTECTION if purpose else ExtendedKeyUsageOID.SERVER_AUTH
    leaf = _certificate(name, root_name, key.public_key(), use, root_key, root_key.public_key())
    folder.mkdir(parents=True, exist_ok=True)
    chain = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (leaf, root))
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Signing(folder / "chain.pem", folder / "key.pem", root.public_bytes(serialization.Encoding.PEM).decode())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lipwire"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: object,
    use: x509.ObjectIdentifier | None,
    signer: ec.EllipticCurvePrivateKey,
    signer_public: ec.EllipticCurvePublicKey,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=use is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)  # type: ignore[arg-type]
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_public), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=use is None,
                crl_sign=use is None,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return builder.sign(signer, hashes.SHA256())
