"""Certificates: whether they fit their keys, and how long they last."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings

SOON = timedelta(days=21)


def certificates(settings: Settings) -> Iterator[Finding]:
    """Look at the certificate for HTTPS and at the one that signs files."""
    if settings.ssl_certfile and settings.ssl_keyfile:
        yield from _pair("https", Path(settings.ssl_certfile), Path(settings.ssl_keyfile), _name(settings))
    elif settings.public_url.startswith("http://"):
        yield warn("https", "LIPWIRE_PUBLIC_URL is not https", "browsers give the microphone to https pages alone")
    if settings.c2pa_certfile and settings.c2pa_keyfile:
        yield from _pair("c2pa", settings.c2pa_certfile, settings.c2pa_keyfile, None)


def _name(settings: Settings) -> str | None:
    return urlsplit(settings.public_url).hostname if settings.public_url else None


def _pair(area: str, certfile: Path, keyfile: Path, name: str | None) -> Iterator[Finding]:
    try:
        certificate = x509.load_pem_x509_certificates(certfile.read_bytes())[0]
        key = load_pem_private_key(keyfile.read_bytes(), None)
        if area == "https":
            ssl.create_default_context().load_cert_chain(certfile, keyfile)
    except (OSError, ValueError, TypeError, IndexError) as error:
        yield problem(area, f"{certfile} and {keyfile} cannot be used ({error})", "both as PEM, without a password")
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        yield problem(area, f"{keyfile} is not the key of {certfile}", "give the pair that belongs together")
        return
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if left < timedelta(0):
        yield problem(area, f"{certfile} expired on {certificate.not_valid_after_utc:%Y-%m-%d}", "renew it")
    elif left < SOON:
        yield warn(area, f"{certfile} expires in {left.days} days", "renew it, then start the service again")
    else:
        yield ok(area, f"{certfile} fits its key and lasts {left.days} days")
    if keyfile.stat().st_mode & 0o077:
        yield warn(area, f"{keyfile} can be read by other users", f"chmod 600 {keyfile}")
    names = _names(certificate)
    if name is not None and not any(_fits(name, each) for each in names):
        yield problem(area, f"{certfile} is for {', '.join(names) or 'no name'}, not {name}", "get one for that name")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName) + [str(ip) for ip in names.get_values_for_type(x509.IPAddress)]


def _fits(name: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return name == pattern
