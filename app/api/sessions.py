"""``/api/sessions``: sessions made and watched over from outside, by whoever has a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from app.api.auth import Gate
from app.api.bodies import JsonRoute
from app.api.client_address import address_of
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
from app.media import VIDEO_FPS
from app.sessions.service import Service
from app.sessions.session import Session


def session_routes(service: Service, gate: Gate) -> APIRouter:
    """Make the routes over a service."""
    router = APIRouter(
        prefix="/api/sessions", tags=["sessions"], dependencies=[Depends(gate.check_key)], route_class=JsonRoute
    )

    @router.post("", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, *NO_FACE_TO_OPEN))
    async def make(
        request: Request, response: Response, wish: Annotated[SessionWish, Body(default_factory=SessionWish)]
    ) -> SessionMade:
        asked = replace(wish.request(service.settings), address=address_of(request.client and request.client.host))
        session = await service.open(asked)
        response.headers["Location"] = f"/api/sessions/{session.id}"
        return _made(session, gate, request)

    @router.get("", responses=problems(*NO_KEY))
    async def list_sessions() -> SessionList:
        return SessionList(sessions=[SessionView.of(session) for session in service.sessions.values()])

    @router.get("/{id}", responses=problems(*NO_KEY, "no_such_session"))
    async def get_session(id: str) -> SessionView:
        return SessionView.of(service.find(id))

    @router.delete("/{id}", status_code=204, responses=problems(*NO_KEY, "no_such_session"))
    async def end_session(id: str) -> None:
        await service.close(service.find(id))

    @router.post("/{id}/tokens", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session"))
    async def make_token(id: str, wish: TokenWish) -> TokenMade:
        token = gate.issue(service.find(id).id, wish.role, wish.ttl_s)
        return TokenMade(token=token.text, expires_at=token.expires_at)

    @router.post("/{id}/interrupt", responses=problems(*NO_KEY, "no_such_session"))
    async def interrupt(id: str) -> Cut:
        cut = service.find(id).interrupt(from_outside=True)
        return Cut(utterance=cut.utterance, played_ms=cut.played_ms, session_played_ms=cut.session_played_ms)

    return router


def _made(session: Session, gate: Gate, request: Request) -> SessionMade:
    lifetime, expires_at = session.limits.lifetime, session.expires_at
    assert lifetime is not None and expires_at is not None
    site = str(request.base_url).rstrip("/")
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
        ice_servers=[IceServerModel.of(server) for server in session.limits.ice_servers],
        expires_at=expires_at,
    )
