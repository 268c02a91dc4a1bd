"""``/api/sessions``: sessions made and watched over from outside, by whoever has a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.problems import BAD_JSON, NO_FACE_TO_OPEN, NO_KEY, problems
from app.api.session_made import describe_made, feed_token
from app.api.session_models import (
    Cut,
    ListeningModel,
    MoodModel,
    SessionList,
    SessionMade,
    SessionView,
    SessionWish,
    TokenMade,
    TokenWish,
)
from app.api.site import site_of
from app.peer_address import address_of
from app.session_ref import bare
from app.sessions.service import Service
from app.tracing import following


def session_routes(service: Service, gate: Gate) -> APIRouter:
    """Make the routes over a service."""
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

    @router.get("/{id}", responses=problems(*NO_KEY, "no_such_session"))
    async def get_session(id: str, caller: Asking) -> SessionView:
        return SessionView.of(service.find_own(id, caller))

    @router.delete("/{id}", status_code=204, responses=problems(*NO_KEY, "no_such_session"))
    async def end_session(id: str, caller: Asking) -> None:
        with gate.audit.act("session_deleted", session=bare(id)):
            await service.close(service.find_own(id, caller))

    @router.post(
        "/{id}/tokens", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "no_recording")
    )
    async def make_token(id: str, wish: TokenWish, caller: Asking) -> TokenMade:
        with gate.audit.act("token_issued", session=bare(id), role=wish.role, ttl_s=wish.ttl_s):
            if wish.role == "recording":  # which stays when its session has ended
                await service.recordings.require_own(id, caller)
            else:
                session = service.find_own(id, caller)
            if wish.role == "feed":
                token = feed_token(session, gate, wish.ttl_s)
            else:
                token = gate.tokens.issue(id, wish.role, wish.ttl_s)
        return TokenMade(token=token.text, expires_at=token.expires_at)

    @router.post("/{id}/interrupt", responses=problems(*NO_KEY, "no_such_session"))
    async def interrupt(id: str, caller: Asking) -> Cut:
        with gate.audit.act("session_interrupted", session=bare(id)):
            cut = service.find_own(id, caller).interrupt(from_outside=True)
        return Cut(utterance=cut.utterance, played_ms=cut.played_ms, session_played_ms=cut.session_played_ms)

    @router.get("/{id}/mood", responses=problems(*NO_KEY, "no_such_session"))
    async def get_mood(id: str, caller: Asking) -> MoodModel:
        return MoodModel.of(service.find_own(id, caller).mood)

    @router.put("/{id}/mood", responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "no_such_mood"))
    async def set_mood(id: str, wish: MoodModel, caller: Asking) -> MoodModel:
        session = service.find_own(id, caller)
        session.feel(wish.mood)
        return MoodModel.of(session.mood)

    @router.post("/{id}/listening", status_code=204, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session"))
    async def listen(id: str, heard: ListeningModel, caller: Asking) -> None:
        session = service.find_own(id, caller)
        if heard.state is not None:
            session.listen(heard.state)
        session.hear(heard.levels)

    return router
