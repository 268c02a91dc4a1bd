"""``/api/sessions``: sessions made and watched over from outside, by whoever has a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.ice_servers import IceServerModel
from app.api.problems import BAD_JSON, NO_FACE_TO_OPEN, NO_KEY, problems
from app.api.session_models import (
    Cut,
    FeedDoor,
    SessionList,
    SessionMade,
    SessionView,
    SessionWish,
    TokenMade,
    TokenWish,
    ViewDoor,
)
from app.api.site import site_of
from app.media import VIDEO_FPS
from app.peer_address import address_of
from app.sessions.service import Service
from app.sessions.session import Session
from app.tracing import following


def session_routes(service: Service, gate: Gate) -> APIRouter:
    """Make the routes over a service."""
    router = APIRouter(
        prefix="/api/sessions", tags=["sessions"], dependencies=[Depends(gate.check_key)], route_class=JsonRoute
    )

    @router.post("", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, *NO_FACE_TO_OPEN))
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
        response.headers["Location"] = f"/api/sessions/{session.id}"
        return _made(session, gate, site_of(request, service.settings))

    @router.get("", responses=problems(*NO_KEY))
    async def list_sessions(caller: Asking) -> SessionList:
        return SessionList(sessions=[SessionView.of(session) for session in service.own(caller)])

    @router.get("/{id}", responses=problems(*NO_KEY, "no_such_session"))
    async def get_session(id: str, caller: Asking) -> SessionView:
        return SessionView.of(service.find_own(id, caller))

    @router.delete("/{id}", status_code=204, responses=problems(*NO_KEY, "no_such_session"))
    async def end_session(id: str, caller: Asking) -> None:
        with gate.audit.act("session_deleted", session=id):
            await service.close(service.find_own(id, caller))

    @router.post(
        "/{id}/tokens", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "no_recording")
    )
    async def make_token(id: str, wish: TokenWish, caller: Asking) -> TokenMade:
        with gate.audit.act("token_issued", session=id, role=wish.role, ttl_s=wish.ttl_s):
            if wish.role == "recording":  # which stays when its session has ended
                await service.recordings.require_own(id, caller)
            else:
                service.find_own(id, caller)
            token = gate.issue(id, wish.role, wish.ttl_s)
        return TokenMade(token=token.text, expires_at=token.expires_at)

    @router.post("/{id}/interrupt", responses=problems(*NO_KEY, "no_such_session"))
    async def interrupt(id: str, caller: Asking) -> Cut:
        with gate.audit.act("session_interrupted", session=id):
            cut = service.find_own(id, caller).interrupt(from_outside=True)
        return Cut(utterance=cut.utterance, played_ms=cut.played_ms, session_played_ms=cut.session_played_ms)

    return router


def _made(session: Session, gate: Gate, site: str) -> SessionMade:
    lifetime, expires_at = session.limits.lifetime, session.expires_at
    assert lifetime is not None and expires_at is not None
    feed = gate.issue(session.id, "feed", lifetime.max_duration_s)
    view = gate.issue(session.id, "view", lifetime.max_duration_s)
    avatar = session.cast.avatar
    return SessionMade(
        id=session.id,
        feed=FeedDoor(url=site.replace("http", "ws", 1) + "/ws", token=feed.text),
        # a fragment is not sent to servers, so that the token stands in no log
        view=ViewDoor(
            whep=f"{site}/whep/{session.id}", watch=f"{site}/watch/{session.id}#token={view.text}", token=view.text
        ),
        width=avatar.width,
        height=avatar.height,
        fps=VIDEO_FPS,
        ice_servers=[IceServerModel.of(server) for server in session.network.ice_servers()],
        expires_at=expires_at,
    )
