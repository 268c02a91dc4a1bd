"""Requests about a session, sent on to the stage where it lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.responses import Response

from app.api.astray import address_at, go_to
from app.api.auth import Gate
from app.api.whep import PREFIX as WHEP
from app.api.whereabouts import Elsewhere
from app.cluster.whereabouts import MOVING, Whereabouts
from app.errors import Refusal
from app.session_ref import bare
from app.sessions.recordings import Recordings

RECORDING = "/recording"
NO_PASS_NEEDED = ("PATCH", "DELETE")  # below a viewer's own path, which is a secret


@dataclass(frozen=True)
class _Proof:
    """``proven``: a pass, empty where none is needed. ``may_know``: whether they may know of what an owner has."""

    proven: str
    may_know: Callable[[str], bool]


def _nothing(owner: str) -> bool:
    return False


def _everything(owner: str) -> bool:
    return True


class SentOn:
    """A dependency of all routes about one session: where that lives on a stage, they are not come to.

    Who asks is known before, and what they have proven travels along as a pass, as clients drop their key or token
    where they are sent to another origin. Who has proven nothing about a session is not told by the answer whether
    there is one: they are sent to the stage that its reference names, as with any other that names it.
    """

    def __init__(self, whereabouts: Whereabouts, gate: Gate, recordings: Recordings, name: str = "") -> None:
        """``recordings``: those of the store. ``name``: the address of all stages, where a proxy gives requests to
        their owners.
        """
        self._whereabouts, self._gate, self._recordings, self._name = whereabouts, gate, recordings, name

    async def __call__(self, request: Request) -> None:
        """Send a request on, or let it pass where no stage has its session.

        Raises:
            Elsewhere: to its stage.
            Refusal: ``session_moving``, and what a gate refuses for.
        """
        if request.method == "OPTIONS":
            return
        ref = str(request.path_params.get("id") or request.path_params.get("session_id"))
        proof = await self._prove(request, ref)
        at = await self._whereabouts.find(ref, proof.may_know)
        if at is None and not self._name and await self._is_unsent_recording(request, ref):
            at = await self._whereabouts.stage_of(ref)
        if at is None:
            return
        if self._name and at.ref == ref:  # the proxy has been there, and found nobody
            raise Refusal("session_moving", MOVING)
        raise Elsewhere(address_at(self._name or at.url, request, proof.proven or None, (ref, at.ref)))

    async def _is_unsent_recording(self, request: Request, ref: str) -> bool:
        """Tell whether a request is for a recording that the store has not: its stage may have yet to put it there."""
        if not request.url.path.endswith(RECORDING):
            return False
        try:
            await self._recordings.owner_of(ref)
        except Refusal:  # there is none, or the store is away
            return True
        return False

    async def _prove(self, request: Request, ref: str) -> _Proof:
        """Return what a request has proven.

        Raises:
            Refusal: as the gate does.
        """
        id = bare(ref)
        if request.url.path.startswith(WHEP):
            if request.method in NO_PASS_NEEDED:
                return _Proof("", _nothing)
            self._gate.check_bearer(request, id, "view")
            return _Proof(self._gate.pass_for(id, role="view"), _everything)
        if request.url.path.endswith(RECORDING) and request.method in ("GET", "HEAD"):
            bearer = await self._gate.check_key_or_token(request, id, "recording")
            if bearer is None:
                return _Proof(self._gate.pass_for(id, role="recording"), _everything)
            if not bearer.id:  # a pass even so: pages of the front show what comes with one
                return _Proof(self._gate.pass_for(id, role="recording"), bearer.may_change)
            return _Proof(self._gate.pass_for(id, caller=bearer), bearer.may_change)
        caller = await self._gate.check_key(request)
        return _Proof(self._gate.pass_for(id, caller=caller) if caller.id else "", caller.may_change)


def answer_elsewhere(app: FastAPI) -> None:
    """Have an application answer :class:`Elsewhere`."""

    async def on_elsewhere(request: Request, elsewhere: Exception) -> Response:
        assert isinstance(elsewhere, Elsewhere)
        return go_to(elsewhere.url)

    app.add_exception_handler(Elsewhere, on_elsewhere)
