"""Passes: what a client has proven at one address, for another to believe.

Browsers, curl and httpx drop ``Authorization`` where a redirect leads to another origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from app.clock import wall_clock
from app.errors import Refusal
from app.session_ref import bare

ALGORITHM = "HS256"
AUDIENCE = "stage"  # no token has one, so neither is ever taken for the other
PARAMETER = "pass"  # of the query
PASS_S = 30
LONGEST_PASS = 1024  # characters


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven about a session (its bare id): who asks (a key's id), or that they have a token of a role."""

    session: str
    caller: str = ""
    role: str = ""


class Passes:
    """Makes and reads passes, which are signed with ``secret`` and last ``PASS_S``."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, proof: Proof) -> str:
        """Make a pass."""
        claims: dict[str, Any] = {"sub": bare(proof.session), "aud": AUDIENCE}
        claims |= {"role": proof.role} if proof.role else {"caller": proof.caller}
        claims["exp"] = wall_clock() + timedelta(seconds=PASS_S)
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, text: str, session: str) -> Proof:
        """Return what a pass says about a session, given as a reference or an id.

        Raises:
            Refusal: ``token_invalid``, ``token_expired`` or ``token_not_for_this``.
        """
        claims = self._claims(text)
        proof = Proof(str(claims["sub"]), str(claims.get("caller", "")), str(claims.get("role", "")))
        if proof.session != bare(session) or not (proof.caller or proof.role):
            raise Refusal("token_not_for_this", "This pass is for another session; ask again where it was made.")
        return proof

    def _claims(self, text: str) -> Mapping[str, Any]:
        try:
            if len(text) > LONGEST_PASS:
                raise jwt.InvalidTokenError
            claims: dict[str, Any] = jwt.decode(
                text, self._secret, [ALGORITHM], audience=AUDIENCE, options={"require": ["sub", "aud", "exp"]}
            )
        except jwt.ExpiredSignatureError:
            raise Refusal("token_expired", "This pass has expired; ask again where it was made.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
            raise Refusal("token_invalid", "This pass was not made here; ask again where you came from.") from None
        return claims
