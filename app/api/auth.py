"""Who may do what: API keys for those who run sessions, tokens and passes for what is about one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.access.audit import Audit
from app.access.caller import NOBODY, Caller
from app.access.key_ring import KeyRing, revoked
from app.access.wrong_keys import WrongKeys
from app.api.passes import PARAMETER, Passes, Proof
from app.api.tokens import LONGEST_TEXT, TOKEN_PREFIX, Role, Tokens
from app.clock import MonotonicClock
from app.config import Settings
from app.errors import Refusal
from app.log_context import ADDRESS, KEY
from app.session_ref import ref_in_path

ALL_SESSIONS = "/api/sessions"  # of which a pass may be, too: one for no session
UNGUESSABLE = 32  # characters; a key as long needs no protection from those who guess


class Gate:
    """Checks keys, tokens and passes. Without API keys whoever reaches the server may make sessions.

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
        self.tokens = Tokens(settings)
        self._passes, self.of_stage = Passes(self.tokens.secret), of_stage

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
            role = self.tokens.role_of(text, session_id)
            return self.pass_for(session_id, role=role)
        if not text and self._proof(request, session_id) is not None:
            return request.query_params[PARAMETER]  # the same: whoever has found one shall not have it renewed for ever
        caller = await self.greet(request)
        return self.pass_for(session_id, caller) if caller.id else None

    async def may_know(self, request: HTTPConnection, session_id: str, owner: str) -> bool:
        """Tell whether a request proves that its sender may know of a session that a key owns."""
        text = bearer_of(request)
        try:
            if text.startswith(TOKEN_PREFIX):
                return bool(self.tokens.role_of(text, session_id))
            if not text and (proof := self._proof(request, session_id)) is not None and proof.role:
                return True
            return (await self.greet(request)).may_change(owner)
        except Refusal:
            return False

    def bears_pass(self, request: HTTPConnection) -> bool:
        """Tell whether one of ours has seen a key, and sent the request here for the session that it is about."""
        ref = ref_in_path(request.scope["path"])
        try:
            proof = self._proof(request, ref) if ref is not None else None
        except Refusal:
            return False
        return proof is not None and bool(proof.caller)

    def _proof(self, request: HTTPConnection, session_id: str) -> Proof | None:
        """Return what a request's pass proves; None where there is none, or none counts here.

        Raises:
            Refusal: where it is wrong.
        """
        text = request.query_params.get(PARAMETER, "") if self.of_stage else ""
        return self._passes.read(text, session_id) if text else None

    def check_bearer(self, request: HTTPConnection, session_id: str, role: Role) -> None:
        """Let a request in whose ``Authorization`` bears a token, or that has a pass for that.

        Raises:
            Refusal: as :meth:`check` does.
        """
        text = bearer_of(request)
        if text or (proof := self._proof(request, session_id)) is None:
            self.tokens.check(text, session_id, role)
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
