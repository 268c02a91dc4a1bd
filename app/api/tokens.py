"""Tokens: what opens one door of one session for a while."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import jwt

from app.api.passes import ALGORITHM
from app.clock import wall_clock
from app.config import Settings
from app.errors import Refusal
from app.session_ref import bare

Role = Literal["feed", "view", "recording"]

SECRET_BYTES = 32
LONGEST_TTL_S = 7 * 24 * 3600
LONGEST_TEXT = 4096  # characters
ROLES: tuple[Role, ...] = get_args(Role)
TOKEN_PREFIX = "eyJ"  # of each JSON web token: base64 of '{"'


@dataclass(frozen=True, slots=True)
class Token:
    """What opens one door of one session until ``expires_at`` (UTC)."""

    text: str = field(repr=False)
    expires_at: datetime


class Tokens:
    """Issues tokens, and checks them. Where settings name no ``token_secret``, they are good until the process ends."""

    def __init__(self, settings: Settings) -> None:
        self.secret = settings.token_secret or secrets.token_hex(SECRET_BYTES)
        self._longest_s = max(LONGEST_TTL_S, settings.max_duration_s)

    def issue(self, session_id: str, role: Role, ttl_s: float, wish: Mapping[str, Any] | None = None) -> Token:
        """Make a token. ``wish``: what the session was asked for, so that who has the token can ask for it again."""
        expires_at = wall_clock() + timedelta(seconds=ttl_s)
        claims = {"sub": bare(session_id), "role": role, "exp": expires_at}
        if wish is not None:
            claims["wish"] = dict(wish)
        return Token(jwt.encode(claims, self.secret, ALGORITHM), expires_at)

    def check(self, token: str, session_id: str, role: Role) -> None:
        """Let a token's bearer in.

        Raises:
            Refusal: ``token_missing``, ``token_invalid``, ``token_expired`` or ``token_not_for_this``.
        """
        self._checked(token, session_id, role)

    def wish_in(self, token: str, session_id: str) -> dict[str, Any] | None:
        """Return what a session was asked for, as its feed token says; None where that says nothing.

        Raises:
            Refusal: as :meth:`check` does.
        """
        wish = self._checked(token, session_id, "feed").get("wish")
        return wish if isinstance(wish, dict) else None

    def left_s(self, token: str, session_id: str) -> float:
        """Return for how long a feed token is still good; raises as :meth:`check` does."""
        expires_s = self._checked(token, session_id, "feed")["exp"]
        assert isinstance(expires_s, int | float)
        return expires_s - wall_clock().timestamp()

    def role_of(self, token: str, session_id: str) -> Role:
        """Return what a token of a session opens; raises as :meth:`check` does."""
        for role in ROLES:
            try:
                self.check(token, session_id, role)
            except Refusal as refusal:
                if refusal.code != "token_not_for_this":
                    raise
            else:
                return role
        raise Refusal("token_not_for_this", "This token is for another session.")

    def _checked(self, token: str, session_id: str, role: Role) -> dict[str, object]:
        if not token:
            raise Refusal("token_missing", f"Give the {role} token that came with the session.")
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError:
            raise Refusal("token_expired", "This token has expired; ask for another.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
            raise Refusal("token_invalid", "This token was not issued here; ask for another.") from None
        if (claims["sub"], claims["role"]) != (bare(session_id), role):
            raise Refusal("token_not_for_this", f"This token is for another session or role; a {role} token is needed.")
        return claims

    def _claims(self, token: str) -> dict[str, object]:
        """Read a token.

        Raises:
            jwt.InvalidTokenError: when it is not ours, or no longer good; and what a damaged one makes of itself.
        """
        if len(token) > LONGEST_TEXT:
            raise jwt.InvalidTokenError
        claims: dict[str, object] = jwt.decode(
            token, self.secret, [ALGORITHM], options={"require": ["sub", "role", "exp"]}
        )
        expires_s = claims["exp"]
        if not isinstance(expires_s, int | float) or expires_s > wall_clock().timestamp() + self._longest_s + 60:
            raise jwt.InvalidTokenError  # signed by somebody who means it to last for ever
        return claims
