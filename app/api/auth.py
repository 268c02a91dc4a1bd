"""Who may do what: API keys for those who run sessions, short-lived tokens for one session and one role."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import jwt
from starlette.requests import HTTPConnection

from app.clock import wall_clock
from app.config import Settings
from app.errors import Refusal

Role = Literal["feed", "view"]

ALGORITHM = "HS256"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """What opens one door of one session until ``expires_at`` (UTC)."""

    text: str
    expires_at: datetime


class Gate:
    """Issues tokens, and checks them and keys. Without API keys whoever reaches the server may make sessions."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [key.encode() for key in settings.api_keys]
        self._secret = settings.token_secret or secrets.token_hex(SECRET_BYTES)

    def issue(self, session_id: str, role: Role, ttl_s: float) -> Token:
        """Make a token."""
        expires_at = wall_clock() + timedelta(seconds=ttl_s)
        claims = {"sub": session_id, "role": role, "exp": expires_at}
        return Token(jwt.encode(claims, self._secret, ALGORITHM), expires_at)

    def check(self, token: str, session_id: str, role: Role) -> None:
        """Let a token's bearer in.

        Raises:
            Refusal: ``token_missing``, ``token_invalid``, ``token_expired`` or ``token_not_for_this``.
        """
        if not token:
            raise Refusal("token_missing", f"Give the {role} token that came with the session.")
        try:
            claims = jwt.decode(token, self._secret, [ALGORITHM], options={"require": ["sub", "role", "exp"]})
        except jwt.ExpiredSignatureError:
            raise Refusal("token_expired", "This token has expired; ask for another.") from None
        except jwt.InvalidTokenError:
            raise Refusal("token_invalid", "This token was not issued here; ask for another.") from None
        if (claims["sub"], claims["role"]) != (session_id, role):
            raise Refusal("token_not_for_this", f"This token is for another session or role; a {role} token is needed.")

    def check_bearer(self, request: HTTPConnection, session_id: str, role: Role) -> None:
        """Let a request in whose ``Authorization`` bears a token.

        Raises:
            Refusal: as :meth:`check` does.
        """
        self.check(_bearer(request), session_id, role)

    def check_key(self, request: HTTPConnection) -> None:
        """Let a request in whose ``Authorization`` bears an API key, or any where none is set.

        Raises:
            Refusal: ``key_missing`` or ``key_invalid``.
        """
        self.check_key_text(_bearer(request))

    def check_key_text(self, key: str) -> None:
        """Let an API key's bearer in, or anybody where none is set.

        Raises:
            Refusal: ``key_missing`` or ``key_invalid``.
        """
        if not self._keys:
            return
        if not key:
            raise Refusal("key_missing", 'Send an API key: "Authorization: Bearer KEY", or "key" in "start".')
        # every key is compared, so that the time says nothing
        if not any([hmac.compare_digest(key.encode(), known) for known in self._keys]):
            raise Refusal("key_invalid", "This API key is not known here.")


def _bearer(request: HTTPConnection) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
