"""``/api/sessions``: sessions made, listed and ended from outside, by whoever has a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.problems import BAD_JSON, NO_FACE_TO_OPEN, NO_KEY, problems
from app.api.session_made import describe_made
from app.api.session_models import SessionList, SessionMade, SessionView, SessionWish
from app.api.site import site_of
from app.peer_address import address_of
from app.session_ref import bare
from app.sessions.service import Service
from app.tracing import following


def session_routes(service: Service, gate: Gate) -> APIRouter:
    """Make the routes over all sessions of a service, and for the end of one; others are in ``one_session.py``.

    A front has others in their place: who ends a session is often a page that is closed, and follows nowhere.
    """
    router = APIRouter(
        prefix="/api/sessions", tags=["sessions"], dependencies=[Depends(gate.check_key)], route_class=JsonRoute
    )

    @router.post("", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, *NO_FACE_TO_OPEN, "no_such_mood"))
    async def make(
        request: Request,
        response: Response,
        caller: Asking,
        wish: Annotated[SessionWish, Body(default_factory=SessionWish)],
    ) -> SessionMade:
        with following(service.tracing.begin("session start", request.headers)):
            address = address_of(request.client and request.client.host)
            asked = replace(wish.request(service.settings, caller.id), address=address)
            session = await service.open(asked)
        response.headers["Location"] = f"/api/sessions/{session.ref}"
        return describe_made(session, gate, site_of(request, service.settings))

    @router.get("", responses=problems(*NO_KEY))
    async def list_sessions(caller: Asking) -> SessionList:
        return SessionList(sessions=[SessionView.of(session) for session in service.own(caller)])

    @router.delete("/{id}", status_code=204, responses=problems(*NO_KEY, "no_such_session"))
    async def end_session(id: str, caller: Asking) -> None:
        with gate.audit.act("session_deleted", session=bare(id)):
            await service.end_own(id, caller)

    return router
