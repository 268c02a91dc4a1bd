"""Who may use the service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings

SHORTEST_KEY = 20  # characters: with fewer, one of random letters may be guessed
HASHED = "sha256:"
LOOPBACK_NAMES = {"localhost"}
OTHERS_MAY_READ = 0o077


def access(settings: Settings) -> Iterator[Finding]:
    """Look at keys, and at what an open server needs beside them."""
    keys_file = settings.keys_file or settings.data_dir / "keys.json"
    has_file = keys_file.is_file()
    is_open = not _is_loopback(settings.host)
    count = len(settings.api_keys)
    if count or has_file:
        yield ok("keys", f"{count} in LIPWIRE_API_KEYS{f', more in {keys_file}' if has_file else ''}")
    elif is_open:
        yield problem(
            "keys", f"LIPWIRE_HOST is {settings.host}, but there are no keys: it will serve on loopback alone",
            "`lipwire keys add NAME`, or set LIPWIRE_API_KEYS",
        )  # fmt: skip
    else:
        yield ok("keys", "none, and none needed on loopback")
    weak = [key for key in settings.api_keys if not key.startswith(HASHED) and len(key) < SHORTEST_KEY]
    if weak:
        yield problem(
            "keys", f"{len(weak)} of LIPWIRE_API_KEYS can be guessed", f"use {SHORTEST_KEY} random characters or more"
        )
    if settings.keys_file is not None and not has_file:
        yield warn("keys", f"{keys_file} is not there", "`lipwire keys add NAME` makes it")
    if has_file and keys_file.stat().st_mode & OTHERS_MAY_READ:
        yield problem("keys", f"{keys_file} can be read by other users", f"chmod 600 {keys_file}")
    if (count or has_file) and not settings.token_secret:
        yield warn("tokens", "they are worth nothing once the service was started anew", "set LIPWIRE_TOKEN_SECRET")
    if "*" in settings.allowed_origins:
        yield warn("origins", "any page may use the service", "name the sites in LIPWIRE_ALLOWED_ORIGINS")
    if is_open and settings.private_addresses:
        yield warn(
            "addresses", "viewers and outputs may be at private addresses", "set LIPWIRE_PRIVATE_ADDRESSES=0 where "
            "strangers may watch or push",
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_NAMES
