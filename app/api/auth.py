"""Who may do what: API keys for those who run sessions, short-lived tokens for one session and one role."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import jwt
from fastapi import Depends
from starlette.requests import HTTPConnection

from app.access.audit import Audit
from app.access.caller import NOBODY, Caller
from app.access.key_ring import KeyRing, revoked
from app.access.wrong_keys import WrongKeys
from app.api.passes import ALGORITHM, PARAMETER, Passes, Proof
from app.clock import MonotonicClock, wall_clock
from app.config import Settings
from app.errors import Refusal
from app.log_context import ADDRESS, KEY
from app.session_ref import bare, ref_in_path

Role = Literal["feed", "view", "recording"]

SECRET_BYTES = 32
LONGEST_TTL_S = 7 * 24 * 3600  # of a token
LONGEST_TEXT = 4096  # characters of a key or a token
ALL_SESSIONS = "/api/sessions"  # of which a pass may be, too: one for no session
ROLES: tuple[Role, ...] = get_args(Role)
TOKEN_PREFIX = "eyJ"  # of each JSON web token: base64 of '{"'
UNGUESSABLE = 32  # characters; a key as long needs no protection from those who guess


@dataclass(frozen=True, slots=True)
class Token:
    """What opens one door of one session until ``expires_at`` (UTC)."""

    text: str = field(repr=False)
    expires_at: datetime


class Gate:
    """Issues tokens, and checks them and keys. Without API keys whoever reaches the server may make sessions.

    Who gives wrong keys over and over is no longer listened to for a while, unless they bear a long key that is right.
    A stage (``of_stage``) takes passes of whoever shares its ``token_secret``, in place of keys and tokens.
    """

    def __init__(
        self, settings: Settings, keys: KeyRing | None = None, audit: Audit | None = None, of_stage: bool = False
    ) -> None:
        self._keys = keys or KeyRing.of(settings)
        self.audit = audit or Audit(settings.audit_file)
        self._wrong = WrongKeys()
        self._clock = MonotonicClock()
        self._secret = settings.token_secret or secrets.token_hex(SECRET_BYTES)
        self._longest_s = max(LONGEST_TTL_S, settings.max_duration_s)
        self._passes, self.of_stage = Passes(self._secret), of_stage

    def issue(self, session_id: str, role: Role, ttl_s: float, wish: Mapping[str, Any] | None = None) -> Token:
        """Make a token. ``wish``: what the session was asked for, so that who has the token can ask for it again."""
        expires_at = wall_clock() + timedelta(seconds=ttl_s)
        claims = {"sub": bare(session_id), "role": role, "exp": expires_at}
        if wish is not None:
            claims["wish"] = dict(wish)
        return Token(jwt.encode(claims, self._secret, ALGORITHM), expires_at)

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

    def pass_for(self, session_id: str, caller: Caller | None = None, role: Role | None = None) -> str:
        """Make a pass for a session, for who has proven to be a ``caller`` with a key, or to have a ``role``."""
        return self._passes.issue(Proof(session_id, caller.id if caller else "", role or ""))

    async def pass_of(self, request: HTTPConnection, session_id: str) -> str | None:
        """Return a pass for what a request has proven about a session; None where that is nothing.

        Raises:
            Refusal: where it bears a key, a token or a pass that is wrong.
        """
        text = bearer_of(request)
        if text.startswith(TOKEN_PREFIX):
            role = self._role(text, session_id)
            return self.pass_for(session_id, role=role)
        if not text and self._proof(request, session_id) is not None:
            return request.query_params[PARAMETER]  # the same: whoever has found one shall not have it renewed for ever
        caller = await self.greet(request)
        return self.pass_for(session_id, caller) if caller.id else None

    def bears_pass(self, request: HTTPConnection) -> bool:
        """Tell whether one of ours has seen a key, and sent the request here for the session that it is about."""
        ref = ref_in_path(request.scope["path"])
        try:
            proof = self._proof(request, ref) if ref is not None else None
        except Refusal:
            return False
        return proof is not None and bool(proof.caller)

    def _role(self, token: str, session_id: str) -> Role:
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

    def _proof(self, request: HTTPConnection, session_id: str) -> Proof | None:
        """Return what a request's pass proves; None where there is none, or none counts here.

        Raises:
            Refusal: where it is wrong.
        """
        text = request.query_params.get(PARAMETER, "") if self.of_stage else ""
        return self._passes.read(text, session_id) if text else None

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

    def check_bearer(self, request: HTTPConnection, session_id: str, role: Role) -> None:
        """Let a request in whose ``Authorization`` bears a token, or that has a pass for that.

        Raises:
            Refusal: as :meth:`check` does.
        """
        text = bearer_of(request)
        if text or (proof := self._proof(request, session_id)) is None:
            self.check(text, session_id, role)
        elif proof.role != role:
            raise Refusal("token_not_for_this", f"This pass is for another role; a {role} token is needed.")

    async def check_key_or_token(self, request: HTTPConnection, session_id: str, role: Role) -> Caller | None:
        """Let in who bears a key, or a token for this; returns the caller, None for a token.

        Raises:
            Refusal: as :meth:`check_key` and :meth:`check` do.
        """
        text = bearer_of(request)
        proof = None if text else self._proof(request, session_id)
        if text.startswith(TOKEN_PREFIX) or (proof is not None and proof.role):
            self.check_bearer(request, session_id, role)
            return None
        return await self.check_key(request)

    def require_owner(self, owner: str) -> None:
        """Let in who bears a token for what a key owns, as long as that key counts.

        Raises:
            Refusal: ``key_revoked``.
        """
        if owner and self._keys.by_id(owner) is None:
            raise revoked()

    async def check_key(self, request: HTTPConnection) -> Caller:
        """Let a request in whose ``Authorization`` bears an API key, or any where none is wanted.

        The caller is kept in ``request.state.caller`` (:data:`Asking`), and the key's id in the log's context.

        Raises:
            Refusal: ``key_missing``, ``key_invalid`` or ``too_many_wrong_keys``.
        """
        return await self.check_key_text(request, "")

    async def check_key_text(self, request: HTTPConnection, text: str) -> Caller:
        """Do the same with a key that came otherwise; an empty one is looked for in ``Authorization``."""
        caller = await self.greet(request, text)
        require_key(caller)
        return caller

    async def check_operator(self, request: HTTPConnection) -> Caller:
        """Let in whose key stands in the environment, or anybody where no key is wanted.

        Raises:
            Refusal: as :meth:`check_key` does; ``key_not_for_this``.
        """
        caller = await self.check_key(request)
        if not caller.is_operator:
            raise Refusal("key_not_for_this", "This is for the operator's keys, those in LIPWIRE_API_KEYS, alone.")
        return caller

    async def greet(self, request: HTTPConnection, text: str = "") -> Caller:
        """Find out who asks: ``NOBODY`` where a key is wanted and none was given.

        Raises:
            Refusal: ``key_invalid`` or ``too_many_wrong_keys``.
        """
        if not ADDRESS.get():
            ADDRESS.set(_address_of(request))
        await self._keys.refresh()
        text = text or bearer_of(request)
        path = request.scope["path"]
        ref = None if text else "" if path == ALL_SESSIONS else ref_in_path(path)
        proof = None if ref is None else self._proof(request, ref)
        caller = self._passed(proof) if proof and proof.caller else self._caller(request, text)
        request.state.caller = caller
        KEY.set(caller.id)
        return caller

    def _passed(self, proof: Proof) -> Caller:
        """Return whose key was seen where a pass was made."""
        key = self._keys.by_id(proof.caller)
        if key is None:
            raise revoked()
        return Caller(key.id, key.is_operator)

    def _caller(self, request: HTTPConnection, text: str) -> Caller:
        if not self._keys.is_wanted:
            return Caller()
        if not text:
            return NOBODY
        address, now_ns = _address_of(request), self._clock.now_ns()
        is_waiting = self._wrong.too_many(address, now_ns)
        key = None
        if len(text) <= LONGEST_TEXT and (not is_waiting or len(text) >= UNGUESSABLE):
            key = self._keys.find(text)
        if key is not None:
            return Caller(key.id, key.is_operator)
        if told := self._wrong.note(address, now_ns):
            self.audit.note("key_refused", "key_invalid", {"key": "", "address": address, "count": told})
        if is_waiting:
            raise Refusal("too_many_wrong_keys", "Too many wrong API keys came from here; try again in a minute.")
        raise Refusal("key_invalid", "This API key is not known here; ask for another, or look for a slip in it.")

    def _claims(self, token: str) -> dict[str, object]:
        """Read a token.

        Raises:
            jwt.InvalidTokenError: when it is not ours, or no longer good; and what a damaged one makes of itself.
        """
        if len(token) > LONGEST_TEXT:
            raise jwt.InvalidTokenError
        claims: dict[str, object] = jwt.decode(
            token, self._secret, [ALGORITHM], options={"require": ["sub", "role", "exp"]}
        )
        expires_s = claims["exp"]
        if not isinstance(expires_s, int | float) or expires_s > wall_clock().timestamp() + self._longest_s + 60:
            raise jwt.InvalidTokenError  # signed by somebody who means it to last for ever
        return claims


def require_key(caller: Caller) -> None:
    """Ask for a key where one is wanted and none was given.

    Raises:
        Refusal: ``key_missing``.
    """
    if not caller.is_known:
        raise Refusal("key_missing", 'Send an API key: "Authorization: Bearer KEY", or "key" in "start".')


def caller_of(request: HTTPConnection) -> Caller:
    """Return who asks, once :meth:`Gate.check_key` or :meth:`Gate.greet` has found out; else nobody."""
    caller: Caller = getattr(request.state, "caller", NOBODY)
    return caller


Asking = Annotated[Caller, Depends(caller_of)]  # a route's parameter


async def let_anybody(request: HTTPConnection) -> None:
    """Take whoever asks for one who may: for routes that stand open."""
    request.state.caller = Caller()


def bearer_of(request: HTTPConnection) -> str:
    """Return the key or the token that a request's ``Authorization`` bears; empty where there is none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _address_of(request: HTTPConnection) -> str:
    return ADDRESS.get() or (request.client.host if request.client else "")
