"""An API key, of which only the sum is known."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from app.access.quota import Quota

PREFIX = "lw_"  # by which people, and what looks for secrets in texts, know ours
RANDOM_BYTES = 32  # 256 bits cannot be guessed, so a plain sum is all that must be kept
ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its text. ``id`` is stable and no secret; what the key makes is marked with it.

    ``is_operator``: it stands in the environment, so its bearer runs the server.
    """

    id: str
    name: str
    sum: str = field(repr=False)  # SHA-256, hexadecimal
    quota: Quota = field(default_factory=Quota)
    expires_at: datetime | None = None
    is_operator: bool = False


def make_text() -> str:
    """Make up a key."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def sum_of(text: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def id_of(sum: str) -> str:
    """Return the id of the key with a sum."""
    return f"key_{sum[:ID_DIGITS]}"
