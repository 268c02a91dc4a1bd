"""Seals: who owns a session, in its reference, so that nobody has to be asked where it is."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.session_ref import seal_in

LONGEST = 120  # characters of a seal
PURPOSE = b"lipwire seal 1\0"  # so that the secret, which signs tokens too, gives a key that does nothing else
SCHEMES = ("http://", "https://")
_TEXT = re.compile(r"[A-Za-z0-9_-]+")


class BadSeal(Exception):
    """A seal that was not made with this secret, or is damaged, or missing."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A stage: the address at which clients reach it, without a slash at its end, and its id."""

    url: str
    stage: str


class Seals:
    """Makes and opens seals. One owner has one seal, which nobody can read or make without the secret (AES-SIV)."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hashlib.sha512(PURPOSE + secret.encode()).digest())

    def seal(self, owner: Owner) -> str:
        """Return an owner as a text of letters, digits, ``-`` and ``_``, of ``LONGEST`` characters at most.

        Raises:
            ValueError: when address and id are too long for that.
        """
        scheme = next((number for number, each in enumerate(SCHEMES) if owner.url.startswith(each)), None)
        if scheme is None or "\n" in owner.url + owner.stage:
            raise ValueError(f"A stage's address begins with http:// or https://, not {owner.url!r}.")
        said = bytes([scheme]) + f"{owner.url.removeprefix(SCHEMES[scheme])}\n{owner.stage}".encode()
        text = _encode(self._cipher.encrypt(said, None))
        if len(text) > LONGEST:
            raise ValueError(f"The address {owner.url} and the id {owner.stage} are too long for a seal; shorten them.")
        return text

    def open(self, ref: str) -> Owner:
        """Return the owner in a session's reference.

        Raises:
            BadSeal: see there.
        """
        text = seal_in(ref)
        if len(text) > LONGEST or _TEXT.fullmatch(text) is None:
            raise BadSeal
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            if _encode(sealed) != text:  # one of several texts of the same bytes
                raise BadSeal
            said = self._cipher.decrypt(sealed, None)
        except (binascii.Error, InvalidTag, ValueError):
            raise BadSeal from None
        address, _, stage = said[1:].decode().partition("\n")
        return Owner(SCHEMES[said[0]] + address, stage)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
